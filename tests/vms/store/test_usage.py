from __future__ import annotations

import os
from pathlib import Path

import pytest

from vms.store.usage import Usage

HOUR = "live/0000000000000001/20260101/12"


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    (tmp_path / HOUR).mkdir(parents=True)
    return tmp_path / HOUR


def test_files_in_every_folder_are_counted(tmp_path: Path, hour: Path) -> None:
    _write(tmp_path / "top", 10_000)
    _write(hour / "a.cseg", 20_000)
    assert Usage(tmp_path).measure() == _on_disk(tmp_path / "top") + _on_disk(hour / "a.cseg")


def test_reserved_bytes_count_although_nothing_is_written_there(tmp_path: Path, hour: Path) -> None:
    with (hour / "a.cseg.part").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
        os.truncate(file.fileno(), 1 << 20)
    assert Usage(tmp_path).measure() >= 1 << 20


def test_files_that_come_and_go_are_seen(tmp_path: Path, hour: Path) -> None:
    usage = Usage(tmp_path)
    _write(hour / "a.cseg", 8192)
    one = usage.measure()
    _write(hour / "b.cseg", 8192)
    assert usage.measure() == 2 * one
    (hour / "a.cseg").unlink()
    assert usage.measure() == one


def test_a_part_that_grows_is_seen(tmp_path: Path, hour: Path) -> None:
    usage = Usage(tmp_path)
    _write(hour / "a.cseg.part", 8192)
    before = usage.measure()
    with (hour / "a.cseg.part").open("ab") as file:
        file.write(bytes(16_384))
    assert usage.measure() == before + 16_384


def test_an_hour_that_is_over_is_not_listed_again(tmp_path: Path, hour: Path) -> None:
    usage = Usage(tmp_path)
    _write(hour / "a.cseg", 8192)
    before = usage.measure()
    with (hour / "a.cseg").open("ab") as file:  # nobody does that to a published file: it shows that the folder is remembered
        file.write(bytes(16_384))
    assert usage.measure() == before


def test_a_tree_that_vanished_measures_nothing(tmp_path: Path) -> None:
    assert Usage(tmp_path / "gone").measure() == 0


def test_links_are_not_followed(tmp_path: Path, hour: Path) -> None:
    _write(hour / "a.cseg", 8192)
    before = Usage(tmp_path / "live").measure()
    (tmp_path / "live" / "loop").symlink_to(tmp_path)
    assert Usage(tmp_path / "live").measure() - before < 8192


def _write(path: Path, size: int) -> None:
    path.write_bytes(bytes(size))


def _on_disk(path: Path) -> int:
    found = path.stat()
    return max(found.st_size, found.st_blocks * 512)

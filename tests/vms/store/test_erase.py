"""The one deleter: it takes exactly the named files, and no link leads it elsewhere."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from vms.errors import InvalidInput
from vms.store.erase import erase_published

_NAME = PurePosixPath("live/0001/20260314/15/segment.cseg")
_OTHER = _NAME.with_name("other.cseg")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume" / _NAME.parent
    folder.mkdir(parents=True)
    for name in (_NAME, _OTHER):
        (tmp_path / "volume" / name).write_bytes(b"footage")
    return tmp_path / "volume"


def test_the_named_file_goes_and_its_neighbour_stays(volume: Path) -> None:
    assert erase_published(volume, [_NAME]) == 1
    assert [path.name for path in (volume / _NAME.parent).iterdir()] == ["other.cseg"]


def test_folders_of_an_hour_and_its_day_go_with_their_last_file(volume: Path) -> None:
    later = volume / "live/0001/20260315/01"
    later.mkdir(parents=True)
    (later / "segment.cseg").write_bytes(b"footage")
    assert erase_published(volume, [_OTHER, _NAME]) == 2
    assert [path.name for path in (volume / "live/0001").iterdir()] == ["20260315"]
    assert erase_published(volume, [PurePosixPath("live/0001/20260315/01/segment.cseg")]) == 1
    assert list((volume / "live").iterdir()) == [volume / "live/0001"]


def test_each_folder_is_synced_once_after_its_last_file_went(volume: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(os.listdir(handle)))  # noqa: PTH208 - a handle, no path
    erase_published(volume, [_NAME, _OTHER])
    assert synced == [[]]


def test_a_file_that_is_gone_already_is_no_error(volume: Path) -> None:
    erase_published(volume, [_NAME])
    assert erase_published(volume, [_NAME, _OTHER]) == 1
    assert erase_published(volume, [_NAME, PurePosixPath("live/0002/20260314/15/segment.cseg")]) == 0


@pytest.mark.parametrize("name", ["../outside", "live/../../outside", "/etc/passwd", "vms-volume.json", ""])
def test_a_name_that_leads_out_of_the_footage_is_refused_and_nothing_is_erased(volume: Path, name: str) -> None:
    (volume.parent / "outside").write_text("mine")
    with pytest.raises(InvalidInput):
        erase_published(volume, [_NAME, PurePosixPath(name)])
    assert (volume.parent / "outside").exists()
    assert (volume / _NAME).exists()


def test_a_link_in_the_path_is_not_followed(volume: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "segment.cseg").write_text("mine")
    (volume / "live" / "0009").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        erase_published(volume, [PurePosixPath("live/0009/segment.cseg")])
    assert (elsewhere / "segment.cseg").exists()

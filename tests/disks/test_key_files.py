"""Disks that refuse a next key or its taking the current one's place: it is said in a sentence, and every key stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.disks.machine import FaultyDisk, in_memory, run
from tests.fakes.fault_fs import Fault
from vms.errors import Unavailable
from vms.store.key_files import KeyFiles

pytestmark = pytest.mark.slow


def _key_on(folder: Path) -> KeyFiles:
    files = KeyFiles(folder / "node_kek.key")
    files.make_if_none()
    return files


def test_a_full_disk_takes_no_next_key_and_keeps_the_current_one(tmp_path: Path) -> None:
    with in_memory(tmp_path / "small", size_mb=1) as folder:
        files = _key_on(folder)
        current = files.fresh()
        with (folder / "fill").open("wb", buffering=0) as fill:
            os.posix_fallocate(fill.fileno(), 0, os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize)
        with pytest.raises(Unavailable, match=r"No space left on device.*No key was changed"):
            files.begin()
        assert files.fresh() == current
        assert sorted(path.name for path in folder.iterdir()) == ["fill", "node_kek.key"]
        (folder / "fill").unlink()
        files.begin()
        assert files.fresh()[0] == current[0]
        files.finish()
        assert files.fresh()[0] != current[0]


def test_a_disk_that_can_not_be_written_takes_no_first_key(tmp_path: Path) -> None:
    with in_memory(tmp_path / "small", size_mb=1) as folder:
        run("mount", "-o", "remount,ro", folder)
        with pytest.raises(Unavailable, match=r"node_kek\.key can't be made \(Read-only file system\)"):
            _key_on(folder)
        run("mount", "-o", "remount,rw", folder)
        assert len(_key_on(folder).fresh()) == 1


def test_a_read_only_disk_keeps_the_keys_that_are_there(tmp_path: Path) -> None:
    with in_memory(tmp_path / "small", size_mb=1) as folder:
        files = _key_on(folder)
        current = files.fresh()
        run("mount", "-o", "remount,ro", folder)
        with pytest.raises(Unavailable, match="Read-only file system"):
            files.begin()
        run("mount", "-o", "remount,rw", folder)
        files.begin()
        both = files.fresh()
        run("mount", "-o", "remount,ro", folder)
        with pytest.raises(Unavailable, match=r"Read-only file system.*Both keys stay"):
            files.finish()
        assert files.fresh() == both == (*current, both[1])


@pytest.mark.parametrize("operation", ["create", "write", "fsync", "rename", "fsyncdir"])
def test_a_disk_that_fails_loses_no_key_at_any_operation(disk: FaultyDisk, operation: str) -> None:
    files = _key_on(disk.path)
    current = files.fresh()
    disk.fail(Fault(operation, error="EIO"))
    with pytest.raises(Unavailable, match="Input/output error"):
        files.begin()
    disk.mend()
    assert files.fresh()[0] == current[0]
    files.begin()
    both = files.fresh()
    if operation in ("rename", "fsyncdir"):
        disk.fail(Fault(operation, error="EIO"))
        with pytest.raises(Unavailable, match="Both keys stay" if operation == "rename" else "may not survive a power cut"):
            files.finish()
        disk.mend()
        assert both[1] in files.fresh()
    if files.is_rotating():
        files.finish()
    assert files.fresh() == (both[1],)

"""Key files: made whole, for their owner alone; a next key beside the current one until it takes its place."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from vms.errors import ConfigError, Conflict, Unavailable
from vms.store.key_files import KeyFiles


def _made(path: Path) -> bytes:
    files = KeyFiles(path)
    files.make_if_none()
    (key,) = files.fresh()
    return key


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "node_kek.key"
    key = _made(path)
    assert len(key) == 32
    assert _made(path) == key == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["node_kek.key"]


def test_a_key_file_made_by_many_at_once_is_one(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(timeout=10)
        found.append(_made(tmp_path / "key"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_key_file_left_half_made_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "key.tmp").write_bytes(b"half")
    assert len(_made(tmp_path / "key")) == 32


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_key_file_of_a_wrong_length_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a key of 32 bytes"):
        _made(path)
    assert path.read_bytes() == content


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        _made(path)


def test_a_next_key_is_read_behind_the_current_one_and_takes_its_place(tmp_path: Path) -> None:
    files, running = KeyFiles(tmp_path / "key"), KeyFiles(tmp_path / "key")
    first = _made(files.path)
    assert running.held() == (first,)
    files.begin()
    _, second = files.fresh()
    assert running.held() == (first,)
    assert running.fresh() == running.held() == (first, second)
    files.finish()
    assert running.held() == (first, second)
    assert running.fresh() == (second,) != (first,)
    assert stat.S_IMODE(files.path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_a_next_key_is_used_by_nobody_before_its_name_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, running = KeyFiles(tmp_path / "key"), KeyFiles(tmp_path / "key")
    first = _made(files.path)
    synced: list[Path] = []

    def beside(folder: Path) -> None:
        monkeypatch.setattr("vms.store.key_files.fsync_dir", synced.append)
        assert running.fresh()[0] == first
        assert synced == [folder]
        running.fresh()
        assert synced == [folder]

    monkeypatch.setattr("vms.store.private_files.fsync_dir", beside)
    files.begin()
    assert running.held() == files.fresh()


def test_a_next_key_that_the_disk_does_not_keep_is_not_used_and_the_sentence_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, running = KeyFiles(tmp_path / "key"), KeyFiles(tmp_path / "key")
    first = _made(files.path)
    assert running.held() == (first,)
    for module in ("private_files", "key_files"):
        monkeypatch.setattr(f"vms.store.{module}.fsync_dir", _fails)
    with pytest.raises(Unavailable, match="Both keys stay"):
        files.begin()
    with pytest.raises(ConfigError, match="can't be used yet"):
        running.fresh()
    assert running.held() == (first,)


def _fails(_folder: Path) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_rotation_that_was_cut_short_goes_on_with_the_next_key_that_it_left(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "key")
    _made(files.path)
    files.begin()
    both = files.fresh()
    files.begin()
    assert files.fresh() == both


def test_keys_that_are_held_serve_while_the_files_are_away(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "key")
    key = _made(files.path)
    assert files.held() == (key,)
    files.path.unlink()
    assert files.held() == (key,)
    with pytest.raises(ConfigError, match="is gone"):
        files.fresh()


def test_no_first_key_is_made_where_a_next_one_waits(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "key")
    _made(files.path)
    files.begin()
    files.path.unlink()
    files.make_if_none()
    with pytest.raises(ConfigError, match="is gone"):
        files.fresh()


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    files, other = KeyFiles(tmp_path / "key"), KeyFiles(tmp_path / "other")
    for each in (files, other):
        _made(each.path)
    with files.rotating(), pytest.raises(Conflict, match="Another rotation"), other.rotating():
        pass
    with other.rotating():
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_files_of_another_account_are_left_to_it(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "key")
    _made(files.path)
    os.chown(files.path, 65534, -1)
    with pytest.raises(ConfigError, match="belongs to another account"), files.rotating():
        pass

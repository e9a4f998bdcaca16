from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from tests.factories import FixedKeys
from tests.vms.store.key_copies import Copies, Failed, fail, raw, rows
from tests.vms.store.keys_child import CAMERA, DESTROYED_AT, KEK
from tests.vms.store.killed import killed_at
from vms.crypto import KeySource
from vms.domain.ids import CameraId
from vms.errors import ConfigError, Unavailable
from vms.store.failpoints import armed
from vms.store.key_copy import Copy, Entry
from vms.store.key_files import KeyFiles
from vms.store.keys import CREATE_STEPS, DESTROY_STEPS, REWRAP_STEPS, KeyName, KeyStore, Rewrapped

CHILD = "tests.vms.store.keys_child"
NEXT = bytes(range(32, 64))


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies.in_folder(tmp_path)


def test_a_key_is_made_once_and_found_again(copies: Copies) -> None:
    with copies.store() as store:
        assert store.hour_key(CAMERA, 5) is None
        key = store.hour_key(CAMERA, 5, create=True)
        assert key is not None
        assert len(key) == 32
        assert store.hour_key(CAMERA, 5, create=True) == store.hour_key(CAMERA, 5) == key
    with copies.store() as again:
        assert again.hour_key(CAMERA, 5) == key


def test_every_camera_and_hour_has_a_key_of_its_own(copies: Copies) -> None:
    with copies.store() as store:
        made = store.ensure_all([(CameraId(camera), hour) for camera in (1, 2) for hour in (1, 2)])
        assert len(made) == len(set(made.values())) == 4
        assert store.ensure(CameraId(1), [1, 2]) == {1: made[CameraId(1), 1], 2: made[CameraId(1), 2]}


def test_both_copies_hold_the_same_wrapped_keys_and_nothing_in_the_clear(copies: Copies) -> None:
    with copies.store() as store:
        key = store.ensure(CAMERA, [1])[1]
    assert rows(copies.one) == rows(copies.two) != {}
    assert key not in copies.one.read_bytes() + copies.two.read_bytes()


def test_a_destroyed_key_is_gone_from_both_files_and_stays_gone(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1, 2])
        wrapped = rows(copies.one)[CAMERA, 1]
        assert wrapped is not None
        assert wrapped in copies.one.read_bytes()
        store.destroy({(CAMERA, 1): {}}, at=DESTROYED_AT)
        assert store.hour_key(CAMERA, 1) is None
        assert store.hour_key(CAMERA, 1, create=True) is None
        assert store.ensure(CAMERA, [1, 2]).keys() == {2}
    for copy in (copies.one, copies.two):
        assert rows(copy)[CAMERA, 1] is None
        assert all(wrapped not in file.read_bytes() for file in copy.parent.iterdir())


def test_destroying_again_or_ahead_leaves_a_tombstone(copies: Copies) -> None:
    with copies.store() as store:
        for _ in range(2):
            store.destroy({(CAMERA, 9): {}}, at=DESTROYED_AT)
        assert store.hour_key(CAMERA, 9, create=True) is None
    assert rows(copies.one) == rows(copies.two) == {(CAMERA, 9): None}


@pytest.mark.slow
@pytest.mark.parametrize("step", CREATE_STEPS)
def test_a_kill_while_keys_are_made_loses_no_key_that_was_handed_out(copies: Copies, step: str) -> None:
    with copies.store() as store:
        earlier = store.ensure(CAMERA, [1])
    killed_at(step, CHILD, "create", copies.one, copies.two)
    left = rows(copies.one)
    with copies.store() as store:
        assert store.ensure(CAMERA, [1]) == earlier
        assert rows(copies.one) == rows(copies.two) == left
        assert (store.hour_key(CAMERA, 2) is None) == (step == CREATE_STEPS[0])


@pytest.mark.slow
@pytest.mark.parametrize("step", DESTROY_STEPS)
def test_a_kill_while_a_key_is_destroyed_never_brings_it_back(copies: Copies, step: str) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1, 2])
    killed_at(step, CHILD, "destroy", copies.one, copies.two)
    begun = rows(copies.one)[CAMERA, 1] is None
    assert begun == (step != DESTROY_STEPS[0])
    with copies.store() as store:
        assert (store.hour_key(CAMERA, 1) is None) == begun
        assert store.hour_key(CAMERA, 2) is not None
    assert rows(copies.one) == rows(copies.two)


@pytest.mark.parametrize("step", [*CREATE_STEPS, *DESTROY_STEPS])
def test_the_next_call_mends_what_one_thatfailed_left(copies: Copies, step: str) -> None:
    with copies.store() as store, copies.store() as other:
        store.ensure(CAMERA, [1])
        with armed(step, fail), pytest.raises(Failed):
            store.ensure(CAMERA, [1, 2]) if step in CREATE_STEPS else store.destroy({(CAMERA, 1): {}}, at=DESTROYED_AT)
        found = other.ensure(CAMERA, [1, 2])
        assert found == store.ensure(CAMERA, [1, 2])
        assert found.keys() == ({2} if step in DESTROY_STEPS[1:] else {1, 2})
        assert rows(copies.one) == rows(copies.two)


def test_look_ups_see_a_destruction_as_soon_as_the_first_copy_has_it(copies: Copies) -> None:
    with copies.store() as store, copies.store() as other:
        store.ensure(CAMERA, [1])
        with armed("keys:destroy:b", fail), pytest.raises(Failed):
            store.destroy({(CAMERA, 1): {}}, at=DESTROYED_AT)
        assert other.hour_key(CAMERA, 1) is None


@pytest.mark.parametrize("lost", ["one", "two"])
def test_a_lost_copy_is_made_again_from_the_other(copies: Copies, lost: str) -> None:
    with copies.store() as store:
        keys = store.ensure(CAMERA, [1, 2])
        store.destroy({(CAMERA, 2): {}}, at=DESTROYED_AT)
    (copies.one if lost == "one" else copies.two).unlink()
    with copies.store() as store:
        assert store.hour_key(CAMERA, 1) == keys[1]
        assert store.hour_key(CAMERA, 2) is None
    assert rows(copies.one) == rows(copies.two)


@pytest.mark.parametrize("restored", ["one", "two"])
def test_a_copy_restored_from_an_old_backup_brings_no_destroyed_key_back(copies: Copies, restored: str, tmp_path: Path) -> None:
    path = copies.one if restored == "one" else copies.two
    with copies.store() as store:
        store.ensure(CAMERA, [1])
    shutil.copy(path, tmp_path / "backup")
    with copies.store() as store:
        store.destroy({(CAMERA, 1): {}}, at=DESTROYED_AT)
        later = store.ensure(CAMERA, [2])
    shutil.copy(tmp_path / "backup", path)
    with copies.store() as store:
        assert store.hour_key(CAMERA, 1, create=True) is None
        assert store.hour_key(CAMERA, 2) == later[2]


def test_two_stores_are_not_mixed(copies: Copies, tmp_path: Path) -> None:
    with copies.store():
        pass
    other = Copies(tmp_path / "other1.db", tmp_path / "other2.db")
    with other.store():
        pass
    with pytest.raises(Unavailable, match="different key stores"), Copies(copies.one, other.two).store():
        pass


def test_copies_with_different_keys_of_one_hour_are_not_guessed_about(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1, 2])
    left = rows(copies.two)
    with raw(copies.two) as connection:
        connection.execute("UPDATE hour_key SET wrapped = ? WHERE hour = 1", (left[CAMERA, 2],))
    with pytest.raises(Unavailable, match="different keys of camera 7, hour 1"), copies.store():
        pass
    assert rows(copies.two)[CAMERA, 1] == left[CAMERA, 2]


def test_a_wrong_node_key_is_found_out_before_a_key_is_made_with_it(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1])
    before = rows(copies.one)
    with pytest.raises(ConfigError, match=r"node_kek\.key"), copies.store(bytes(32)):
        pass
    assert rows(copies.one) == before


def test_a_damaged_key_is_unavailable_and_condemns_no_footage(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1])
        with raw(copies.one) as connection:
            connection.execute("UPDATE hour_key SET wrapped = ?", (bytes(40),))
        with pytest.raises(Unavailable, match="damaged"):
            store.hour_key(CAMERA, 1)


@pytest.mark.parametrize("spoilt", ["one", "two"])
def test_a_damaged_file_is_refused_with_what_to_do(copies: Copies, spoilt: str) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1])
    path = copies.one if spoilt == "one" else copies.two
    path.write_bytes(os.urandom(8192))
    with pytest.raises(Unavailable, match="made again from the other copy"), copies.store():
        pass


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is its disk mounted"):
        KeyStore.open(tmp_path / "a" / "keys.db", tmp_path / "b" / "keys.db", FixedKeys((KEK,)))
    (tmp_path / "a").mkdir()
    with pytest.raises(ConfigError, match="Is its disk mounted"):
        KeyStore.open(tmp_path / "a" / "keys.db", tmp_path / "b" / "keys.db", FixedKeys((KEK,)))


def test_key_files_are_read_by_their_owner_only(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1])
        for file in (*copies.one.parent.iterdir(), *copies.two.parent.iterdir()):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_commits_are_durable_and_deleted_keys_overwritten(copies: Copies) -> None:
    with copies.store() as store:
        for copy in store._copies:
            found = [copy._connection.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous", "secure_delete")]
            assert found == [("delete",), (3,), (1,)]


def test_many_threads_and_stores_agree_on_the_same_keys(copies: Copies) -> None:
    found: list[dict[int, bytes]] = []
    start = threading.Barrier(4)

    def ask(store: KeyStore) -> Callable[[], None]:
        def run() -> None:
            start.wait(timeout=10)
            found.append(store.ensure(CAMERA, range(5)))

        return run

    with copies.store() as store, copies.store() as other:
        threads = [threading.Thread(target=ask(which)) for which in (store, store, other, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert len(found) == 4
    assert all(keys == found[0] and keys.keys() == set(range(5)) for keys in found)


def test_a_store_opens_with_either_of_two_keys_and_wraps_what_is_new_under_the_newest(copies: Copies) -> None:
    with copies.store(KEK) as store:
        old = store.ensure(CAMERA, [1])
    with copies.store(KEK, NEXT) as store:
        new = store.ensure(CAMERA, [2])
        assert store.ensure(CAMERA, [1]) == old
    cells = rows(copies.one)
    assert aes_key_unwrap(KEK, cells[CAMERA, 1] or b"") == old[1]
    assert aes_key_unwrap(NEXT, cells[CAMERA, 2] or b"") == new[2]


def test_a_rotated_store_opens_with_the_new_key_alone_and_holds_the_same_keys(copies: Copies) -> None:
    with copies.store(KEK) as store:
        store.destroy({(CAMERA, 9): {}}, at=DESTROYED_AT)
        keys = store.ensure(CAMERA, range(4))
    with copies.store(KEK, NEXT) as store:
        assert store.rewrap() == Rewrapped((CAMERA, 3), 4)
        assert store.rewrap((CAMERA, 3)) == Rewrapped(None, 0)
        assert store.rewrap() == Rewrapped((CAMERA, 3), 0)
        store.settle()
    with copies.store(NEXT) as store:
        assert store.ensure(CAMERA, range(4)) == keys
        assert store.hour_key(CAMERA, 9, create=True) is None
    with pytest.raises(ConfigError, match=r"node_kek\.key"), copies.store(KEK):
        pass


def test_what_a_key_does_not_open_in_either_copy_is_named(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.store.keys.REWRAP_PAGE", 2)
    with copies.store(KEK) as store:
        store.ensure(CAMERA, range(5))
        store.destroy({(CAMERA, 2): {}}, at=DESTROYED_AT)
    left = {(CAMERA, hour) for hour in (0, 1, 3, 4)}
    with copies.store(KEK, NEXT) as store:
        assert store.unopenable((NEXT,)) == left
        with armed("keys:rewrap:b", fail), pytest.raises(Failed):
            store.rewrap()
        assert store.unopenable((NEXT,)) == left
        store.rewrap()
        assert store.unopenable((NEXT,)) == {(CAMERA, 3), (CAMERA, 4)}
        assert store.unopenable((KEK, NEXT)) == set()


def test_no_process_waits_while_a_rotation_reads_every_key(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a million of them take seconds."""
    page = Copy.page
    found: list[bytes] = []
    with _opened(copies, FixedKeys((KEK,))) as running, _opened(copies, FixedKeys((KEK, NEXT))) as rotating:
        running.ensure(CAMERA, [1])

        def beside(copy: Copy, after: KeyName | None, limit: int) -> dict[KeyName, Entry]:
            assert copies.lock_is_free()
            found.append(running.ensure(CAMERA, [1])[1])
            return page(copy, after, limit)

        monkeypatch.setattr(Copy, "page", beside)
        assert rotating.unopenable((NEXT,)) == {(CAMERA, 1)}
    assert len(found) == 4


def test_a_process_whose_key_file_is_away_for_a_moment_wraps_nothing_under_the_old_key_behind_the_proof(
    copies: Copies, tmp_path: Path
) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with _opened(copies, KeyFiles(files.path)) as running, _opened(copies, files) as rotating:
        running.ensure(CAMERA, [1])
        files.begin()
        _rotate(rotating)
        away = files.path.rename(tmp_path / "away")
        with pytest.raises(Unavailable, match="No key for a new hour"):
            running.ensure(CAMERA, [2])
        away.rename(files.path)
        assert rotating.unopenable(files.fresh()[1:]) == set()


@pytest.mark.parametrize("put_back", ["one", "two"])
def test_copies_that_need_different_keys_are_refused_and_neither_is_called_the_older(copies: Copies, tmp_path: Path, put_back: str) -> None:
    """After `secrets/` and one copy were put back the other is the newer one, and the only one with the latest keys."""
    path = copies.one if put_back == "one" else copies.two
    with copies.store(KEK) as store:
        store.ensure(CAMERA, [1])
    shutil.copy(path, tmp_path / "backup")
    with copies.store(KEK, NEXT) as store:
        _rotate(store)
    with copies.store(NEXT) as store:
        store.ensure(CAMERA, [2])
    shutil.copy(tmp_path / "backup", path)
    for kek in (KEK, NEXT):
        with (
            pytest.raises(ConfigError, match=r"needs another key than .* put back the newer node_kek\.key; only if .* itself was put back"),
            copies.store(kek),
        ):
            pass


@pytest.mark.parametrize("step", REWRAP_STEPS)
def test_the_next_open_goes_on_with_what_a_rotation_thatfailed_left(copies: Copies, step: str) -> None:
    with copies.store(KEK) as store:
        keys = store.ensure(CAMERA, [1, 2])
    with copies.store(KEK, NEXT) as store, armed(step, fail), pytest.raises(Failed):
        _rotate(store)
    with copies.store(KEK, NEXT) as store:
        assert store.ensure(CAMERA, [1, 2]) == keys
        _rotate(store)
    with copies.store(NEXT) as store:
        assert store.ensure(CAMERA, [1, 2]) == keys
    assert rows(copies.one) == rows(copies.two)


def test_a_store_that_is_open_in_another_process_reads_and_makes_keys_through_a_rotation(copies: Copies, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with _opened(copies, KeyFiles(files.path)) as running, _opened(copies, files) as rotating:
        keys = running.ensure(CAMERA, [1, 2])
        files.begin()
        keys |= running.ensure(CAMERA, [3])
        rotating.rewrap()
        assert running.ensure(CAMERA, [1, 2, 3]) == keys
        rotating.settle()
        files.finish()
        assert {hour: running.hour_key(CAMERA, hour) for hour in keys} == keys
        made = running.ensure(CAMERA, [4])[4]
        assert rotating.hour_key(CAMERA, 4) == made


def test_a_store_whose_key_file_is_away_goes_on_with_the_key_that_it_needs(copies: Copies, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with _opened(copies, files) as store:
        away = files.path.rename(tmp_path / "away")
        made = store.ensure(CAMERA, [1])
        away.rename(files.path)
    with _opened(copies, files) as store:
        assert store.ensure(CAMERA, [1]) == made


def test_a_store_whose_key_file_is_away_makes_no_key_under_one_that_was_removed(copies: Copies, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with _opened(copies, KeyFiles(files.path)) as running, _opened(copies, files) as rotating:
        files.begin()
        rotating.settle()
        files.finish()
        files.path.unlink()
        with pytest.raises(Unavailable, match="No key for a new hour"):
            running.ensure(CAMERA, [1])


def test_a_key_whose_file_is_away_after_a_rotation_is_unavailable_and_comes_back_with_it(copies: Copies, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with _opened(copies, KeyFiles(files.path)) as running, _opened(copies, files) as rotating:
        made = running.ensure(CAMERA, [1])
        files.begin()
        rotating.rewrap()
        away = files.path.rename(tmp_path / "away")
        with pytest.raises(Unavailable, match="is gone"):
            running.ensure(CAMERA, [1])
        with pytest.raises(Unavailable, match="is gone"):
            running.hour_key(CAMERA, 1)
        away.rename(files.path)
        assert running.ensure(CAMERA, [1]) == made


def _rotate(store: KeyStore) -> None:
    store.rewrap()
    store.settle()


@contextmanager
def _opened(copies: Copies, keks: KeySource) -> Iterator[KeyStore]:
    store = KeyStore.open(copies.one, copies.two, keks)
    try:
        yield store
    finally:
        store.close()

"""Segments that outlive the key of their hour: each keeps a key of its own until it goes itself, and nothing brings one back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.vms.store.key_copies import Copies, Failed, fail, raw, rows, survivors
from tests.vms.store.keys_child import CAMERA, DESTROYED_AT, KEK, OWN_KEYS, SEGMENTS
from tests.vms.store.killed import killed_at
from vms.domain.ids import CameraId, SegmentId
from vms.errors import ConfigError, Unavailable
from vms.store.failpoints import armed
from vms.store.keys import DESTROY_STEPS, FORGET_STEPS, REWRAP_STEPS, KeyStore, Rewrapped

CHILD = "tests.vms.store.keys_child"
NEXT = bytes(range(32, 64))
HOUR = (CAMERA, 1)


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies.in_folder(tmp_path)


@pytest.fixture
def outlived(copies: Copies) -> Copies:
    """An hour whose key three segments outlive, and one with its key."""
    with copies.store() as store:
        store.ensure(CAMERA, [1, 2])
        store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
    return copies


def _left(store: KeyStore) -> dict[SegmentId, bytes]:
    return {one: key for one in SEGMENTS if (key := store.survivor_key(*HOUR, one)) is not None}


def _rotate(store: KeyStore) -> None:
    store.rewrap()
    store.settle()


def test_segments_keep_keys_of_their_own_when_that_of_their_hour_goes(copies: Copies) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1])
        wrapped = rows(copies.one)[HOUR]
        assert wrapped is not None
        assert _left(store) == {}
        store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        assert (store.hour_key(*HOUR), _left(store)) == (None, OWN_KEYS)
        assert store.hour_key(*HOUR, create=True) is None
    with copies.store() as again:
        assert _left(again) == OWN_KEYS
        assert again.survivor_key(CameraId(8), 1, SEGMENTS[0]) is None
        assert (again.hours(CAMERA, before=9), again.outlived_hours(CAMERA, before=9), again.outlived_hours(CAMERA, before=1)) == (
            [],
            [1],
            [],
        )
    assert survivors(copies.one) == survivors(copies.two) == {one: aes_key_wrap(KEK, key) for one, key in OWN_KEYS.items()}
    for file in (copies.one, copies.two):
        assert wrapped not in file.read_bytes()


def test_a_forgotten_segment_s_key_is_gone_from_both_files_and_the_others_stay(outlived: Copies) -> None:
    wrapped = survivors(outlived.one)[SEGMENTS[0]]
    assert wrapped in outlived.one.read_bytes()
    with outlived.store() as store:
        store.forget(CAMERA, SEGMENTS[:1])
        assert _left(store) == {one: OWN_KEYS[one] for one in SEGMENTS[1:]}
    for file in (outlived.one, outlived.two):
        assert all(wrapped not in one.read_bytes() for one in file.parent.iterdir())


def test_forgetting_a_segment_leaves_the_key_of_an_hour_that_is_there(copies: Copies) -> None:
    with copies.store() as store:
        keys = store.ensure(CAMERA, [1])
        store.forget(CAMERA, SEGMENTS)
        assert store.ensure(CAMERA, [1]) == keys
        assert _left(store) == {}


def test_an_hour_that_is_destroyed_for_good_takes_the_survivors_with_it_and_keeps_the_day_of_its_tombstone(outlived: Copies) -> None:
    with outlived.store() as store:
        before = store.destroyed(CAMERA, [1])
        store.destroy({HOUR: {}}, at=DESTROYED_AT.replace(year=2027))
        assert (_left(store), store.outlived_hours(CAMERA, before=9), store.destroyed(CAMERA, [1])) == ({}, [], before)
    assert survivors(outlived.one) == survivors(outlived.two) == {}


def test_nothing_is_added_to_an_hour_whose_key_is_destroyed(copies: Copies) -> None:
    with copies.store() as store:
        store.destroy({HOUR: {}}, at=DESTROYED_AT)
        store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        assert _left(store) == {}


@pytest.mark.slow
@pytest.mark.parametrize("step", DESTROY_STEPS)
def test_a_kill_while_segments_are_left_keys_leaves_the_hour_s_or_theirs_never_neither(copies: Copies, step: str) -> None:
    with copies.store() as store:
        store.ensure(CAMERA, [1, 2])
    killed_at(step, CHILD, "outlive", copies.one, copies.two)
    begun = step != DESTROY_STEPS[0]
    with copies.store() as store:
        assert (store.hour_key(*HOUR) is None, _left(store)) == (begun, OWN_KEYS if begun else {})
    assert (rows(copies.one), survivors(copies.one)) == (rows(copies.two), survivors(copies.two))


@pytest.mark.slow
@pytest.mark.parametrize("step", FORGET_STEPS)
def test_a_kill_while_a_segment_is_forgotten_never_brings_its_key_back(outlived: Copies, step: str) -> None:
    killed_at(step, CHILD, "forget", outlived.one, outlived.two)
    left = SEGMENTS if step == FORGET_STEPS[0] else SEGMENTS[1:]
    with outlived.store() as store:
        assert _left(store) == {one: OWN_KEYS[one] for one in left}
    assert survivors(outlived.one) == survivors(outlived.two)


@pytest.mark.parametrize("step", DESTROY_STEPS)
def test_the_next_call_carries_out_a_destruction_that_failed(copies: Copies, step: str) -> None:
    with copies.store() as store, copies.store() as other:
        store.ensure(CAMERA, [1])
        with armed(step, fail), pytest.raises(Failed):
            store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        other.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        assert _left(store) == OWN_KEYS
        assert (rows(copies.one), survivors(copies.one)) == (rows(copies.two), survivors(copies.two))


@pytest.mark.parametrize("step", FORGET_STEPS)
def test_the_next_call_forgets_what_one_that_failed_left(outlived: Copies, step: str) -> None:
    with outlived.store() as store, outlived.store() as other:
        with armed(step, fail), pytest.raises(Failed):
            store.forget(CAMERA, SEGMENTS[:1])
        other.forget(CAMERA, SEGMENTS[:1])
        assert _left(store) == {one: OWN_KEYS[one] for one in SEGMENTS[1:]}
    assert survivors(outlived.one) == survivors(outlived.two)


@pytest.mark.parametrize("restored", ["one", "two"])
@pytest.mark.parametrize("of", ["the hour", "the survivors"])
def test_a_copy_restored_from_an_old_backup_brings_nothing_back(copies: Copies, restored: str, of: str, tmp_path: Path) -> None:
    path = copies.one if restored == "one" else copies.two
    with copies.store() as store:
        store.ensure(CAMERA, [1])
        if of == "the hour":
            shutil.copy(path, tmp_path / "backup")
        store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        if of == "the survivors":
            shutil.copy(path, tmp_path / "backup")
        store.forget(CAMERA, SEGMENTS[:1])
    shutil.copy(tmp_path / "backup", path)
    with copies.store() as store:
        assert store.hour_key(*HOUR, create=True) is None
        assert _left(store) == {one: OWN_KEYS[one] for one in SEGMENTS[1:]}
    assert survivors(copies.one) == survivors(copies.two)


@pytest.mark.parametrize("lost", ["one", "two"])
def test_a_lost_copy_is_made_again_with_the_survivors(outlived: Copies, lost: str) -> None:
    (outlived.one if lost == "one" else outlived.two).unlink()
    with outlived.store() as store:
        assert _left(store) == OWN_KEYS
    assert survivors(outlived.one) == survivors(outlived.two)


def test_copies_with_different_keys_of_one_segment_are_not_guessed_about(outlived: Copies) -> None:
    with raw(outlived.two) as connection:
        connection.execute(
            "UPDATE segment_key SET wrapped = ? WHERE segment = ?", (aes_key_wrap(KEK, bytes(32)), bytes.fromhex(SEGMENTS[0]))
        )
    with pytest.raises(Unavailable, match="different keys of camera 7, hour 1"), outlived.store():
        pass


def test_a_damaged_key_of_a_segment_is_unavailable_and_condemns_no_footage(outlived: Copies) -> None:
    with outlived.store() as store:
        with raw(outlived.one) as connection:
            connection.execute("UPDATE segment_key SET wrapped = ?", (bytes(40),))
        with pytest.raises(Unavailable, match="damaged"):
            store.survivor_key(*HOUR, SEGMENTS[0])


def test_a_rotation_brings_the_survivors_under_the_new_key_a_bounded_number_in_one_commit(
    outlived: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.store.keys.REWRAP_PAGE", 2)
    with outlived.store(KEK, NEXT) as store:
        assert store.count() == 4
        assert store.unopenable((NEXT,)) == {HOUR, (CAMERA, 2)}
        assert store.rewrap() == Rewrapped(HOUR, 3)
        assert store.unopenable((NEXT,)) == {(CAMERA, 2)}
        assert store.rewrap(HOUR) == Rewrapped((CAMERA, 2), 1)
        assert store.rewrap((CAMERA, 2)) == Rewrapped(None, 0)
        store.settle()
    with outlived.store(NEXT) as store:
        assert _left(store) == OWN_KEYS
        assert store.unopenable((NEXT,)) == set()


@pytest.mark.parametrize("step", REWRAP_STEPS)
def test_a_rotation_that_failed_on_the_way_loses_no_survivor(outlived: Copies, step: str) -> None:
    with outlived.store(KEK, NEXT) as store, armed(step, fail), pytest.raises(Failed):
        _rotate(store)
    with outlived.store(KEK, NEXT) as store:
        assert _left(store) == OWN_KEYS
        _rotate(store)
    with outlived.store(NEXT) as store:
        assert _left(store) == OWN_KEYS
    assert survivors(outlived.one) == survivors(outlived.two)


def test_a_segment_s_key_that_no_key_opens_names_its_hour(outlived: Copies) -> None:
    with raw(outlived.two) as connection:
        connection.execute("UPDATE segment_key SET wrapped = ? WHERE segment = ?", (bytes(40), bytes.fromhex(SEGMENTS[1])))
    with pytest.raises(Unavailable, match="hour 1"), outlived.store():
        pass


def test_a_store_of_before_segments_could_outlive_their_hour_is_brought_up_to_date(copies: Copies) -> None:
    with copies.store() as store:
        keys = store.ensure(CAMERA, [1])
    for path in (copies.one, copies.two):
        with raw(path) as connection:
            connection.execute("DROP TABLE segment_key")
            connection.execute("UPDATE store SET format = 1")
    with copies.store() as store:
        assert store.ensure(CAMERA, [1]) == keys
        store.destroy({HOUR: OWN_KEYS}, at=DESTROYED_AT)
        assert _left(store) == OWN_KEYS
    for path in (copies.one, copies.two):
        with raw(path) as connection:
            assert connection.execute("SELECT format FROM store").fetchone() == (2,)


def test_a_store_of_a_later_version_is_refused(copies: Copies) -> None:
    with copies.store():
        pass
    with raw(copies.two) as connection:
        connection.execute("UPDATE store SET format = 3")
    with pytest.raises(ConfigError, match="has format 3; this program knows format 2"), copies.store():
        pass

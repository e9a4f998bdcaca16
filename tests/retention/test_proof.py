"""What is shown of a day that is over: gone, kept by a hold, left, or a purge log that somebody changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from retention.proof import note_head, prove_day, standings
from tests.factories import NOW, after
from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.purge import FIRST_HASH
from vms.domain.timespan import Timespan, datetime_of_ms, ms_of
from vms.store import purge_log
from vms.store.files import IDENTITY
from vms.store.retention_tables import APPEND_ONLY

_DAY = Timespan(NOW - timedelta(days=20), NOW - timedelta(days=19))
_PAST = -20 * DAY


def _proof(world: World) -> DayProof:
    return prove_day(world.node, CAMERA, _DAY)


def test_a_day_that_is_over_is_shown_to_be_gone_in_index_files_keys_and_log(world: World) -> None:
    world.record(*(_PAST + 60 * minute for minute in range(1, 100)))
    world.record(-DAY)
    before = _proof(world)
    assert (before.verdict, before.rows, before.files, before.keys_destroyed) == (Verdict.KEPT, 0, 0, 0)  # no window was said yet
    world.make_pass()
    shown = _proof(world)
    assert (shown.verdict, shown.rows, shown.files, shown.keys_there, shown.broken_at) == (Verdict.GONE, 0, 0, 0, None)
    assert shown.keys_destroyed == 2
    assert sum(one.batch.segments for one in shown.purges) == 99
    assert (shown.entries, shown.heads) == (1, 1)
    assert shown.over_at == datetime_of_ms(ms_of(_DAY.end)) + timedelta(days=14)


def test_what_a_hold_keeps_is_shown_as_held_and_nothing_else(world: World) -> None:
    world.record(*(_PAST + 60 * minute for minute in range(1, 100)))
    world.hub.place(5, _PAST + 600, _PAST + 660)
    world.make_pass()
    shown = _proof(world)
    assert (shown.verdict, shown.held, shown.rows, shown.files) == (Verdict.HELD, (5,), 5, 5)
    world.hub.release(5)
    world.make_pass()
    assert _proof(world).verdict is Verdict.GONE


def test_what_should_be_gone_is_found_in_the_index_and_on_the_disk(world: World) -> None:
    """A pass that does not come, and a file that was put back by hand."""
    world.make_pass()
    made = world.record(_PAST + 60)
    left = _proof(world)
    assert (left.verdict, left.rows, left.files) == (Verdict.LEFT, 1, 1)
    world.make_pass()
    assert _proof(world).verdict is Verdict.GONE
    back = world.volume.segment_path(made[0].id)
    back.parent.mkdir(parents=True, exist_ok=True)
    back.write_bytes(b"from a backup")
    found = _proof(world)
    assert (found.verdict, found.rows, found.files) == (Verdict.LEFT, 0, 1)


def test_a_hold_on_a_part_of_a_day_excuses_nothing_of_the_rest(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660)
    world.make_pass()
    world.record(_PAST + 600, _PAST + 3600)
    shown = _proof(world)
    assert (shown.verdict, shown.held, shown.rows) == (Verdict.LEFT, (5,), 2)


def test_a_day_within_its_window_is_kept(world: World) -> None:
    world.hub.days = 30
    world.record(_PAST + 60)
    world.make_pass()
    shown = _proof(world)
    assert (shown.verdict, shown.rows, shown.files, shown.keeps_days) == (Verdict.KEPT, 1, 1, 30.0)


def test_a_volume_that_is_not_there_is_said(world: World) -> None:
    world.make_pass()
    (world.volume.path / IDENTITY).unlink()
    shown = _proof(world)
    assert shown.verdict is Verdict.UNSEEN
    assert len(shown.unmounted) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE purge_log SET segments = segments + 1 WHERE position = 2",
        "UPDATE purge_log SET first_ms = first_ms - 1 WHERE position = 2",
        "UPDATE purge_log SET keep_ms = keep_ms + 1 WHERE position = 2",
        "UPDATE purge_log SET root = zeroblob(32) WHERE position = 2",
        "UPDATE purge_log SET position = 3 WHERE position = 2",
    ],
)
def test_an_entry_that_somebody_changed_is_named(world: World, change: str) -> None:
    world.record(_PAST + 60, _PAST + 8000)
    world.hub.place(5, _PAST + 4000, _PAST + 4060)
    world.make_pass()
    _by_hand(world, change)
    shown = _proof(world)
    assert (shown.verdict, shown.broken_at) == (Verdict.BROKEN, 2)


def test_a_purge_log_that_was_made_anew_is_not_the_one_that_the_access_log_knows(world: World) -> None:
    """Every hash of it holds; only the hub knows another."""
    world.record(_PAST + 60)
    world.make_pass()
    with world.node.index.read.begin() as connection:
        ((entry, stored),) = purge_log.purges(connection)
    assert world.hub.heads[0].hash == stored
    forged = entry.__class__(entry.batch, entry.position, entry.erased_ms + 1, entry.root).hash_after(FIRST_HASH)
    _by_hand(world, "UPDATE purge_log SET erased_ms = erased_ms + 1, hash = :hash", hash=forged)
    with world.node.index.read.begin() as connection:
        assert purge_log.follow(connection).broken_at is None
    shown = _proof(world)
    assert (shown.verdict, shown.broken_at) == (Verdict.BROKEN, 1)


def test_a_purge_log_that_was_cut_back_lacks_what_the_access_log_knows(world: World) -> None:
    world.record(_PAST + 60)
    world.make_pass()
    _by_hand(world, "DELETE FROM purge_log")
    assert _proof(world).verdict is Verdict.BROKEN


def test_the_head_is_told_once_a_day_with_what_went_the_day_before(world: World) -> None:
    world.record(*(_PAST + 60 * minute for minute in range(1, 100)))
    world.make_pass()
    world.make_pass()
    assert [(head.position, head.segments) for head in world.hub.heads] == [(1, 0)]
    world.clock.advance(DAY)
    world.hub.away = True
    world.make_pass()
    world.hub.away = False
    world.make_pass()
    assert [(head.position, head.segments, head.size_bytes) for head in world.hub.heads] == [(1, 0, 0), (1, 99, 99 * 7)]


def test_of_an_empty_purge_log_nothing_is_told(world: World) -> None:
    world.make_pass()
    note_head(world.node)
    assert world.hub.heads == []


def test_each_camera_is_told_with_what_should_be_gone(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660)
    world.make_pass()
    world.record(_PAST + 600, _PAST + 3600, -DAY)
    (told,) = standings(world.node)
    assert (told.camera_id, told.oldest_at, told.held, told.overdue) == (CAMERA, datetime_of_ms(ms_of(after(_PAST + 600))), 1, 1)
    world.make_pass()
    (told,) = standings(world.node)
    assert (told.held, told.overdue) == (1, 0)


def _by_hand(world: World, statement: str, **values: bytes) -> None:
    """What somebody does who has the file of the index."""
    names = [one.split()[2] for one in APPEND_ONLY]
    with world.node.index.write.begin() as connection:
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement), values)
        for one in APPEND_ONLY:
            connection.execute(text(one))

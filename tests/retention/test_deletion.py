"""A pass: what is past its window and held by nothing goes, whole; everything else stays, whatever happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy import Connection

from retention.deletion import Deletion, Due, due
from retention.orders import take_orders
from tests.factories import STREAM, a_gap, a_run, after
from tests.retention.footage import CAMERA, footage
from tests.retention.world import DAY, World
from vms.domain.footage import ClockEvent, GapReason, SegmentState
from vms.domain.ids import CameraId, StreamId, segment_id
from vms.domain.purge import FIRST_HASH, root_of
from vms.domain.retention import LEASE_LASTS
from vms.domain.timespan import ms_of
from vms.store import clock_events, deletion_lease, hold_replica, purge_log, purging, runs, segments, stream_rules, volumes
from vms.store import gaps as gap_rows
from vms.store.deletion_lease import Lease
from vms.store.erase import erase_published
from vms.store.failpoints import armed
from vms.store.files import Volume

if TYPE_CHECKING:
    from vms.store.database import Engines

_OTHER = StreamId(9_002)
_WINDOW = 14 * DAY


def test_footage_past_its_window_goes_with_rows_and_files_and_younger_footage_stays(world: World) -> None:
    old = world.record(-_WINDOW - 3600, -_WINDOW - 61)
    young = world.record(-_WINDOW - 59, -60)
    passed = world.make_pass()
    assert (world.left(old), world.left(young)) == ([False, False], [True, True])
    assert (passed.condemned, passed.erased, passed.purged, passed.kept, passed.paused) == (2, 2, 2, 0, None)
    with world.node.index.read.begin() as connection:
        assert volumes.get(connection, world.volume.id).live_bytes == 14
    assert world.make_pass().purged == 0


def test_the_purge_log_says_what_went_and_each_entry_s_hash_is_over_the_one_before(world: World) -> None:
    first = world.record(-_WINDOW - 7200, -_WINDOW - 7140)
    world.make_pass()
    second = world.record(-_WINDOW - 3600)
    world.make_pass()
    with world.node.index.read.begin() as connection:
        entries = purge_log.purges(connection)
    assert [(entry.batch.segments, entry.batch.first_ms, entry.batch.size_bytes, entry.position) for entry, _ in entries] == [
        (2, first[0].start_ms, 14, 1),
        (1, second[0].start_ms, 7, 2),
    ]
    assert entries[0][0].root == root_of([one.file_digest for one in first])
    assert [stored for _, stored in entries] == [
        entries[0][0].hash_after(FIRST_HASH),
        entries[1][0].hash_after(entries[0][0].hash_after(FIRST_HASH)),
    ]
    assert replace(entries[0][0], erased_ms=1).hash_after(FIRST_HASH) != entries[0][1]


@pytest.mark.parametrize(
    "statement", ["UPDATE purge_log SET segments = 9", "DELETE FROM purge_log", "UPDATE purge_log SET position = NULL"]
)
def test_no_statement_changes_what_the_purge_log_says(world: World, statement: str) -> None:
    world.record(-_WINDOW - 3600)
    world.make_pass()
    with pytest.raises(Exception, match="append-only"), world.node.index.write.begin() as connection:
        connection.exec_driver_sql(statement)


def test_what_a_hold_touches_with_its_minute_and_its_clock_error_stays_and_goes_when_it_is_released(world: World) -> None:
    base = -_WINDOW - 86_400
    # The hold names 600 s to 660 s; 62 s more on both sides are kept.
    made = world.record(base, base + 478 - 1, base + 540, base + 600, base + 661, base + 722, base + 800)
    world.hub.place(1, base + 600, base + 660)
    passed = world.make_pass()
    assert world.left(made) == [False, False, True, True, True, False, False]
    assert (passed.purged, passed.kept) == (4, 3)
    world.hub.release(1)
    assert world.make_pass().purged == 3
    assert world.left(made) == [False] * 7


def test_an_open_hold_keeps_everything_from_its_beginning_on_and_another_camera_s_hold_keeps_nothing_here(world: World) -> None:
    made = world.record(-_WINDOW - 7200, -_WINDOW - 3600, -_WINDOW - 1800)
    world.hub.place(1, -_WINDOW - 3600, None)
    world.hub.place(2, -_WINDOW - 90_000, None, CameraId(77))
    world.make_pass()
    assert world.left(made) == [False, True, True]


def test_what_two_holds_keep_stays_until_both_are_released(world: World) -> None:
    made = world.record(-_WINDOW - 3600)
    world.hub.place(1, -_WINDOW - 3600, -_WINDOW)
    world.hub.place(2, -_WINDOW - 9000, None)
    world.hub.release(2)
    world.make_pass()
    assert world.left(made) == [True]
    world.hub.release(1)
    world.make_pass()
    assert world.left(made) == [False]


def test_a_hold_that_comes_too_late_is_told_what_is_lost(world: World) -> None:
    world.record(-_WINDOW - 3600)
    world.make_pass()
    kept = world.record(-_WINDOW + 60)
    world.hub.place(1, -_WINDOW - 7200, -60)
    take_orders(world.node)
    (answer,) = world.hub.answers
    assert (answer.kept_segments, answer.kept_bytes, answer.condemned_segments, answer.purged_segments) == (1, 7, 0, 1)
    assert (answer.first_ms, answer.last_ms) == (kept[0].start_ms, kept[0].start_ms + 60_001)  # the end is rounded up
    assert world.hub.applied == 1


def test_a_hold_is_told_what_is_being_destroyed(world: World) -> None:
    made = world.record(-_WINDOW - 3600, -_WINDOW - 3000)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id], most=1)
    world.hub.place(1, -_WINDOW - 7200, None)
    take_orders(world.node)
    assert [(one.kept_segments, one.condemned_segments) for one in world.hub.answers] == [(1, 1)]
    world.make_pass()
    assert world.left(made) == [False, True]


def test_an_answer_that_did_not_reach_the_hub_is_given_again(world: World) -> None:
    world.record(-_WINDOW - 3600)
    world.hub.place(1, -_WINDOW - 7200, None)
    with world.node.index.write.begin() as connection:
        hold_replica.apply(connection, world.hub.orders(world.node.node_id, 0, at=world.clock.now()))
    assert world.hub.answers == []
    take_orders(world.node)
    assert [one.kept_segments for one in world.hub.answers] == [1]
    take_orders(world.node)
    assert len(world.hub.answers) == 1


def test_a_hub_that_does_not_answer_stops_condemning_and_nothing_else(world: World) -> None:
    first = world.record(-_WINDOW - 3600)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id])
    later = world.record(-_WINDOW - 1800)
    world.hub.away = True
    passed = world.make_pass()
    assert (world.left(first), world.left(later)) == ([False], [True])
    assert passed.paused == "The hub does not answer."
    world.hub.away = False
    assert world.make_pass().paused is None
    assert world.left(later) == [False]


def test_nothing_is_condemned_without_a_lease_that_lasts(world: World) -> None:
    world.record(-_WINDOW - 3600)
    take_orders(world.node)
    world.clock.advance(LEASE_LASTS.total_seconds() - 0.001)
    before = world.node.reading()
    world.clock.advance(0.001)
    with world.node.index.write.begin() as connection:
        assert purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id]) is None
        assert purging.condemn(connection, STREAM, replace(before, boot_id="another start"), [world.volume.id]) is None
        assert purging.condemn(connection, STREAM, before, [world.volume.id]) is not None


def test_a_lease_that_knows_more_holds_than_are_in_force_here_is_none(world: World) -> None:
    world.record(-_WINDOW - 3600)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        lease = deletion_lease.get(connection)
        assert lease is not None
        deletion_lease.put(connection, replace(lease, hold_seq=1))
        assert purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id]) is None


def test_while_a_batch_of_a_stream_waits_for_its_disk_no_other_of_that_disk_is_condemned(world: World) -> None:
    world.record(-_WINDOW - 3600, -_WINDOW - 3000)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        first = purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id], most=1)
        assert first is not None
        assert purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id]) is None
        purging.purge(connection, first, erased_ms=world.node.reading().at_ms)
        assert purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id]) is not None


def test_a_hub_that_was_put_back_from_a_backup_stops_deletion(world: World) -> None:
    made = world.record(-_WINDOW - 3600)
    world.hub.place(1, -_WINDOW - 7200, None)
    world.make_pass()
    world.hub.changes.clear()
    assert world.make_pass().paused == "The hub knows fewer holds than this node."
    assert world.left(made) == [True]


def test_a_stream_without_a_rule_loses_nothing(world: World) -> None:
    made = world.record(-_WINDOW - 3600, stream=_OTHER)
    world.make_pass()
    assert world.left(made) == [True]


def test_a_shorter_window_takes_hold_at_the_next_pass_and_a_longer_one_too(world: World) -> None:
    made = world.record(-9 * DAY, -5 * DAY)
    world.hub.days = 7
    world.make_pass()
    assert world.left(made) == [False, True]
    world.clock.advance(3 * DAY)
    world.hub.days = 30
    world.make_pass()
    assert world.left(made) == [False, True]


@pytest.mark.parametrize("lead", [2 * 3600, 400 * DAY])
def test_a_clock_that_went_forward_by_itself_destroys_nothing_until_somebody_says_that_it_is_right(world: World, lead: int) -> None:
    made = world.record(-_WINDOW + 3600)
    assert world.make_pass().paused is None
    world.clock.advance(60)
    world.clock.wall += timedelta(seconds=lead)
    world.hub.place(1, -60, None)
    take_orders(world.node)  # holds come into force all the same, and give no lease
    passed = world.make_pass()
    assert "went forward by" in (passed.paused or "")
    assert world.left(made) == [True]
    with world.node.index.write.begin() as connection:
        deletion_lease.put(connection, deletion_lease.Lease(None, world.node.reading()))
    assert world.make_pass().paused is None
    assert world.left(made) == [False]


@pytest.mark.parametrize("lead", [2 * 3600, 400 * DAY])
def test_a_clock_that_goes_forward_in_the_middle_of_a_pass_ends_it(world: World, lead: int) -> None:
    old, young = world.record(-_WINDOW - 3600), world.record(-_WINDOW + 3600)
    ahead = ms_of(after(3600)) // 3_600_000
    world.node.keys.ensure(CAMERA, [ahead])
    waits = 0

    def jump(_seconds: float) -> bool:
        nonlocal waits
        waits += 1
        world.clock.wall += timedelta(seconds=lead if waits == 2 else 0)
        return False

    Deletion(world.node, jump).run()
    assert waits > 2
    assert (world.left(old), world.left(young)) == ([False], [True])
    assert world.node.keys.hour_key(CAMERA, ahead) is not None


def test_orders_that_are_older_than_what_is_in_force_change_nothing(world: World) -> None:
    made = world.record(-_WINDOW - 3600)
    older = world.hub.orders(world.node.node_id, 0, at=world.clock.now())
    world.hub.place(1, -_WINDOW - 7200, None)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        assert not hold_replica.apply(connection, replace(older, rules=()))
        assert hold_replica.applied_seq(connection) == 1
        assert len(stream_rules.rules(connection)) == 1
    world.make_pass()
    assert world.left(made) == [True]


def test_the_key_of_an_hour_stays_with_footage_of_a_stream_without_a_rule(world: World) -> None:
    base = -_WINDOW - 86_400
    world.record(base)
    made = world.record(base + 120, stream=_OTHER)
    with world.node.index.write.begin() as connection:
        runs.put(connection, [a_run(base + 120, base + 180, GapReason.OFFLINE, stream=_OTHER)])
    assert world.make_pass().keys_destroyed == 0
    assert world.left(made) == [True]
    assert world.node.keys.hour_key(CAMERA, made[0].start_ms // 3_600_000) is not None


def test_a_machine_that_was_off_for_a_week_is_asked_about_its_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.make_pass()
    world.clock.advance(7 * DAY)
    monkeypatch.setattr("retention.node.boot_id", lambda: "another start")
    assert "was off for 7 days" in (world.make_pass().paused or "")


def test_a_clock_that_went_back_destroys_nothing_and_goes_on_when_it_is_right_again(world: World) -> None:
    made = world.record(-_WINDOW - 3600)
    world.clock.wall -= timedelta(days=2)
    world.make_pass()
    assert world.left(made) == [True]
    world.clock.advance(2 * DAY)
    world.make_pass()
    assert world.left(made) == [False]


def test_of_a_volume_that_is_not_mounted_nothing_is_condemned_so_a_hold_can_still_keep_it(world: World) -> None:
    made = world.record(-_WINDOW - 3600, -_WINDOW - 1800)
    with _away(world):
        passed = world.make_pass()
        assert (passed.condemned, world.open_batches()) == (0, 0)
        assert "2 segments are past their window on volumes that are not mounted" in (passed.paused or "")
        world.hub.place(1, -_WINDOW - 3600, -_WINDOW - 3500)
    assert world.make_pass().paused is None
    assert world.left(made) == [True, False]


def test_what_lies_on_another_volume_between_the_footage_of_one_that_is_away_goes(world: World, tmp_path: Path) -> None:
    base, other = -_WINDOW - 3600, Volume.create(tmp_path / "other")
    with world.node.index.write.begin() as connection:
        volumes.register(connection, other.id, other.path)
    away = world.record(*(base + at for at in (0, 60, 240)))
    there = footage(world.node.index, other, world.node.keys, [after(base + at) for at in (120, 180, 300)])
    with _away(world):
        passed = world.make_pass()
        assert passed.purged == 3
        assert "3 segments are past their window" in (passed.paused or "")
        assert [other.segment_path(one.id).exists() for one in there] == [False] * 3
    assert world.left(away) == [True] * 3
    assert world.make_pass().purged == 3
    with world.node.index.read.begin() as connection:
        batches = [one.batch for one, _ in purge_log.purges(connection)]
    start_ms = ms_of(after(base))
    ranges = [((one.first_ms - start_ms) // 1000, (one.last_ms - start_ms) // 1000) for one in batches]
    assert ranges == [(120, 180), (300, 300), (0, 240)]  # the last goes over what is gone already


def test_a_disk_that_falls_away_in_a_pass_keeps_the_batch_and_every_pass_says_so_until_it_is_back(world: World) -> None:
    made = world.record(-_WINDOW - 3600)
    with ExitStack() as away:
        with armed("retain:condemn", lambda: away.enter_context(_away(world))):
            passed = world.make_pass()
        for again in (passed, world.make_pass(), world.make_pass()):
            assert "can't be erased" in (again.paused or "")
            assert (again.purged, world.open_batches()) == (0, 1)
    assert world.make_pass().purged == 1
    assert world.left(made) == [False]


def test_a_disk_that_falls_away_while_files_are_erased_is_not_taken_for_an_empty_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.record(-_WINDOW - 3600)
    erase = erase_published
    with ExitStack() as away:

        def fall_away(volume: Path, files: Sequence[PurePosixPath]) -> int:
            away.enter_context(_away(world))
            return erase(volume, files)

        monkeypatch.setattr("retention.erasing.erase_published", fall_away)
        assert world.make_pass().purged == 0
        monkeypatch.undo()
        assert world.open_batches() == 1
    assert world.make_pass().purged == 1
    assert world.left(made) == [False]


@contextmanager
def _away(world: World) -> Iterator[None]:
    """Have the volume's disk be away while the block runs: its folder is empty then."""
    path, away = world.volume.path, world.volume.path.with_name("away")
    path.rename(away)
    path.mkdir()
    yield
    shutil.rmtree(path)
    away.rename(path)


def test_a_disk_that_refuses_keeps_the_batch_and_the_other_streams_go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.record(-_WINDOW - 3600)
    world.hub.streams[_OTHER] = CAMERA
    other = world.record(-_WINDOW - 3600, stream=_OTHER)
    unlink = os.unlink

    def refuse(name: str, *, dir_fd: int | None = None) -> None:
        if name.startswith(f"{STREAM:016x}"):
            raise OSError(5, "Input/output error")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr("os.unlink", refuse)
    passed = world.make_pass()
    assert (passed.condemned, passed.purged, world.open_batches()) == (2, 1, 1)
    monkeypatch.undo()
    assert world.make_pass().purged == 1
    assert (world.left(made), world.left(other)) == ([False], [False])


def test_a_disk_that_refuses_stops_no_footage_of_its_streams_on_other_disks(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, other = -_WINDOW - 3600, Volume.create(tmp_path / "other")
    with world.node.index.write.begin() as connection:
        volumes.register(connection, other.id, other.path)
    stuck = world.record(base, base + 120)
    between, behind = footage(world.node.index, other, world.node.keys, [after(base + at) for at in (60, 180)])
    more = world.record(base + 240)
    erase = erase_published

    def refuse(volume: Path, files: Sequence[PurePosixPath]) -> int:
        if volume == world.volume.path:
            raise OSError(30, "Read-only file system")
        return erase(volume, files)

    with monkeypatch.context() as patch:
        patch.setattr("retention.erasing.erase_published", refuse)
        for _ in range(2):  # however often it is tried: one batch waits
            passed = world.make_pass()
            assert "can't be erased" in (passed.paused or "")
            assert world.open_batches() == 1
        with world.node.index.read.begin() as connection:
            assert segments.states(connection, [one.id for one in (*stuck, *more)]) == {
                stuck[0].id: SegmentState.CONDEMNED,
                stuck[1].id: SegmentState.LIVE,
                more[0].id: SegmentState.LIVE,
            }
        assert [other.segment_path(one.id).exists() for one in (between, behind)] == [False, False]
    assert world.make_pass().purged == 3
    assert world.left([*stuck, *more]) == [False] * 3


def test_an_hour_s_key_goes_with_its_last_footage_of_any_stream_and_never_while_something_is_held(world: World) -> None:
    hour = 3600
    base = -_WINDOW - 24 * hour - 9 * 60  # NOW is nine minutes past
    world.hub.streams[_OTHER] = CAMERA
    world.record(base, base + hour + 600, base + 2 * hour, base + 5 * hour)
    world.record(base + 120, stream=_OTHER)
    world.hub.place(1, base + hour + 600, base + hour + 660)
    passed = world.make_pass()
    first = ms_of(after(base)) // (hour * 1000)
    assert passed.keys_destroyed == 3
    assert world.node.keys.hours(CAMERA, before=first + 400) == [first + 1]
    world.hub.release(1)
    assert world.make_pass().keys_destroyed == 1
    assert world.node.keys.hours(CAMERA, before=first + 400) == []


def test_runs_and_gaps_go_with_their_footage_and_stay_while_some_of_it_is_kept(world: World) -> None:
    base = -_WINDOW - 86_400
    world.record(base, base + 600)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        runs.put(connection, [a_run(base, base + 60, GapReason.OFFLINE), a_run(base + 600, base + 660, GapReason.OFFLINE)])
        gap_rows.put(connection, [a_gap(base + 60, base + 600), a_gap(base + 660, base + 700)])
    world.hub.place(1, base + 600, base + 660)
    world.make_pass()
    with world.node.index.read.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM run").scalar_one() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM gap").scalar_one() == 2
    world.hub.release(1)
    world.make_pass()
    with world.node.index.read.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM run").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM gap").scalar_one() == 0


def _steps(world: World) -> list[int]:
    with world.node.index.read.begin() as connection:
        return [one.step_ms for one in reversed(clock_events.recent(connection))]


def test_steps_of_the_clock_go_with_the_footage_from_before_them_and_stay_under_a_hold(world: World) -> None:
    base = -_WINDOW - 86_400
    world.record(base, -3600)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        runs.put(connection, [a_run(base, base + 60, GapReason.OFFLINE), a_run(-3600, -3540, GapReason.OFFLINE)])
        clock_events.put(connection, [ClockEvent(after(moment), step) for moment, step in ((base + 30, 7), (-7200, 8), (-60, 9))])
    world.hub.place(1, base, base + 60)
    world.make_pass()
    assert _steps(world) == [7, 8, 9]
    world.hub.release(1)
    world.make_pass()
    assert _steps(world) == [9]


def test_without_any_footage_no_step_of_the_clock_is_kept(world: World) -> None:
    with world.node.index.write.begin() as connection:
        clock_events.put(connection, [ClockEvent(after(-60), 7)])
    world.make_pass()
    assert _steps(world) == []


def test_what_steps_are_forgotten_is_decided_where_no_run_can_begin_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, oldest_ms = [], runs.oldest_ms

    def note(connection: Connection) -> int | None:
        asked.append(connection.engine)
        return oldest_ms(connection)

    monkeypatch.setattr(runs, "oldest_ms", note)
    world.make_pass()
    assert asked[-1] is world.node.index.write


def test_a_dry_run_says_what_a_pass_then_does(world: World) -> None:
    made = world.record(*(-_WINDOW - 60 * minute for minute in range(1, 200)))
    world.hub.place(1, -_WINDOW - 3000, -_WINDOW - 1800)
    take_orders(world.node)
    (would,) = due(world.node)
    assert all(world.left(made))
    passed = world.make_pass()
    assert would == Due(CAMERA, passed.condemned, 7 * passed.condemned, passed.kept, 0)
    assert passed.condemned == world.left(made).count(False) > 100


@pytest.mark.parametrize(("asked", "gone"), [(1, 0), (2, purging.STREAMS_AT_ONCE), (5, purging.STREAMS_AT_ONCE + 1)])
def test_a_pass_that_is_told_to_end_condemns_nothing_more_and_erases_what_it_condemned(world: World, asked: int, gone: int) -> None:
    """A hold that is placed while retention is down still keeps what is there."""
    streams = [StreamId(_OTHER + at) for at in range(purging.STREAMS_AT_ONCE + 1)]
    world.hub.streams = dict.fromkeys(streams, CAMERA)
    made = [segment for stream in streams for segment in world.record(-_WINDOW - 3600, stream=stream)]
    told: list[float] = []

    def end(seconds: float) -> bool:
        told.append(seconds)
        return len(told) >= asked

    world.deletion = Deletion(world.node, end)
    world.make_pass()
    assert world.left(made).count(False) == gone
    assert world.open_batches() == 0
    world.deletion = Deletion(world.node, lambda _seconds: False)
    world.make_pass()
    assert not any(world.left(made))


def test_before_the_first_lease_somebody_looks_at_the_clock_where_there_is_footage(world: World) -> None:
    """A new index, or an update: there is nothing yet to hold the clock against."""
    made = world.record(-_WINDOW - 3600)
    with world.node.index.write.begin() as connection:
        runs.put(connection, [a_run(-_WINDOW - 3600, -60)])
    passed = world.make_pass()
    assert "never proved right" in (passed.paused or "")
    assert world.left(made) == [True]
    with world.node.index.write.begin() as connection:
        deletion_lease.put(connection, Lease(None, world.node.reading()))
    assert world.make_pass().paused is None
    assert world.left(made) == [False]


def test_a_pass_that_was_kept_waiting_for_the_index_looks_at_the_clock_again(world: World) -> None:
    """A machine that slept between its look at the lease and the transaction: the hub counts the lease as over."""
    made = world.record(-_WINDOW - 3600)
    world.make_pass()
    made += world.record(-_WINDOW - 7200)
    real = world.node.index

    class Late:
        @staticmethod
        def begin() -> AbstractContextManager[Connection]:
            @contextmanager
            def late() -> Iterator[Connection]:
                with real.write.begin() as connection:
                    world.clock.advance(LEASE_LASTS.total_seconds())
                    yield connection

            return late()

    slow = cast("Engines", SimpleNamespace(read=real.read, write=Late, checkpoint=real.checkpoint))
    passed = Deletion(replace(world.node, index=slow), lambda _seconds: False).run()
    assert passed.condemned == 0
    assert world.left(made)[1]


def test_by_a_clock_that_is_not_trusted_the_hub_is_told_so(world: World) -> None:
    world.make_pass()
    assert world.hub.sure == [True]
    world.clock.wall += timedelta(days=60)
    take_orders(world.node)
    assert world.hub.sure == [True, False]


def test_the_key_of_an_hour_stays_while_a_segment_that_was_not_published_may_reach_into_a_hold(world: World) -> None:
    """Such a segment has no row. It began before the hour was over, and what is protected begins a minute after that."""
    base = -_WINDOW - 2 * DAY
    hour = ms_of(after(base)) // 3_600_000
    ends = (hour + 1) * 3600 - ms_of(after(0)) / 1000
    world.node.keys.ensure(CAMERA, [hour])
    part = world.volume.part_path(segment_id(STREAM, (hour + 1) * 3_600_000 - 1000))
    part.parent.mkdir(parents=True)
    part.write_bytes(b"what a crash left")
    world.hub.place(1, ends + 122, ends + 300)  # less a minute and two seconds: protected from a minute after the hour on
    assert world.make_pass().keys_destroyed == 0
    part.unlink()
    assert world.make_pass().keys_destroyed == 1


def test_a_transaction_condemns_no_more_than_it_may_of_all_its_streams_together(world: World) -> None:
    world.hub.streams[_OTHER] = CAMERA
    for stream in (STREAM, _OTHER):
        world.record(*(-_WINDOW - 3600 + 60 * minute for minute in range(3)), stream=stream)
    take_orders(world.node)
    with world.node.index.write.begin() as connection:
        batches = purging.condemn_each(connection, [STREAM, _OTHER, StreamId(1)], world.node.reading(), [world.volume.id], most=4)
    assert [(batch.number, batch.stream_id, batch.segments) for batch in batches] == [(1, STREAM, 3), (2, _OTHER, 1)]

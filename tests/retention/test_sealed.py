"""What a sealed hold keeps stays, and everything that people are told by a node is as if it had been destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from retention.deletion import Due, due
from retention.orders import take_orders
from retention.proof import Standing, prove_day, standings
from retention.protection import protect
from retention.reconcile import reconcile
from tests.factories import NOW, STREAM, after
from tests.retention.footage import CAMERA, sealed_footage
from tests.retention.world import DAY, World
from tests.vms.media.segment_samples import CAMERA as SAMPLE_CAMERA
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.footage import SegmentState
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId
from vms.domain.policy import Window
from vms.domain.timespan import Timespan, ms_of
from vms.services.capacity import measure
from vms.services.policy_effect import CameraEffect, Counted, counted_here
from vms.services.policy_standing import CameraStanding, FoundHere, found_here
from vms.store import deletion_lease, hold_replica, purging, segments, stream_rules
from vms.store.database import Engines
from vms.store.deletion_lease import Lease
from vms.store.migrate import Which

_DAY = Timespan(NOW - timedelta(days=20), NOW - timedelta(days=19))
_PAST = -20 * DAY
_MINUTES = [_PAST + 60 * minute for minute in range(1, 100)]


def _passed(world: World, *, sealed: bool) -> int:
    """Record a day past its window and minutes of today, make a pass, and return how many segments stay of the old ones."""
    made = world.record(*_MINUTES)
    world.record(*(-DAY / 2 + 60 * minute for minute in range(10)))
    if sealed:
        world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    return sum(world.left(made))


def test_it_keeps_what_any_hold_keeps(world: World) -> None:
    assert _passed(world, sealed=True) == 5
    world.hub.release(5)
    world.make_pass()
    assert _passed(world, sealed=False) == 0


def test_it_is_shown_to_nobody_and_counted_nowhere(world: World) -> None:
    assert _passed(world, sealed=True) == 5
    told = _told(world)
    world.hub.release(5)
    world.make_pass()
    assert _told(world) == told
    proof, (standing,), going, kept, readable, *_ = told
    assert (proof.verdict, proof.held, proof.rows, proof.files, proof.keys_there) == (Verdict.GONE, (), 0, 0, 0)
    assert (standing.held, standing.overdue, going, kept, len(readable)) == (0, 0, [], 0, 1)
    assert standing.oldest_at is not None
    assert standing.oldest_at > NOW - timedelta(days=1)


def test_what_the_next_pass_takes_is_not_beyond_its_policy_yet(world: World) -> None:
    standing = CameraStanding(CAMERA, "Entrance", Window(0, 14, 30), 14)
    world.record(-14 * DAY - 3600, -14 * DAY - 3 * 3600)
    take_orders(world.node)
    with world.node.index.read.begin() as connection:
        assert found_here(connection, (standing,), at=NOW)[CAMERA].beyond == 1


def test_a_policy_is_told_as_if_it_were_not_there(world: World) -> None:
    """A dry run counts what would go but for it."""
    world.record(*(-5 * DAY + 60 * minute for minute in range(10)))
    world.make_pass()
    change = CameraEffect(CAMERA, "Entrance", Window(0, 14, 30), Window(0, 2, 30), 0)

    def would_go() -> dict[CameraId, Counted]:
        with world.node.index.read.begin() as connection:
            return counted_here(connection, [change], at=NOW)

    before = would_go()
    assert before[CAMERA].segments == 10
    world.hub.place(5, -6 * DAY, -4 * DAY, sealed=True)
    world.make_pass()
    assert would_go() == before
    world.hub.place(6, -6 * DAY, -4 * DAY)
    world.make_pass()
    assert would_go()[CAMERA].segments == 0


_Told: TypeAlias = tuple[DayProof, list[Standing], list[Due], int, list[HeldTime], float | None, dict[CameraId, FoundHere]]


def _told(world: World) -> _Told:
    """Return what a node tells people, without the purge log: of what is kept nothing can stand there."""
    with world.node.index.read.begin() as connection:
        room = measure(connection, [world.volume], now=NOW, days=14)
        oldest = None if room is None else round(room.oldest_days, 3)
        readable = stream_rules.readable(connection, STREAM, ms_of(NOW))
        found = found_here(connection, (CameraStanding(CAMERA, "Entrance", Window(0, 14, 30), 14),), at=NOW)
    proof = replace(prove_day(world.node, CAMERA, _DAY), purges=(), entries=0, heads=0)
    passed = world.make_pass()
    return proof, [*standings(world.node)], [*due(world.node)], passed.kept, readable, oldest, found


def test_an_ordinary_hold_beside_it_is_told_and_its_own_footage_shown(world: World) -> None:
    world.hub.place(6, _PAST + 3000, _PAST + 3060)
    assert _passed(world, sealed=True) == 10
    proof = prove_day(world.node, CAMERA, _DAY)
    assert (proof.verdict, proof.held, proof.rows, proof.files) == (Verdict.HELD, (6,), 5, 5)
    (standing,) = standings(world.node)
    assert standing.held == 5
    with world.node.index.read.begin() as connection:
        assert HeldTime(ms_of(NOW) + (_PAST + 2940) * 1000, ms_of(NOW) + (_PAST + 3120) * 1000) in stream_rules.readable(
            connection, STREAM, ms_of(NOW)
        )
        assert _oldest_s(connection) == _PAST + 2880


def _oldest_s(connection: Connection) -> float | None:
    (rule,) = stream_rules.rules(connection)
    oldest = purging.oldest_ms(connection, rule, ms_of(NOW))
    return None if oldest is None else (oldest - ms_of(NOW)) / 1000


def test_within_the_window_footage_under_it_is_shown_like_any_other(world: World) -> None:
    world.record(-DAY)
    world.hub.place(5, -DAY, None, sealed=True)
    world.make_pass()
    day = Timespan(NOW - timedelta(days=1), NOW)
    proof = prove_day(world.node, CAMERA, day)
    assert (proof.verdict, proof.held, proof.rows) == (Verdict.KEPT, (), 1)
    with world.node.index.read.begin() as connection:
        assert hold_replica.sealed(connection) == {5}


def test_footage_that_should_be_gone_is_named_beside_a_sealed_hold(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    world.record(_PAST + 600, _PAST + 3600)
    proof = prove_day(world.node, CAMERA, _DAY)
    assert (proof.verdict, proof.rows, proof.files) == (Verdict.LEFT, 1, 1)
    (standing,) = standings(world.node)
    assert (standing.overdue, standing.held) == (1, 0)


@pytest.fixture
def worlds(index: Engines, migrated_sqlite: Callable[[Which, Path], Engines], tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two nodes alike, but for a sealed hold that the first is told of."""
    (tmp_path / "other").mkdir()
    other = migrated_sqlite(Which.INDEX, tmp_path / "other.db")
    both = World(index, tmp_path), World(other, tmp_path / "other")
    yield both
    for world in both:
        world.node.keys.close()
    other.dispose()


def _in_both(worlds: tuple[World, World]) -> None:
    """Record a day that is past its window, have a sealed hold on ten minutes of it in the first world, and make a pass."""
    for world in worlds:
        world.record(*_MINUTES)
        world.record(*(-DAY / 2 + 60 * minute for minute in range(10)))
    worlds[0].hub.place(5, _PAST + 600, _PAST + 1200, sealed=True)
    worlds[1].hub.place(9, -60, None, CameraId(99), sealed=True)
    for world in worlds:
        world.make_pass()


def test_a_longer_window_shows_nothing_that_only_a_sealed_hold_kept(worlds: tuple[World, World]) -> None:
    _in_both(worlds)
    for world in worlds:
        world.hub.days = 40
        world.make_pass()
    assert _told(worlds[0]) == _told(worlds[1])
    assert _would_go(worlds[0]) == _would_go(worlds[1]) == 0
    proof = prove_day(worlds[0].node, CAMERA, _DAY)
    assert (proof.verdict, proof.rows, proof.files, proof.keys_there) == (Verdict.KEPT, 0, 0, 0)
    worlds[0].hub.release(5)
    worlds[0].make_pass()
    assert _told(worlds[0]) == _told(worlds[1]), "nor once it is over"
    for world in worlds:
        world.hub.days = 14
        world.make_pass()
    assert _rows(worlds[0]) == _rows(worlds[1]) == 10


@pytest.mark.parametrize(
    ("start", "end", "gone"),
    [(0, 9000, len(_MINUTES)), (900, 960, 4), (1170, 1290, 5), (3000, 3001, 3)],
    ids=["all", "within", "edge", "beside"],
)
def test_a_hold_that_comes_later_finds_what_went_before_it(worlds: tuple[World, World], start: int, end: int, gone: int) -> None:
    _in_both(worlds)
    for world in worlds:
        world.hub.place(6, _PAST + start, _PAST + end)
        world.make_pass()
    assert _told(worlds[0]) == _told(worlds[1])
    answers = [next(one for one in world.hub.answers if one.hold_id == 6) for world in worlds]
    assert [one.kept_segments for one in answers] == [0, 0]
    assert answers[0].purged_segments == answers[1].purged_segments == gone
    sealed = next(one for one in worlds[0].hub.answers if one.hold_id == 5)
    assert sealed.kept_segments == 14


def test_a_hold_that_was_there_before_shows_what_it_kept(world: World) -> None:
    world.record(*_MINUTES)
    world.hub.place(5, _PAST + 600, _PAST + 1200, sealed=True)
    world.hub.place(6, _PAST + 900, _PAST + 960)
    world.make_pass()
    assert HeldTime(ms_of(NOW) + (_PAST + 840) * 1000, ms_of(NOW) + (_PAST + 1020) * 1000) in _readable(world)


def test_once_the_seal_is_over_an_ordinary_hold_shows_what_is_there(world: World) -> None:
    """A court lifts it: an ordinary hold is placed, the sealed one released."""
    world.record(*_MINUTES)
    world.hub.place(5, _PAST + 600, _PAST + 1200, sealed=True)
    world.make_pass()
    world.hub.place(6, _PAST + 600, _PAST + 1200)
    world.make_pass()
    assert len(_readable(world)) == 1
    world.hub.release(5)
    world.make_pass()
    assert HeldTime(ms_of(NOW) + (_PAST + 540) * 1000, ms_of(NOW) + (_PAST + 1260) * 1000) in _readable(world)
    assert prove_day(world.node, CAMERA, _DAY).rows == 14


def test_what_no_pass_could_destroy_is_not_gone_for_people_either(worlds: tuple[World, World]) -> None:
    """Without a lease, or by a clock that leapt, footage stays: a longer window shows it again, sealed hold or not."""
    for world in worlds:
        world.record(*(-13.9 * DAY + 60 * minute for minute in range(10)))
        world.make_pass()
    worlds[0].hub.place(5, -13.95 * DAY, None, sealed=True)
    worlds[0].make_pass()
    for world in worlds:
        world.clock.wall += timedelta(days=300)
        world.make_pass()
        world.clock.wall -= timedelta(days=300)
        world.hub.away = True
        world.clock.advance(DAY)
        world.make_pass()
        world.hub.away, world.hub.days = False, 40
        world.make_pass()
    assert _told(worlds[0]) == _told(worlds[1])
    assert _rows(worlds[0]) == 10


def _would_go(world: World) -> int:
    change = CameraEffect(CAMERA, "Entrance", Window(0, 40, 40), Window(0, 14, 30), 0)
    with world.node.index.read.begin() as connection:
        return counted_here(connection, [change], at=NOW)[CAMERA].segments


def _readable(world: World) -> list[HeldTime]:
    with world.node.index.read.begin() as connection:
        return stream_rules.readable(connection, STREAM, ms_of(NOW))


def _rows(world: World) -> int:
    with world.node.index.read.begin() as connection:
        return connection.scalar(text("SELECT count(*) FROM segment")) or 0


def test_a_clock_that_was_set_back_hides_nothing_that_is_recorded_since(world: World) -> None:
    world.clock.advance(40 * DAY)
    world.make_pass()
    world.clock.wall -= timedelta(days=40)
    world.make_pass()
    world.record(60)
    world.clock.advance(2 * DAY)
    world.make_pass()
    assert len(_readable(world)) == 1
    assert _readable(world)[0].start_ms < ms_of(NOW)


def test_a_lost_file_that_only_a_sealed_hold_kept_is_told_to_who_may_know_alone(worlds: tuple[World, World]) -> None:
    _in_both(worlds)
    sealed = worlds[0]
    with sealed.node.index.read.begin() as connection:
        kept = segments.find(connection, STREAM, _DAY)
    sealed.volume.segment_path(kept[3].id).unlink()
    found = []
    for world in worlds:
        with capture_logs() as lines:
            report = reconcile(world.node)
        with world.node.index.read.begin() as connection:
            lost = segments.count_lost(connection, ms_of(NOW))
        told = [line["event"] for line in lines]
        found.append((report.compared, report.read, report.missing, report.damaged, report.other, lost, told))
        assert kept[3].id not in str(report.first) + str(lines)
    assert found[0] == found[1]
    assert found[0][:3] == (10, 10, 0)
    sealed.make_pass()
    assert [one.kept_segments for one in sealed.hub.answers if one.hold_id == 5] == [14, 13]
    with sealed.node.index.read.begin() as connection:
        assert segments.states(connection, [kept[3].id]) == {kept[3].id: SegmentState.LOST}


def test_nothing_is_told_of_a_second_place_that_only_a_sealed_hold_has(worlds: tuple[World, World]) -> None:
    today = [-DAY / 2 + 60 * minute for minute in range(10)]
    for world in worlds:
        world.record(*today)
    sealed = worlds[0]
    sealed.hub.place(5, today[3], today[4], sealed=True)
    worlds[1].hub.place(9, -60, None, CameraId(99), sealed=True)
    told = []
    for world in worlds:
        with capture_logs() as lines:
            world.make_pass()
            linked = protect(world.node, [world.volume]).linked
            for place in (world.volume.path / "protected").rglob("*.cseg"):
                place.unlink()
            report = reconcile(world.node)
            assert protect(world.node, [world.volume]).linked == linked == (5 if world is sealed else 0)
        told.append((report.missing, report.damaged, report.other, [line["event"] for line in lines]))
        assert "second" not in str(report.first) + str(lines)
    assert told[0] == told[1]


def test_what_a_hold_keeps_that_may_be_spoken_of_is_told_beside_a_sealed_one(world: World) -> None:
    today = [-DAY / 2 + 60 * minute for minute in range(10)]
    world.record(*today)
    world.hub.place(5, today[3], today[4], sealed=True)
    world.hub.place(6, today[3], today[4])
    world.make_pass()
    protect(world.node, [world.volume])
    for place in (world.volume.path / "protected").rglob("*.cseg"):
        place.unlink()
    assert reconcile(world.node).other == 5


def test_the_key_of_an_hour_is_told_as_ordinary_holds_alone_would_leave_it(worlds: tuple[World, World]) -> None:
    hour = -15 * DAY - (NOW - NOW.replace(minute=0, second=0)).total_seconds()
    found = []
    for world in worlds:
        world.hub.streams = {STREAM: SAMPLE_CAMERA}
        sealed_footage(world.node.index, world.volume, world.node.keys, [after(hour + 60 * minute) for minute in range(60)])
        with world.node.index.write.begin() as connection:
            deletion_lease.put(connection, Lease(None, world.node.reading()))
        world.hub.place(1, hour + 1200, hour + 1260, SAMPLE_CAMERA)
        whole = SAMPLE_CAMERA if world is worlds[0] else CameraId(99)
        world.hub.place(2, hour - 3600, hour + 7200, whole, sealed=True)
        world.make_pass()
        proof = prove_day(world.node, SAMPLE_CAMERA, Timespan(after(hour - 3600), after(hour + 7200)))
        found.append((proof.verdict, proof.rows, proof.files, proof.keys_there, proof.keys_destroyed, proof.held))
    assert found[0] == found[1]
    assert found[0][1] == 5


def test_a_lost_segment_whose_second_place_is_there_is_no_file_that_nobody_knows(worlds: tuple[World, World]) -> None:
    _in_both(worlds)
    sealed = worlds[0]
    assert protect(sealed.node, [sealed.volume]).linked == 14
    with sealed.node.index.read.begin() as connection:
        kept = segments.find(connection, STREAM, _DAY)[3]
    with sealed.node.index.write.begin() as connection:
        segments.set_state(connection, kept.id, SegmentState.LOST, was=SegmentState.LIVE)
    sealed.volume.segment_path(kept.id).unlink()
    proofs = [prove_day(world.node, CAMERA, _DAY) for world in worlds]
    assert [(one.verdict, one.files, one.left) for one in proofs] == [(Verdict.GONE, 0, ())] * 2


def test_footage_that_is_entered_into_a_time_that_is_gone_is_told_of_to_a_hold_that_comes(worlds: tuple[World, World]) -> None:
    """A disk brings a file back: whoever asks for its time is told that it is there, and of what a sealed hold keeps beside it nothing."""
    _in_both(worlds)
    answers = []
    for world in worlds:
        world.record(_PAST + 60 * 200, _PAST + 60 * 201)
        world.hub.place(6, _PAST, _PAST + 60 * 300)
        world.make_pass()
        answers.append(next(one for one in world.hub.answers if one.hold_id == 6))
    assert [(one.kept_segments, one.purged_segments) for one in answers] == [(2, len(_MINUTES))] * 2
    assert _told(worlds[0]) == _told(worlds[1])
    assert _readable(worlds[0]) == _readable(worlds[1])

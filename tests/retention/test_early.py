"""Footage that goes before its day because disks are full: oldest first, down to the floor, never what is held, and said to be gone so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from recorder.footage import Footage
from recorder.worker_client import WorkerClient
from retention.deletion import due
from retention.proof import Standing, prove_day, standings
from retention.protection import protect
from tests.factories import NOW, STREAM, a_run, after
from tests.recorder.test_health import a_stream
from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from vms.domain.camera import NodeConfiguration, Priority, RecordingMode
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.footage import Gap, GapReason, Segment
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, StreamId
from vms.domain.purge import PurgeReason
from vms.domain.retention import LEASE_LASTS
from vms.domain.timeline import EARLY_SENTENCE
from vms.domain.timespan import Timespan, ms_of
from vms.store import early_purging, gaps, purge_log, runs, secrecy, stream_config, stream_rules, volumes
from vms.store.failpoints import armed
from vms.store.files import Volume
from vms.store.purging import PURGE_STEPS

HOUR = 3600
_BEGAN = -(NOW - NOW.replace(minute=0, second=0, microsecond=0)).total_seconds()
"""The hour that goes on, in seconds after `NOW`."""
_AGO = _BEGAN - 10 * DAY
SUB = StreamId(STREAM + 1)
OTHER, OTHER_CAMERA = StreamId(STREAM + 2), CameraId(32)


@pytest.fixture
def short(world: World) -> World:
    """A world whose policies let go what is three days old, and that has no room whatever goes."""
    world.hub.floor_days = 3
    world.is_short = lambda: True
    return world


def _hour(days: float, *, hour: int = 0, every: int = 600) -> list[float]:
    """Moments of an hour of the clock, so many days ago."""
    return [_BEGAN - days * DAY + hour * HOUR + second for second in range(0, HOUR, every)]


def _times(world: World) -> list[HeldTime]:
    with world.node.index.read.begin() as connection:
        return secrecy.gone_early(connection, CAMERA)


def _steps(world: World, many: int) -> None:
    """Have room again after so many looks."""
    looks = iter([True] * many)
    world.is_short = lambda: next(looks, False)


def test_what_is_past_its_floor_goes_and_nothing_younger(short: World) -> None:
    past, old, young = short.record(*_hour(20)), short.record(*_hour(10), -3 * DAY - 61), short.record(-3 * DAY - 59, *_hour(1))
    passed = short.make_pass()
    assert (passed.purged, passed.early, passed.paused) == (len(past) + len(old), len(old), None)
    assert short.left([*past, *old]) == [False] * (len(past) + len(old))
    assert short.left(young) == [True] * len(young)
    with short.node.index.read.begin() as connection:
        told = [(one.batch.segments, one.batch.reason, one.batch.keep_ms // (DAY * 1000)) for one, _ in purge_log.purges(connection)]
        assert purge_log.follow(connection).broken_at is None
    assert told == [(6, PurgeReason.WINDOW, 14), (6, PurgeReason.DISK_FULL, 3), (1, PurgeReason.DISK_FULL, 3)]


def test_while_there_is_room_or_the_policy_says_nothing_footage_stays_to_its_day(world: World) -> None:
    made = world.record(*_hour(10))
    world.hub.floor_days = 3
    assert world.make_pass().purged == 0
    world.hub.floor_days, world.is_short = None, lambda: True
    assert world.make_pass().purged == 0
    assert all(world.left(made))


def test_only_as_much_goes_as_brings_room(short: World) -> None:
    older, old = short.record(*_hour(10)), short.record(*_hour(9))
    _steps(short, 1)
    assert short.make_pass().early == len(older)
    assert short.left([*older, *old]) == [False] * len(older) + [True] * len(old)


def test_cameras_that_matter_less_give_way_first_whatever_is_older(short: World) -> None:
    short.hub.streams[OTHER] = OTHER_CAMERA
    configured = replace(a_stream(OTHER, RecordingMode.ALWAYS), camera_id=OTHER_CAMERA, priority=Priority.LOW)
    with short.node.index.write.begin() as connection:
        stream_config.replace(connection, NodeConfiguration(1, (configured,)))
    older, low = short.record(*_hour(10)), short.record(*_hour(5), stream=OTHER, camera=OTHER_CAMERA)
    _steps(short, 1)
    assert short.make_pass().early == len(low)
    assert (any(short.left(low)), all(short.left(older))) == (False, True)


def test_what_a_hold_keeps_stays_on_the_fullest_disk(short: World) -> None:
    made = short.record(*_hour(10))
    short.hub.place(1, _AGO + 1200, _AGO + 1260)
    assert short.make_pass().early == len(made) - 1
    assert short.left(made) == [False, False, True, False, False, False]
    short.hub.release(1)
    assert short.make_pass().early == 1


def test_main_and_sub_stream_of_a_camera_go_together(short: World) -> None:
    short.hub.streams[SUB] = CAMERA
    made = [*short.record(*_hour(10)), *short.record(*_hour(10, every=1200), stream=SUB)]
    _steps(short, 1)
    assert short.make_pass().early == len(made)
    assert not any(short.left(made))


def test_nothing_goes_early_while_a_volume_of_that_hour_is_away(short: World) -> None:
    """One stream's half of an hour would show which of it a sealed hold keeps."""
    short.hub.streams[SUB] = CAMERA
    made = short.record(*_hour(10))
    away = Volume.create(short.volume.path.parent / "other")
    with short.node.index.write.begin() as connection:
        volumes.register(connection, away.id, away.path)
    here, short.volume = short.volume, away
    there = short.record(*_hour(10), stream=SUB)
    short.volume = here
    hidden = away.path.rename(away.path.with_name("unplugged"))
    assert short.make_pass().purged == 0
    hidden.rename(away.path)
    assert short.make_pass().early == len(made) + len(there)


def test_nothing_goes_early_without_the_hub_or_by_a_clock_that_leapt(short: World) -> None:
    assert short.make_pass().paused is None
    made = short.record(*_hour(10))
    short.hub.away = True
    assert short.make_pass().purged == 0
    short.hub.away = False
    short.clock.wall += timedelta(days=2)
    assert short.make_pass().purged == 0
    assert all(short.left(made))


def _condemned(world: World) -> int:
    with world.node.index.write.begin() as connection:
        batches = early_purging.condemn(connection, CAMERA, world.node.reading(), [world.volume.id])
    return sum(batch.segments for batch in batches)


def test_nothing_goes_early_while_something_of_the_camera_is_due_on_its_day(short: World) -> None:
    """Its day came in the middle of a pass: it goes by that, and says so."""
    short.make_pass()
    short.record(*_hour(10), *_hour(20))
    assert _condemned(short) == 0
    assert short.make_pass().purged == 12


def test_nothing_goes_early_once_the_lease_has_run_out_or_the_clock_leapt_in_the_middle_of_a_pass(short: World) -> None:
    made = short.record(*_hour(10))
    _steps(short, 0)
    short.make_pass()
    short.clock.wall += timedelta(days=2)
    assert _condemned(short) == 0
    short.clock.wall -= timedelta(days=2)
    short.clock.advance(LEASE_LASTS.total_seconds() + 1)
    assert _condemned(short) == 0
    short.make_pass()
    assert _condemned(short) == len(made)


def test_a_second_place_that_no_hold_asks_for_any_more_goes_first(short: World) -> None:
    made = short.record(*_hour(10))
    short.hub.place(1, _AGO, _AGO + HOUR)
    _steps(short, 0)
    short.make_pass()
    assert protect(short.node, [short.volume]).linked == len(made)
    short.hub.release(1)
    short.is_short = lambda: True
    assert short.make_pass().early == len(made)


@pytest.mark.parametrize("step", PURGE_STEPS)
def test_a_pass_that_is_killed_is_finished_by_the_next(short: World, step: str) -> None:
    made = short.record(*_hour(10), *_hour(9))

    def kill() -> None:
        raise RuntimeError(step)

    with pytest.raises(RuntimeError, match=step), armed(step, kill):
        short.make_pass()
    short.is_short = lambda: False
    short.make_pass()
    assert short.open_batches() == 0
    assert short.left(made) == [False] * 6 + [True] * 6
    assert _times(short) == [HeldTime(made[0].start_ms, made[0].start_ms + HOUR * 1000)]


def test_the_key_of_an_hour_that_went_early_goes_with_the_next_hour(short: World) -> None:
    short.record(*_hour(10), *_hour(10, hour=1))
    assert short.make_pass().keys_destroyed == 1


def _timeline(world: World, span: Timespan) -> list[Gap]:
    shown = Footage(world.node.index, world.node.keys, [world.volume], WorkerClient(world.volume.path))
    told = shown.timeline_sync(STREAM, span, [], now=world.clock.now())
    assert [gap for gap in shown.gaps_sync(STREAM, span, now=world.clock.now()) if gap.reason is GapReason.DELETED_EARLY] == [
        gap for gap in told.gaps if gap.reason is GapReason.DELETED_EARLY
    ]
    return list(told.gaps)


def test_the_time_that_went_is_a_gap_that_says_why_and_gaps_before_stay_what_they_were(short: World) -> None:
    short.make_pass()  # the first lease, by a clock that is right
    short.record(*_hour(10, every=60))
    offline = Gap(STREAM, after(_AGO + 1200), after(_AGO + 1260), GapReason.OFFLINE, "")
    with short.node.index.write.begin() as connection:
        runs.put(connection, [a_run(_AGO, _AGO + 1200, GapReason.OFFLINE), a_run(_AGO + 1260, _AGO + HOUR, None)])
        gaps.put(connection, [offline])
    short.make_pass()
    span = Timespan(NOW - timedelta(days=11), NOW - timedelta(days=9))
    begins, ends = after(_AGO), after(_AGO + HOUR)
    early = [
        Gap(STREAM, start, end, GapReason.DELETED_EARLY, EARLY_SENTENCE)
        for start, end in ((begins, after(_AGO + 1200)), (after(_AGO + 1260), ends))
    ]
    assert [gap for gap in _timeline(short, span) if gap.start < ends] == [early[0], offline, early[1]]
    short.clock.advance(1)
    short.hub.days = 5
    short.make_pass()
    assert not any(gap.reason is GapReason.DELETED_EARLY for gap in _timeline(short, span)), "its day has come: nobody asks for it"


def test_a_day_that_went_early_is_told_apart_from_one_that_is_kept_and_one_gone_on_its_day(short: World) -> None:
    short.record(*_hour(10), *_hour(2), *_hour(20))
    short.make_pass()

    def proof(days: int) -> DayProof:
        return prove_day(short.node, CAMERA, Timespan(NOW - timedelta(days=days), NOW - timedelta(days=days - 1)))

    early, kept, gone = proof(10), proof(2), proof(20)
    assert [(one.verdict, one.early) for one in (early, kept, gone)] == [
        (Verdict.EARLY, True),
        (Verdict.KEPT, False),
        (Verdict.GONE, False),
    ]
    assert (early.rows, early.files, [one.batch.reason for one in early.purges]) == (0, 0, [PurgeReason.DISK_FULL])
    (standing,) = standings(short.node)
    assert standing.early_until == after(_AGO + HOUR)
    for _ in range(6):
        short.clock.advance(DAY)
        short.make_pass()
    later = proof(10)
    assert (later.verdict, later.early) == (Verdict.GONE, True), "the purge log remembers"


def test_a_hold_that_comes_too_late_is_told_what_is_gone(short: World) -> None:
    made = short.record(*_hour(10))
    short.make_pass()
    short.hub.place(1, _AGO, _AGO + HOUR)
    short.make_pass()
    assert (short.hub.answers[-1].kept_segments, short.hub.answers[-1].purged_segments) == (0, len(made))


def test_what_goes_early_is_counted_in_the_month(short: World) -> None:
    short.record(*_hour(10), *_hour(20))
    short.make_pass()
    with short.node.index.read.begin() as connection:
        (told,) = purge_log.destroyed(connection, 0, ms_of(NOW) + 1)
        assert (told.segments, told.early) == (12, 6)


def test_a_dry_run_says_what_might_go(short: World) -> None:
    short.is_short = lambda: False
    short.record(*_hour(10), *_hour(20), *_hour(1))
    short.make_pass()
    (told,) = due(short.node)
    assert (told.segments, told.early) == (0, 6)


_Told = tuple[list[HeldTime], list[HeldTime], list[Gap], list[Standing], DayProof]


def _told(world: World) -> _Told:
    day = Timespan(NOW - timedelta(days=10), NOW - timedelta(days=9))
    with world.node.index.read.begin() as connection:
        readable = stream_rules.readable(connection, STREAM, ms_of(world.clock.now()))
    proof = replace(prove_day(world.node, CAMERA, day), purges=(), entries=0)
    return readable, _times(world), _timeline(world, day), standings(world.node), proof


def _went_early(world: World, place: Callable[[World], None]) -> tuple[_Told, Sequence[Segment]]:
    made = world.record(*_hour(10, every=60), *_hour(10, hour=1, every=60), *_hour(9, every=60))
    place(world)
    world.make_pass()
    return _told(world), made


def test_what_only_a_sealed_hold_keeps_is_told_as_gone_with_the_rest(short: World) -> None:
    """Its neighbours go early, so it would be seen by being there; released, nothing that is told changes."""
    told, made = _went_early(short, lambda world: world.hub.place(1, _AGO + 600, _AGO + 900, sealed=True))
    assert sum(short.left(made)) > 5
    short.hub.release(1)
    short.make_pass()
    assert not any(short.left(made))
    assert _told(short) == told


def test_a_sealed_hold_over_all_of_the_oldest_hour_is_not_seen_either(short: World) -> None:
    told, made = _went_early(short, lambda world: world.hub.place(1, _AGO - 60, _AGO + HOUR + 120, sealed=True))
    assert sum(short.left(made)) >= 60
    short.hub.release(1)
    short.make_pass()
    assert _told(short) == told

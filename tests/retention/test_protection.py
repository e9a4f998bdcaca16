"""Second places of what holds keep, on real files: made, used to give a file back, and gone before the segment itself may go."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from retention import erasing
from retention.orders import take_orders
from retention.proof import prove_day
from retention.protection import LET_GO_STEPS, PROTECT_STEPS, Protected, protect
from retention.reconcile import reconcile
from tests.factories import NOW
from tests.recorder.test_health import a_stream
from tests.retention.recorded import MINUTE, START, flip, hub_with_hold, recorded
from tests.retention.world import DAY, World
from tests.vms.media.segment_samples import CAMERA, START_TICKS, STREAM
from tests.vms.store.killed import killed_at
from vms.domain.camera import NodeConfiguration, RecordingMode
from vms.domain.day_proof import Verdict
from vms.domain.footage import Run, Segment, SegmentState
from vms.domain.timespan import Timespan, day_of, ms_of
from vms.services.check import Depth, check
from vms.store import deletion_lease, protected_places, purge_log, runs, segments, stream_config, stream_rules, volumes
from vms.store.deletion_lease import Lease
from vms.store.erase import erase_published
from vms.store.failpoints import armed
from vms.store.files import Volume
from vms.store.index_tables import SegmentRow
from vms.store.layout import protected_file
from vms.store.volumes import VolumeState

_HELD = slice(3, 8)
"""Of eleven minutes: the one that the hold names, and on each side what a roll and a clock's error touch."""


@pytest.fixture
def other(world: World, tmp_path: Path) -> Volume:
    return _another(world, tmp_path / "other")


def _another(world: World, path: Path, max_bytes: int | None = 2_000_000_000) -> Volume:
    made = Volume.create(path, max_bytes)
    with world.node.index.write.begin() as connection:
        volumes.register(connection, made.id, made.path)
    return made


def _held(world: World, *others: Volume) -> list[tuple[Segment, Path]]:
    """Record eleven minutes of which a hold keeps five, let the others go, and make second places."""
    world.hub.changes, world.hub.streams = hub_with_hold().changes, {STREAM: CAMERA}
    made = recorded(world, 11)
    world.node.keys.ensure(CAMERA, [row.start_ms // 3_600_000 for row, _ in made])
    _trusted(world)
    assert world.make_pass().purged == 6
    assert _round(world, *others).refused is None
    return made[_HELD]


def _trusted(world: World) -> None:
    """Somebody says that the clock is right: there is footage of before the first lease."""
    with world.node.index.write.begin() as connection:
        deletion_lease.put(connection, Lease(None, world.node.reading()))


def _round(world: World, *others: Volume) -> Protected:
    """Make a round over everything, as the first after a night's comparison is."""
    with world.node.index.write.begin() as connection:
        protected_places.start_over(connection)
    return _next_round(world, *others)


def _next_round(world: World, *others: Volume) -> Protected:
    return protect(world.node, [world.volume, *others])


def _places(volume: Volume) -> list[Path]:
    return sorted(path for path in (volume.path / "protected").rglob("*") if not path.is_dir())


def _place(volume: Volume, row: Segment) -> Path:
    return volume.path / protected_file(row.id)


def _release(world: World) -> None:
    world.hub.release(1, CAMERA)


def _agrees(world: World, *others: Volume, depth: Depth = Depth.DEEP) -> bool:
    return check(world.node.index, [world.volume, *others], at=world.clock.now(), depth=depth, keys=world.node.keys).ok


def _state(world: World, row: Segment) -> SegmentState | None:
    with world.node.index.read.begin() as connection:
        return segments.states(connection, [row.id]).get(row.id)


def _until(world: World) -> int:
    with world.node.index.read.begin() as connection:
        return protected_places.until_ms(connection)


@contextmanager
def _away(volume: Volume) -> Iterator[None]:
    """Have a volume's disk be away while the block runs: its folder is empty then."""
    away = volume.path.with_name(f"{volume.path.name}-away")
    volume.path.rename(away)
    volume.path.mkdir()
    yield
    shutil.rmtree(volume.path)
    away.rename(volume.path)


def _refusing(volume: Volume) -> Callable[[Path, Iterable[PurePosixPath]], int]:
    """Return an eraser that fails on a volume as a disk does that refuses."""

    def erased(path: Path, files: Iterable[PurePosixPath]) -> int:
        if path == volume.path:
            raise OSError(errno.EIO, "Input/output error")
        return erase_published(path, files)

    return erased


def test_what_a_hold_keeps_has_a_second_name_and_nothing_else_has(world: World) -> None:
    made = _held(world)
    assert _places(world.volume) == sorted(_place(world.volume, row) for row, _ in made)
    assert all(path.samefile(_place(world.volume, row)) for row, path in made)
    assert all(path.stem == row.id for path, (row, _) in zip(_places(world.volume), made, strict=True))
    assert _agrees(world)


def test_what_an_open_hold_keeps_has_its_second_name_as_it_is_recorded(world: World) -> None:
    world.hub.place(1, -120, None)
    world.make_pass()
    (first,) = world.record(-60)
    assert _next_round(world).linked == 1
    (second,) = world.record(0)
    assert _next_round(world).linked == 1
    assert _places(world.volume) == [_place(world.volume, first), _place(world.volume, second)]


def test_a_hold_that_comes_later_has_what_was_recorded_before_looked_at_again(world: World) -> None:
    (old,) = world.record(-13 * DAY)
    _trusted(world)
    world.make_pass()
    assert _next_round(world).linked == 0
    assert _until(world) > old.start_ms
    world.hub.place(1, -13 * DAY, -13 * DAY + 60)
    take_orders(world.node)
    assert _next_round(world).linked == 1


def test_a_hold_that_comes_in_the_middle_of_a_round_is_not_passed_over(world: World) -> None:
    world.record(-60)
    world.hub.place(1, -60, 0)
    (old,) = world.record(-13 * DAY)
    _trusted(world)
    world.make_pass()

    def place() -> None:
        world.hub.place(2, -13 * DAY, -13 * DAY + 60)
        take_orders(world.node)

    with armed("protect:place", place):
        _next_round(world)
    _next_round(world)
    assert _place(world.volume, old).exists()


def test_a_file_that_a_hand_deleted_is_back_from_its_link_and_it_is_said(world: World) -> None:
    made = _held(world)
    row, path = made[2]
    path.unlink()
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert (found.missing, found.ok) == (0, True)
    assert [line["segment"] for line in lines if line["event"] == "footage given back from its second place"] == [row.id]
    assert path.samefile(_place(world.volume, row))
    assert world.left([one for one, _ in made]) == [True] * 5


def test_a_whole_folder_that_a_hand_deleted_is_back(world: World) -> None:
    made = _held(world)
    shutil.rmtree(world.volume.path / "live" / f"{STREAM:016x}")
    assert reconcile(world.node).ok
    assert world.left([one for one, _ in made]) == [True] * 5


def test_a_copy_on_a_second_volume_mends_what_is_damaged_under_both_names(world: World, other: Volume) -> None:
    made = _held(world, other)
    row, path = made[2]
    written = path.read_bytes()
    assert _places(other) == [_place(other, one) for one, _ in made]
    assert _place(other, row).read_bytes() == written
    flip(path)
    assert _place(world.volume, row).read_bytes() != written
    with capture_logs() as lines:
        assert reconcile(world.node).ok
    assert [line["copied_from"] for line in lines if line["event"] == "footage given back from its second place"] == [other.id]
    assert path.read_bytes() == written
    assert path.samefile(_place(world.volume, row))
    assert _agrees(world, other)


def test_what_only_a_sealed_hold_keeps_is_mended_from_its_copy_in_silence(world: World, other: Volume) -> None:
    begins = (START - NOW).total_seconds() + 5 * 60
    world.hub.streams = {STREAM: CAMERA}
    world.hub.place(1, begins, begins + 60, CAMERA, sealed=True)
    made = recorded(world, 11)
    _trusted(world)
    world.make_pass()
    assert _round(world, other).copied == 5
    row, path = made[5]
    whole = path.read_bytes()
    flip(path)
    with capture_logs() as lines:
        found = reconcile(world.node)
    assert (path.read_bytes(), found.damaged, found.other, found.read) == (whole, 0, 0, 0)
    assert row.id not in str(lines)


def test_damage_without_a_copy_is_told_and_the_file_stays_as_it_is(world: World) -> None:
    row, path = _held(world)[2]
    flip(path)
    damaged = path.read_bytes()
    assert reconcile(world.node).damaged == 1
    assert path.read_bytes() == damaged
    assert _state(world, row) is SegmentState.LIVE


def test_damage_is_not_copied(world: World, other: Volume) -> None:
    row, path = _held(world)[2]
    flip(path)
    with capture_logs() as lines:
        assert _round(world, other).copied == 4
    assert [line["segment"] for line in lines if line["log_level"] == "error"] == [row.id]
    assert len(_places(other)) == 4


def test_what_was_lost_is_live_again_when_the_disk_of_its_copy_is_back(world: World, other: Volume) -> None:
    row, path = _held(world, other)[2]
    path.unlink()
    _place(world.volume, row).unlink()
    with _away(other):
        assert reconcile(world.node).missing == 1
        assert _state(world, row) is SegmentState.LOST
    reconcile(world.node)
    assert _state(world, row) is SegmentState.LIVE
    assert path.read_bytes() == _place(other, row).read_bytes()


def test_a_second_place_that_a_hand_deleted_is_told_and_made_again(world: World, other: Volume) -> None:
    made = _held(world, other)
    _place(world.volume, made[0][0]).unlink()
    flip(_place(other, made[1][0]), -1)
    _place(other, made[2][0]).unlink()
    assert reconcile(world.node).other == 2  # names and sizes alone: the damage is found by `vms check --deep`
    _round(world, other)
    assert made[0][1].samefile(_place(world.volume, made[0][0]))
    assert _place(other, made[2][0]).read_bytes() == made[2][1].read_bytes()
    found = check(world.node.index, [world.volume, other], at=world.clock.now(), depth=Depth.DEEP, keys=world.node.keys).violations
    assert [one.subject for one in found] == [made[1][0].id]


def test_what_is_released_goes_with_link_and_copy(world: World, other: Volume) -> None:
    made = _held(world, other)
    _release(world)
    assert world.make_pass().purged == 5
    assert world.left([row for row, _ in made]) == [False] * 5
    assert (_places(world.volume), _places(other)) == ([], [])
    assert _agrees(world, other)


def test_within_the_window_the_second_place_goes_and_the_footage_stays(world: World) -> None:
    made = world.record(-3600)
    world.hub.place(1, -3600, -3540)
    world.make_pass()
    assert _round(world).linked == 1
    world.hub.release(1)
    world.make_pass()
    assert _places(world.volume) == []
    assert world.left(made) == [True]


def test_what_another_hold_keeps_still_keeps_its_second_place(world: World) -> None:
    made = _held(world)
    begins = (START - NOW).total_seconds() + 5 * 60
    world.hub.place(2, begins + 120, begins + 180, CAMERA)
    _release(world)
    world.make_pass()
    assert _places(world.volume) == [_place(world.volume, row) for row, _ in made[2:]]


def test_without_a_lease_no_second_place_goes(world: World) -> None:
    _held(world)
    _release(world)
    take_orders(world.node)
    world.hub.away = True
    assert world.make_pass().paused is not None
    assert len(_places(world.volume)) == 5


def test_nothing_is_purged_whose_copy_is_on_a_disk_that_is_away(world: World, other: Volume) -> None:
    """A copy that came back after the purge log said that its segment is gone would make a lie of it."""
    made = _held(world, other)
    _release(world)
    with _away(other):
        passed = world.make_pass()
        assert (passed.condemned, passed.purged, world.open_batches()) == (0, 0, 0)
        assert "5 segments are past their window on volumes that are not mounted" in (passed.paused or "")
    assert world.make_pass().purged == 5
    assert world.left([row for row, _ in made]) == [False] * 5
    assert _places(other) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", [*PROTECT_STEPS, *(f"{step}@2" for step in PROTECT_STEPS)])
@pytest.mark.parametrize("then", ["held", "released"])
def test_a_round_that_is_killed_is_finished_or_undone(world: World, other: Volume, tmp_path: Path, step: str, then: str) -> None:
    made = _held(world, other)
    with world.node.index.write.begin() as connection:
        for row, _ in made:
            for volume in (world.volume, other):
                _place(volume, row).unlink()
            protected_places.forget(connection, [protected_places.Place(row.id, volume.id) for volume in (world.volume, other)])
    killed_at(step, "tests.retention.protect_child", tmp_path, "held")
    if then == "released":
        _release(world)
        assert world.make_pass().purged == 5
        assert (_places(world.volume), _places(other)) == ([], [])
        return
    assert world.make_pass().purged == 0
    _round(world, other)
    assert [len(_places(volume)) for volume in (world.volume, other)] == [5, 5]
    assert _agrees(world, other)


@pytest.mark.slow
@pytest.mark.parametrize("step", [*LET_GO_STEPS, *(f"{step}@2" for step in LET_GO_STEPS)])
def test_a_pass_that_is_killed_while_it_lets_go_is_finished_by_the_next(world: World, other: Volume, tmp_path: Path, step: str) -> None:
    made = _held(world, other)
    killed_at(step, "tests.retention.protect_child", tmp_path, "released")
    with world.node.index.read.begin() as connection:
        assert len(purge_log.purges(connection)) == 2  # those that were not held: two sides of the hold
    _release(world)
    world.make_pass()
    assert world.left([row for row, _ in made]) == [False] * 5
    assert (_places(world.volume), _places(other)) == ([], [])


@pytest.mark.parametrize("step", PROTECT_STEPS)
def test_a_hold_that_is_released_while_copies_are_made_leaves_none(world: World, other: Volume, step: str) -> None:
    made = _held(world)

    def release() -> None:
        _release(world)
        take_orders(world.node)

    with armed(step, release):
        _round(world, other)
    assert world.make_pass().purged == 5
    assert world.left([row for row, _ in made]) == [False] * 5
    assert (_places(world.volume), _places(other)) == ([], [])


def test_a_disk_that_falls_away_takes_nothing_and_has_its_copies_when_it_is_back(world: World, other: Volume) -> None:
    _held(world)
    with ExitStack() as away:

        def fall_away() -> None:
            away.enter_context(_away(other))

        with armed("protect:note", fall_away), capture_logs() as lines:
            done = _round(world, other)
        assert (done.copied, "is no volume any more" in (done.refused or "")) == (0, True)
        assert [line["event"] for line in lines] == ["second place not made"]
        assert list(other.path.iterdir()) == []
    assert _round(world, other).copied == 5


def test_a_volume_that_was_given_up_takes_no_second_place_and_gives_what_it_has(world: World, other: Volume) -> None:
    made = _held(world)
    with world.node.index.write.begin() as connection:
        volumes.set_state(connection, other.id, VolumeState.FAILED)
    assert _round(world, other).copied == 0
    third = _another(world, other.path.with_name("third"))
    with world.node.index.write.begin() as connection:
        volumes.set_state(connection, other.id, VolumeState.OK)
        volumes.set_state(connection, world.volume.id, VolumeState.READ_ONLY)
    assert _round(world, other, third).copied == 5
    assert len([*_places(other), *_places(third)]) == len(made)


def test_what_lies_on_a_disk_that_has_just_failed_is_copied_to_the_other(world: World, other: Volume) -> None:
    made = _held(world)
    with world.node.index.write.begin() as connection:
        volumes.set_state(connection, world.volume.id, VolumeState.FAILED)
    assert _round(world, other).copied == len(made)


def test_a_copy_that_is_all_there_is_right_never_gives_way(world: World, other: Volume) -> None:
    """Not while the other is damaged under both names, nor while its disk is given up."""
    made = _held(world, other)
    _records(world, hours_left=11, volume=other)
    flip(made[2][1])
    with world.node.index.write.begin() as connection:
        volumes.set_state(connection, world.volume.id, VolumeState.FAILED)
    assert _round(world, other).given_up == 0
    with world.node.index.write.begin() as connection:
        volumes.set_state(connection, world.volume.id, VolumeState.OK)
    assert _round(world, other).given_up == 4
    assert _places(other) == [_place(other, made[2][0])]


@pytest.mark.parametrize("trouble", ["away", "refuses"])
def test_what_waits_for_its_copy_can_still_be_kept_and_shown(
    world: World, other: Volume, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    made = _held(world, other)
    _release(world)
    with ExitStack() as stack:
        if trouble == "away":
            stack.enter_context(_away(other))
        else:
            stack.enter_context(monkeypatch.context()).setattr(erasing, "erase_published", _refusing(other))
        why = world.make_pass().paused or ""
        assert why.startswith("Files that are due can't be erased") is (trouble == "refuses")
        assert "hold" not in why
        begins = (START - NOW).total_seconds() + 5 * 60
        world.hub.place(2, begins, begins + 60, CAMERA)
        world.make_pass()
    world.make_pass()
    assert [(one.kept_segments, one.purged_segments) for one in world.hub.answers if one.hold_id == 2][:1] == [(5, 0)]
    with world.node.index.read.begin() as connection:
        shown = stream_rules.readable(connection, STREAM, ms_of(world.clock.now()))
    row = made[2][0]
    assert any(time.overlaps(row.start_ticks, row.end_ticks) for time in shown)


def test_a_copy_takes_no_room_that_recording_would_stop_for(world: World, other: Volume) -> None:
    _held(world)
    full = Volume.open(other.path, max_bytes=other.used_bytes())
    assert full.lack_of_room(1) is not None
    assert _round(world, full).copied == 0
    assert _places(other) == []
    assert _round(world, other).copied == 5


def _records(world: World, *, hours_left: float, volume: Volume) -> None:
    """Have a stream record so fast that the room of both volumes lasts for so many hours."""
    (newest,) = world.record(-60)
    with world.node.index.write.begin() as connection:
        room = world.volume.room_left() + volume.room_left()
        connection.execute(
            update(SegmentRow).where(SegmentRow.stream_id == newest.stream_id).values(size_bytes=int(room / hours_left / 60))
        )
        runs.put(connection, [Run(newest.stream_id, newest.start_ms, newest.start_ms + 60_000, None)])
        stream_config.replace(connection, NodeConfiguration(1, (a_stream(newest.stream_id, RecordingMode.ALWAYS),)))


def test_with_two_days_of_room_copies_are_made_and_with_half_a_day_they_give_way(world: World, other: Volume) -> None:
    made = _held(world)
    _records(world, hours_left=47, volume=other)
    assert _round(world, other).copied == 0
    _records_again = _rate(world, other)
    _records_again(49)
    assert _round(world, other).copied == 5
    _records_again(13)
    assert _round(world, other).given_up == 0
    _records_again(11)
    made[0][1].unlink()
    assert _round(world, other).given_up == 4
    assert _places(other) == [_place(other, made[0][0])]  # the only one that has this segment's file on its own
    assert len(_places(world.volume)) == 5


def _rate(world: World, other: Volume) -> Callable[[float], None]:
    def at(hours: float) -> None:
        room = world.volume.room_left() + other.room_left()
        with world.node.index.write.begin() as connection:
            connection.execute(update(SegmentRow).where(SegmentRow.stream_id != STREAM).values(size_bytes=int(room / hours / 60)))

    return at


def test_a_link_that_somebody_planted_leads_nowhere(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (world.volume.path / "protected").symlink_to(outside)
    world.hub.changes, world.hub.streams = hub_with_hold().changes, {STREAM: CAMERA}
    made = recorded(world, 11)[_HELD]
    _trusted(world)
    world.make_pass()
    assert _round(world).refused is not None
    assert list(outside.iterdir()) == []
    (world.volume.path / "protected").unlink()
    made[0][1].rename(tmp_path / "taken")
    made[0][1].symlink_to(tmp_path / "taken")
    assert _round(world).linked == 4
    assert not _place(world.volume, made[0][0]).exists()


def test_letting_go_follows_no_link(world: World, tmp_path: Path) -> None:
    made = _held(world)
    hour = _place(world.volume, made[0][0]).parent
    hour.rename(tmp_path / "moved")
    hour.symlink_to(tmp_path / "moved")
    _release(world)
    passed = world.make_pass()
    assert (passed.purged, "can't be erased" in (passed.paused or "")) == (0, True)
    assert len(list((tmp_path / "moved").iterdir())) == 5
    assert world.left([row for row, _ in made]) == [True] * 5


def test_another_file_in_the_place_of_a_link_gives_way_to_it(world: World) -> None:
    row, path = _held(world)[0]
    place = _place(world.volume, row)
    place.unlink()
    place.write_bytes(b"something else")
    reconcile(world.node)
    _round(world)
    assert path.samefile(place)


def test_a_second_place_of_nothing_is_told_and_attest_names_it(world: World) -> None:
    row, path = _held(world)[2]
    left = _place(world.volume, row)
    content = path.read_bytes()
    _release(world)
    world.make_pass()
    day = day_of(row.span.start.date(), "UTC")
    assert prove_day(world.node, CAMERA, day).verdict is Verdict.GONE
    left.parent.mkdir(parents=True)
    left.write_bytes(content)
    (found,) = check(world.node.index, [world.volume], at=world.clock.now()).violations
    assert (found.invariant, found.subject) == (2, row.id)
    assert "is the second place of nothing that is held" in found.detail
    proof = prove_day(world.node, CAMERA, day)
    assert (proof.verdict, proof.left) == (Verdict.LEFT, (str(left),))


def test_a_stray_among_the_second_places_is_told(world: World) -> None:
    _held(world)
    stray = world.volume.path / "protected" / "notes.txt"
    stray.write_text("who put this here?")
    (found,) = check(world.node.index, [world.volume], at=world.clock.now()).violations
    assert found.subject == str(stray)


def test_a_link_takes_no_room_of_a_limit_and_a_copy_does(world: World, other: Volume) -> None:
    before = Volume.open(world.volume.path, max_bytes=2_000_000_000).used_bytes(), other.used_bytes()
    made = _held(world, other)
    whole = sum(max(row.size_bytes, path.stat().st_blocks * 512) for row, path in made)
    measured = Volume.open(world.volume.path, max_bytes=2_000_000_000), Volume.open(other.path, max_bytes=2_000_000_000)
    assert [volume.used_bytes() - used for volume, used in zip(measured, before, strict=True)] == [whole, whole]


def test_footage_of_the_held_minutes_is_as_it_was(world: World) -> None:
    """The samples stand where the tests think: the sixth minute and two on each side."""
    made = _held(world)
    assert Timespan(made[0][0].span.start, made[-1][0].span.end).duration.total_seconds() == 300
    assert made[0][0].start_ticks == START_TICKS + 3 * MINUTE

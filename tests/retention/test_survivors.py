"""What a hold keeps outlives the key of its hour; the rest of the hour can't be decrypted any more, by anybody."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from retention.proof import prove_day
from tests.factories import NOW, STREAM, a_run, after
from tests.retention.footage import sealed_footage
from tests.retention.world import DAY, World
from tests.vms.media.segment_samples import CAMERA
from tests.vms.store.killed import killed_at
from vms.domain.footage import GapReason, Segment, SegmentState
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import Timespan
from vms.errors import NotFound
from vms.media.segment_file import SegmentReader, scan
from vms.services.check import Depth
from vms.services.check import check as run_check
from vms.store import runs, segments
from vms.store.failpoints import armed
from vms.store.keys import DESTROY_STEPS, FORGET_STEPS, KeyStore

_WINDOW = 14 * DAY
_BASE = -_WINDOW - DAY - (NOW - NOW.replace(minute=0, second=0, microsecond=0)).total_seconds()
"""The beginning of an hour."""
_HELD = (_BASE + 1200, _BASE + 1320)
"""With a minute and two seconds on both sides it touches minutes 18 to 23."""
_SUB = StreamId(STREAM + 1)


@pytest.fixture
def world(world: World) -> World:
    world.hub.streams = {STREAM: CAMERA, _SUB: CAMERA}
    return world


@pytest.fixture
def hour(world: World) -> list[Segment]:
    """An hour of footage, twenty minutes of it with a hold in their middle."""
    made = _record(world, *(_BASE + 60 * minute for minute in range(10, 30)))
    world.hub.place(1, *_HELD, CAMERA)
    return made


def _record(world: World, *at: float, stream: StreamId = STREAM) -> list[Segment]:
    return sealed_footage(world.node.index, world.volume, world.node.keys, map(after, at), stream=stream)


def _octets(world: World, made: list[Segment]) -> dict[str, bytes]:
    return {one.id: world.volume.segment_path(one.id).read_bytes() for one in made}


def _opens(keys: KeyStore, content: bytes, folder: Path) -> bool:
    path = folder / "octets"
    path.write_bytes(content)
    with path.open("rb") as file:
        try:
            return b"".join(SegmentReader(file, keys).records()) != b""
        except NotFound:
            return False


def _number(one: Segment) -> int:
    return one.start_ms // 3_600_000


def _key_is_there(world: World, made: list[Segment]) -> bool:
    return world.node.keys.hour_key(CAMERA, _number(made[0])) is not None


def test_what_a_hold_keeps_stays_readable_and_the_rest_of_its_hour_opens_with_nothing_that_is_left(
    world: World, hour: list[Segment], tmp_path: Path
) -> None:
    octets = _octets(world, hour)
    passed = world.make_pass()
    held = [at for at, there in enumerate(world.left(hour)) if there]
    assert held == list(range(8, 14))
    assert (passed.purged, passed.keys_destroyed, passed.paused) == (14, 1, None)
    assert not _key_is_there(world, hour)
    assert [at for at, one in enumerate(hour) if _opens(world.node.keys, octets[one.id], tmp_path)] == held
    assert world.make_pass().keys_destroyed == 0


def test_checking_salvaging_and_adopting_find_the_keys_of_survivors(world: World, hour: list[Segment]) -> None:
    world.make_pass()
    kept = [one for one, there in zip(hour, world.left(hour), strict=True) if there]
    for one in kept:
        with world.volume.segment_path(one.id).open("rb") as file:
            assert scan(file, world.node.keys, segment=one.id).file_digest == one.file_digest
    report = run_check(world.node.index, [world.volume], at=NOW, depth=Depth.DEEP, keys=world.node.keys)
    assert [violation for violation in report.violations if "can't be read" in violation.detail] == []


def test_a_survivor_s_key_goes_with_its_segment(world: World, hour: list[Segment], tmp_path: Path) -> None:
    octets = _octets(world, hour)
    world.hub.place(2, _BASE + 1320, _BASE + 1330, CAMERA)
    world.make_pass()
    world.hub.release(1, CAMERA)
    world.make_pass()
    left = [at for at, there in enumerate(world.left(hour)) if there]
    assert left == list(range(10, 14))
    assert [at for at, one in enumerate(hour) if _opens(world.node.keys, octets[one.id], tmp_path)] == left
    world.hub.release(2, CAMERA)
    assert world.make_pass().keys_destroyed == 0
    assert world.node.keys.outlived_hours(CAMERA, before=10**7) == []
    assert not any(_opens(world.node.keys, one, tmp_path) for one in octets.values())


def test_survivors_that_a_restored_key_store_brings_back_go_at_the_next_pass(world: World, hour: list[Segment], tmp_path: Path) -> None:
    octets = _octets(world, hour)
    world.make_pass()
    for name in ("keys1.db", "keys2.db"):
        shutil.copy(tmp_path / name, tmp_path / f"old-{name}")
    world.hub.release(1, CAMERA)
    world.make_pass()
    world.node.keys.close()
    for name in ("keys1.db", "keys2.db"):
        shutil.copy(tmp_path / f"old-{name}", tmp_path / name)
    world.start()
    assert any(_opens(world.node.keys, one, tmp_path) for one in octets.values())
    assert world.make_pass().keys_destroyed == 1
    assert not any(_opens(world.node.keys, one, tmp_path) for one in octets.values())


def test_an_hour_that_holds_cover_from_end_to_end_keeps_its_key_since_that_opens_nothing_else(world: World) -> None:
    made = _record(world, *(_BASE + 60 * minute for minute in (0, 30, 59)))
    world.hub.place(1, _BASE + 60, _BASE + 1800, CAMERA)
    world.hub.place(2, _BASE + 1800, _BASE + 3600, CAMERA)
    assert world.make_pass().keys_destroyed == 0
    assert world.left(made) == [True] * 3
    assert _key_is_there(world, made)


def test_all_streams_of_the_camera_are_left_keys(world: World, hour: list[Segment], tmp_path: Path) -> None:
    sub = _record(world, _BASE + 1200, _BASE + 3000, stream=_SUB)
    octets = _octets(world, sub)
    world.make_pass()
    assert not _key_is_there(world, hour)
    assert [_opens(world.node.keys, octets[one.id], tmp_path) for one in sub] == [True, False]


def test_an_hour_of_which_nothing_is_left_while_a_hold_touches_it_leaves_no_key(world: World) -> None:
    made = _record(world, _BASE)
    world.hub.place(1, _BASE + 3600 + 62, _BASE + 3700, CAMERA)  # protects from the end of the hour on
    assert world.make_pass().keys_destroyed == 1
    assert not _key_is_there(world, made)


def _take_away(world: World, one: Segment) -> Callable[[], None]:
    path = world.volume.segment_path(one.id)
    away = path.rename(path.with_name("away"))
    return lambda: (away.rename(path), None)[1]


def _call_lost(world: World, one: Segment) -> Callable[[], None]:
    with world.node.index.write.begin() as connection:
        segments.set_state(connection, one.id, SegmentState.LOST, was=SegmentState.LIVE)

    def find() -> None:
        with world.node.index.write.begin() as connection:
            segments.set_state(connection, one.id, SegmentState.LIVE, was=SegmentState.LOST)

    return find


def _damage(at: int) -> Callable[[World, Segment], Callable[[], None]]:
    def spoil(world: World, one: Segment) -> Callable[[], None]:
        path = world.volume.segment_path(one.id)
        whole = path.read_bytes()
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        return lambda: (path.write_bytes(whole), None)[1]

    return spoil


def _add_without_row(world: World, one: Segment) -> Callable[[], None]:
    late = replace(one, start_ticks=one.start_ticks + 90)
    path = world.volume.part_path(late.id)
    path.write_bytes(b"what a crash left")
    return path.unlink


def _unmount(world: World, _one: Segment) -> Callable[[], None]:
    path, away = world.volume.path, world.volume.path.with_name("unmounted")
    path.rename(away)
    return lambda: (away.rename(path), None)[1]


_TROUBLES = {
    "its file is away": _take_away,
    "it is lost": _call_lost,
    "its salt is damaged": _damage(50),
    "its camera is damaged": _damage(39),
    "its beginning is damaged": _damage(80),
    "a file has no row": _add_without_row,
    "its volume is away": _unmount,
}


@pytest.mark.parametrize("trouble", _TROUBLES.values(), ids=_TROUBLES.keys())
def test_the_hour_s_key_stays_until_every_segment_that_is_held_opens_with_its_own(
    world: World, hour: list[Segment], trouble: Callable[[World, Segment], Callable[[], None]], tmp_path: Path
) -> None:
    mending: list[Callable[[], None]] = []
    with armed("retain:purge", lambda: mending.extend([] if mending else [trouble(world, hour[10])])):
        assert world.make_pass().keys_destroyed == 0
    assert _key_is_there(world, hour)
    assert world.make_pass().keys_destroyed == 0
    for mend in mending:
        mend()
    octets = _octets(world, hour[8:14])
    world.make_pass()
    assert not _key_is_there(world, hour)
    assert all(_opens(world.node.keys, one, tmp_path) for one in octets.values())


def test_the_hour_s_key_stays_while_the_index_does_not_know_a_volume_of_the_settings(
    world: World, hour: list[Segment], tmp_path: Path
) -> None:
    """A new index, and a disk that is not mounted yet: what is on it may be held."""
    world.node = replace(world.node, volume_paths=frozenset({world.volume.path, tmp_path / "other"}))
    world.deletion._node = world.node
    world.make_pass()
    assert _key_is_there(world, hour)


def test_the_hour_s_key_stays_with_footage_of_a_stream_without_a_rule(world: World, hour: list[Segment]) -> None:
    other = StreamId(9_002)
    _record(world, _BASE + 1200, stream=other)
    with world.node.index.write.begin() as connection:
        runs.put(connection, [a_run(_BASE + 1200, _BASE + 1260, GapReason.OFFLINE, stream=other)])
    assert world.make_pass().keys_destroyed == 0
    assert _key_is_there(world, hour)


def test_another_camera_s_hold_leaves_nothing_of_this_one(world: World) -> None:
    made = _record(world, _BASE + 1200)
    world.hub.place(1, *_HELD, CameraId(77))
    assert world.make_pass().keys_destroyed == 1
    assert world.left(made) == [False]
    assert world.node.keys.outlived_hours(CAMERA, before=10**7) == []


@pytest.mark.parametrize("sealed", [False, True])
def test_a_sealed_hold_s_survivors_are_not_told_of(world: World, *, sealed: bool) -> None:
    _record(world, *(_BASE + 60 * minute for minute in (0, 20, 40)))
    world.hub.place(1, *_HELD, CAMERA, sealed=sealed)
    world.make_pass()
    world.clock.advance(DAY)
    day = Timespan(after(_BASE), after(_BASE + 3600))
    proof = prove_day(world.node, CAMERA, day)
    assert (proof.keys_there, proof.keys_destroyed) == (0, 1)
    assert (proof.rows, str(proof.verdict)) == ((0, "gone") if sealed else (1, "held"))


@pytest.mark.slow
@pytest.mark.parametrize("step", ["retain:erase", "retain:purge", *DESTROY_STEPS, *FORGET_STEPS])
def test_killed_on_the_way_the_next_pass_leaves_what_is_held_readable_and_the_rest_not(
    world: World, hour: list[Segment], step: str, tmp_path: Path
) -> None:
    octets = _octets(world, hour)
    world.node.keys.close()
    killed_at(step, "tests.retention.retain_child", tmp_path, ":".join(map(str, _HELD)), str(CAMERA))
    world.start()
    world.make_pass()
    assert not _key_is_there(world, hour)
    assert [at for at, one in enumerate(hour) if _opens(world.node.keys, octets[one.id], tmp_path)] == list(range(8, 14))


@pytest.mark.slow
@pytest.mark.parametrize("step", ["retain:condemn", "retain:erase", "retain:purge", *FORGET_STEPS])
def test_killed_while_survivors_go_the_next_pass_leaves_none_of_their_keys(
    world: World, hour: list[Segment], step: str, tmp_path: Path
) -> None:
    octets, longer = _octets(world, hour), (_BASE + 1320, _BASE + 1330)
    world.hub.place(2, *longer, CAMERA)
    world.make_pass()
    world.node.keys.close()
    told = ",".join([*(f"{start}:{end}" for start, end in (_HELD, longer)), "1"])
    killed_at(step, "tests.retention.retain_child", tmp_path, told, str(CAMERA))
    world.start()
    world.hub.release(1, CAMERA)
    world.make_pass()
    left = [at for at, there in enumerate(world.left(hour)) if there]
    assert left == list(range(10, 14))
    assert [at for at, one in enumerate(hour) if _opens(world.node.keys, octets[one.id], tmp_path)] == left

"""What is left out when a disk fills up: sub-streams first, then cameras by priority, never the most important ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorder.test_health import a_stream
from vms.domain.camera import Priority, RecordingMode, StreamConfig, StreamRole
from vms.domain.full_disk import (
    EARLY_HOURS,
    NO_SUB_STREAMS,
    NOT_THIS_CAMERA,
    SUB_STREAM_HOURS,
    MayGoEarly,
    early_until_ms,
    first_to_go,
    left_out,
)
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, StreamId
from vms.domain.retention import free_times
from vms.domain.timespan import MS_PER_HOUR

_HIGH, _NORMAL, _LOW, _HIGH_SUB, _LOW_SUB = map(StreamId, range(1, 6))
_STREAMS = [
    replace(a_stream(stream, RecordingMode.ALWAYS), priority=priority, role=role)
    for stream, priority, role in (
        (_HIGH, Priority.HIGH, StreamRole.MAIN),
        (_NORMAL, Priority.NORMAL, StreamRole.MAIN),
        (_LOW, Priority.LOW, StreamRole.MAIN),
        (_HIGH_SUB, Priority.HIGH, StreamRole.SUB),
        (_LOW_SUB, Priority.LOW, StreamRole.SUB),
    )
]


@pytest.mark.parametrize(
    ("hours", "left"),
    [
        (1.0, set()),
        (0.99, {_HIGH_SUB, _LOW_SUB}),
        (0.5, {_HIGH_SUB, _LOW_SUB}),
        (0.49, {_HIGH_SUB, _LOW_SUB, _LOW}),
        (0.24, {_HIGH_SUB, _LOW_SUB, _LOW, _NORMAL}),
        (0.0, {_HIGH_SUB, _LOW_SUB, _LOW, _NORMAL}),
        (math.inf, set()),
    ],
)
def test_sub_streams_go_first_then_cameras_by_priority(hours: float, left: set[StreamId]) -> None:
    assert left_out(_STREAMS, hours, ()).keys() == left


def test_each_is_told_why() -> None:
    told = left_out(_STREAMS, 0.4, ())
    assert (told[_HIGH_SUB], told[_LOW], told[_LOW_SUB]) == (NO_SUB_STREAMS, NOT_THIS_CAMERA, NOT_THIS_CAMERA)


@pytest.mark.parametrize("priority", Priority)
def test_cameras_that_matter_alike_are_recorded_to_the_last(priority: Priority) -> None:
    alike = [replace(stream, priority=priority) for stream in _STREAMS]
    assert left_out(alike, 0.0, ()).keys() == {_HIGH_SUB, _LOW_SUB}


def test_what_was_left_out_comes_back_with_twice_the_room() -> None:
    all_of_them = left_out(_STREAMS, 0.1, ())
    assert left_out(_STREAMS, 0.49, all_of_them).keys() == all_of_them.keys()
    assert left_out(_STREAMS, 0.51, all_of_them).keys() == all_of_them.keys() - {_NORMAL}
    assert left_out(_STREAMS, 1.01, all_of_them).keys() == {_HIGH_SUB, _LOW_SUB}
    assert left_out(_STREAMS, 2.0, all_of_them) == {}


@given(st.lists(st.floats(0, 3), max_size=30), st.lists(st.sampled_from(_STREAMS), unique=True))
def test_no_camera_goes_before_its_sub_stream_or_one_that_matters_less(room: list[float], streams: list[StreamConfig]) -> None:
    left: dict[StreamId, str] = {}
    ranks = list(Priority)
    for hours in room:
        left = left_out(streams, hours, left)
        gone = [stream for stream in streams if stream.stream_id in left]
        mains = [stream for stream in gone if stream.role is StreamRole.MAIN]
        if mains:
            best = min(ranks.index(stream.priority) for stream in mains)
            assert all(stream.stream_id in left for stream in streams if stream.role is StreamRole.SUB)
            assert all(stream.stream_id in left for stream in streams if ranks.index(stream.priority) > best)
            assert any(stream.stream_id not in left for stream in streams)


def test_what_is_past_its_floor_goes_before_sub_streams_are_left_out() -> None:
    assert EARLY_HOURS > SUB_STREAM_HOURS


def test_of_the_cameras_that_matter_least_the_one_with_the_oldest_footage_goes_first() -> None:
    low, older, other, high = (
        MayGoEarly(CameraId(number), priority, oldest)
        for number, priority, oldest in (
            (1, Priority.LOW, 900),
            (2, Priority.NORMAL, 100),
            (3, Priority.NORMAL, 200),
            (4, Priority.HIGH, 1),
        )
    )
    assert first_to_go([high, other, older, low]) == low
    assert first_to_go([high, other, older]) == older
    assert first_to_go([high]) == high
    assert first_to_go([]) is None


_MINUTE = 60_000
_TIMES = st.integers(0, 60 * 12).map(lambda minute: minute * _MINUTE)


@given(
    footage=st.dictionaries(st.tuples(st.integers(1, 4), _TIMES), st.just(_MINUTE), max_size=30),
    floors=st.lists(_TIMES, min_size=4, max_size=4),
    held=st.lists(st.tuples(_TIMES, _TIMES).map(lambda two: HeldTime(min(two), max(two) + 1)), max_size=3),
    wanted=st.integers(0, 30),
)
def test_nothing_goes_that_is_held_or_younger_than_its_floor_and_of_each_camera_the_oldest_first(
    footage: dict[tuple[int, int], int], floors: list[int], held: list[HeldTime], wanted: int
) -> None:
    """Steps as retention makes them, until so much is gone as is wanted."""
    there, priorities = set(footage), dict(zip(range(1, 5), [*Priority, Priority.LOW], strict=True))

    def may_go(camera: int, before_ms: int) -> list[int]:
        free = free_times(before_ms, held)
        starts = [start for one, start in there if one == camera]
        return sorted(start for start in starts if any((since or 0) <= start and start + _MINUTE <= end for since, end in free))

    while len(footage) - len(there) < wanted:
        every = {camera: may_go(camera, floors[camera - 1]) for camera in priorities}
        first = first_to_go(MayGoEarly(CameraId(one), priorities[one], starts[0]) for one, starts in every.items() if starts)
        if first is None:
            break
        before_ms = early_until_ms(first.oldest_ms + _MINUTE, floors[first.camera_id - 1])
        going = may_go(first.camera_id, before_ms)
        assert going
        assert going[-1] - going[0] < 2 * MS_PER_HOUR
        assert all(start + _MINUTE <= floors[first.camera_id - 1] for start in going)
        assert not any(one.overlaps(start * 90, (start + _MINUTE) * 90) for one in held for start in going)
        assert not [start for start in may_go(first.camera_id, floors[first.camera_id - 1]) if start < going[0]]
        there -= {(first.camera_id, start) for start in going}
    left = [may_go(camera, floors[camera - 1]) for camera in priorities]
    assert len(footage) - len(there) >= wanted or not any(left)

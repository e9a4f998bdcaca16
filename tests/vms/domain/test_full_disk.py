"""What is left out when a disk fills up: sub-streams first, then cameras by priority, never the most important ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorder.test_health import a_stream
from vms.domain.camera import Priority, RecordingMode, StreamConfig, StreamRole
from vms.domain.full_disk import NO_SUB_STREAMS, NOT_THIS_CAMERA, left_out
from vms.domain.ids import StreamId

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

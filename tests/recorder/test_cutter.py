"""Where fragments and segments end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.cutter import (
    MAX_FRAGMENT_BYTES,
    MAX_FRAGMENT_TICKS,
    MAX_FRAGMENTS,
    MIN_FRAGMENT_TICKS,
    Cut,
    SegmentCutter,
    fragment_ends,
    stagger,
)
from vms.domain.ids import CameraId
from vms.domain.timespan import TICKS_PER_SECOND

MINUTE = 60 * TICKS_PER_SECOND
START = 1_790_000_000 * TICKS_PER_SECOND

cameras = st.integers(1, (1 << 52) - 1).map(CameraId)
starts = st.integers(START, START + 3600 * TICKS_PER_SECOND)


def length_of_segment(camera: CameraId, start: int, gop: int) -> int:
    """Return how long a segment gets when keyframes come every `gop` ticks."""
    cutter = SegmentCutter(camera, segment_ticks=MINUTE)
    cutter.begin(start)
    at = start + gop
    while cutter.at_border(at, next_keyframe=True) is Cut.KEEP:
        at += gop
    return at - start


@given(cameras, starts, st.integers(TICKS_PER_SECOND // 2, 10 * TICKS_PER_SECOND))
def test_a_segment_is_half_to_twice_the_usual_length(camera: CameraId, start: int, gop: int) -> None:
    assert MINUTE // 2 <= length_of_segment(camera, start, gop) <= 2 * MINUTE


@given(cameras, starts)
def test_segments_after_the_first_are_cut_at_the_cameras_own_moment(camera: CameraId, start: int) -> None:
    gop = TICKS_PER_SECOND
    second = start + length_of_segment(camera, start, gop)

    late = (second - stagger(camera, MINUTE)) % MINUTE
    assert late < gop


def test_cameras_do_not_all_cut_at_the_same_moment() -> None:
    offsets = {stagger(CameraId(number), MINUTE) // TICKS_PER_SECOND for number in range(1, 200)}

    assert len(offsets) > 50


def test_a_segment_without_a_keyframe_is_cut_after_twice_the_usual_length() -> None:
    cutter = SegmentCutter(CameraId(7), segment_ticks=MINUTE)
    cutter.begin(START)

    assert cutter.at_border(START + 2 * MINUTE - 1, next_keyframe=False) is Cut.KEEP
    assert cutter.at_border(START + 2 * MINUTE, next_keyframe=False) is Cut.WITHOUT_KEYFRAME


def test_a_fragment_ends_at_the_next_keyframe() -> None:
    assert fragment_ends(MIN_FRAGMENT_TICKS, 1, 1, next_keyframe=True)


def test_keyframes_that_follow_each_other_at_once_share_a_fragment() -> None:
    assert not fragment_ends(MIN_FRAGMENT_TICKS - 1, 1, 1, next_keyframe=True)


def test_a_fragment_ends_after_four_seconds() -> None:
    assert fragment_ends(MAX_FRAGMENT_TICKS, 1, 1, next_keyframe=False)
    assert not fragment_ends(MAX_FRAGMENT_TICKS - 1, 1, 1, next_keyframe=False)


def test_a_fragment_ends_before_a_picture_that_would_make_it_too_large() -> None:
    assert fragment_ends(1, MAX_FRAGMENT_BYTES, 1, next_keyframe=False)
    assert not fragment_ends(1, MAX_FRAGMENT_BYTES - 1, 1, next_keyframe=False)


def test_a_segment_never_has_more_fragments_than_a_message_holds() -> None:
    cutter = SegmentCutter(CameraId(1), segment_ticks=MINUTE)
    cutter.begin(START)
    cuts = [cutter.at_border(START + number, next_keyframe=True) for number in range(1, MAX_FRAGMENTS + 1)]

    assert cuts.index(Cut.CUT) == MAX_FRAGMENTS - 1

"""What a grant lets a viewer read of a segment: the GOPs that its span touches, and not one more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.grants import Denied, Gate, readable_octets
from vms.clock import SystemClock
from vms.domain.footage import FragmentEntry
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of

START = 1_790_000_000 * TICKS_PER_SECOND
INIT, SIZE = 700, 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """Ten seconds: fragments of a second, a keyframe at every second one."""

    start_ticks: int = START
    fragments: tuple[FragmentEntry, ...] = (
        FragmentEntry(INIT, 0, starts_with_keyframe=False, keyframe_size=0),
        *(FragmentEntry(SIZE, TICKS_PER_SECOND, number % 2 == 0, 0) for number in range(10)),
    )


def span(start_s: float, end_s: float) -> Timespan:
    return Timespan(datetime_of(START) + timedelta(seconds=start_s), datetime_of(START) + timedelta(seconds=end_s))


def octets(first: int, beyond: int) -> tuple[int, int]:
    return INIT + first * SIZE, INIT + beyond * SIZE


@pytest.mark.parametrize(
    ("wanted", "readable"),
    [
        (span(-5, 20), octets(0, 10)),
        (span(3, 5), octets(2, 6)),
        (span(4, 6), octets(4, 6)),
        (span(-5, 1), octets(0, 2)),
        (span(9.5, 30), octets(8, 10)),
    ],
)
def test_whole_gops_around_the_span_can_be_read(wanted: Timespan, readable: tuple[int, int]) -> None:
    assert readable_octets(Listed(), wanted) == readable


@given(st.floats(0, 9), st.floats(0.1, 5), st.integers(0, 10_700), st.integers(1, 10_700))
def test_nothing_outside_is_let_through(start_s: float, length_s: float, offset: int, length: int) -> None:
    wanted = span(start_s, start_s + length_s)
    low, high = readable_octets(Listed(), wanted)
    allowed = set(range(INIT)) | set(range(low, high))

    try:
        Gate(bytes(32), SystemClock()).check_range(Listed(), wanted, offset, length)
    except Denied:
        pass
    else:
        assert set(range(offset, offset + length)) <= allowed


def test_a_range_beyond_the_end_is_told_apart_from_a_forbidden_one() -> None:
    with pytest.raises(Denied) as denied:
        Gate(bytes(32), SystemClock()).check_range(Listed(), span(0, 10), 10_000, 1000)

    assert denied.value.status == 416


def test_a_segment_before_the_span_shows_nothing_but_its_init() -> None:
    gate = Gate(bytes(32), SystemClock())
    gate.check_range(Listed(), span(100, 200), 0, INIT)

    for fragment in range(10):
        with pytest.raises(Denied):
            gate.check_range(Listed(), span(100, 200), INIT + fragment * SIZE, 10)

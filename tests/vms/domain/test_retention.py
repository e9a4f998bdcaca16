"""What may be destroyed: footage wholly before the cutoff that no hold touches with its roll and its clock's error."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.hold import HeldTime, HoldScope, joined, protected, readable
from vms.domain.ids import AreaId, BranchId, CameraId, StreamId
from vms.domain.retention import StreamRule, free_times, readable_times
from vms.domain.timespan import TICKS_PER_MS

_MOMENTS = st.integers(0, 200)
_HELD = st.builds(lambda start, lasts: HeldTime(start, None if lasts is None else start + lasts), _MOMENTS, st.none() | st.integers(1, 60))


def _is_free(start_ms: int, end_ms: int, free: list[tuple[int | None, int]]) -> bool:
    return any((begin is None or start_ms >= begin) and end_ms <= end for begin, end in free)


@given(before=_MOMENTS, held=st.lists(_HELD, max_size=8), start=_MOMENTS, lasts=st.integers(1, 40))
def test_a_segment_may_go_when_all_of_it_is_before_the_cutoff_and_no_hold_touches_it(
    before: int, held: list[HeldTime], start: int, lasts: int
) -> None:
    end = start + lasts
    touched = any(one.overlaps(start * TICKS_PER_MS, end * TICKS_PER_MS) for one in held)
    assert _is_free(start, end, free_times(before, held)) == (end <= before and not touched)


@given(held=st.lists(_HELD, max_size=8))
def test_joined_spans_lie_apart_and_cover_the_same(held: list[HeldTime]) -> None:
    found = joined(held)
    assert all(one.end_ms is not None and one.end_ms < other.start_ms for one, other in itertools.pairwise(found))
    for ms in range(270):
        ticks = ms * TICKS_PER_MS
        assert any(one.overlaps(ticks, ticks + 1) for one in found) == any(one.overlaps(ticks, ticks + 1) for one in held)


def test_one_tick_inside_a_hold_is_held() -> None:
    held = HeldTime(1000, 2000)
    assert not held.overlaps(0, 1000 * TICKS_PER_MS)
    assert held.overlaps(0, 1000 * TICKS_PER_MS + 1)
    assert held.overlaps(2000 * TICKS_PER_MS - 1, 3000 * TICKS_PER_MS)
    assert not held.overlaps(2000 * TICKS_PER_MS, 3000 * TICKS_PER_MS)


@pytest.mark.parametrize(("error_s", "more_ms"), [(0, 62_000), (1, 62_000), (2, 62_000), (30, 90_000)])
def test_a_hold_protects_a_minute_and_the_worst_clock_error_on_both_sides(error_s: int, more_ms: int) -> None:
    kept = protected(HeldTime(100_000, 200_000), timedelta(seconds=error_s))
    assert kept == HeldTime(100_000 - more_ms, 200_000 + more_ms)
    assert protected(HeldTime(100_000, None), timedelta(seconds=error_s)) == HeldTime(100_000 - more_ms, None)


def test_what_may_be_shown_of_a_hold_is_a_minute_more_on_both_sides() -> None:
    assert readable(HeldTime(100_000, 200_000)) == HeldTime(40_000, 260_000)


@pytest.mark.parametrize("end", [5, 4])
def test_a_hold_that_ends_before_it_starts_is_none(end: int) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        HeldTime(5, end)


def test_a_scope_names_cameras_areas_and_branches() -> None:
    scope = HoldScope(frozenset({CameraId(1)}), frozenset({AreaId(2)}), frozenset({BranchId(3)}))
    assert scope.has(CameraId(1), BranchId(9), None)
    assert scope.has(CameraId(9), BranchId(9), AreaId(2))
    assert scope.has(CameraId(9), BranchId(3), AreaId(9))
    assert not scope.has(CameraId(9), BranchId(9), None)
    assert (scope.is_empty, HoldScope().is_empty) == (False, True)


def test_what_may_be_shown_is_the_window_and_the_roll_of_holds_without_the_error_of_clocks() -> None:
    rule = StreamRule(StreamId(1), CameraId(2), 1000)
    held = [HeldTime(1_000_000, 1_001_000), HeldTime(5_000_000, None)]
    assert readable_times(rule, held[:1], 9_000_000) == [HeldTime(940_000, 1_061_000), HeldTime(8_999_000, None)]
    assert readable_times(rule, held, 9_000_000) == [HeldTime(940_000, 1_061_000), HeldTime(4_940_000, None)]
    assert readable_times(rule, [HeldTime(8_990_000, 8_991_000)], 9_000_000) == [HeldTime(8_930_000, None)]


def test_footage_without_a_rule_may_be_shown_whenever_it_was_recorded() -> None:
    assert readable_times(None, [], 9_000_000) == [HeldTime(0, None)]


@given(
    held=st.lists(st.builds(lambda start, lasts: HeldTime(start * 1000, (start + lasts) * 1000), _MOMENTS, st.integers(1, 60)), max_size=4)
)
def test_nothing_that_may_be_destroyed_may_be_shown(held: list[HeldTime]) -> None:
    now_ms, rule = 260_000, StreamRule(StreamId(1), CameraId(2), 30_000)
    shown = readable_times(rule, held, now_ms)
    for start, before in free_times(now_ms - rule.keep_ms, [protected(one, timedelta(0)) for one in held]):
        first = 0 if start is None else start
        if first < before:
            assert not any(time.overlaps(first * TICKS_PER_MS, before * TICKS_PER_MS) for time in shown)

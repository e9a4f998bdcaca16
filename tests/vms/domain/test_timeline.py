"""The timeline of a stream: what was recorded, what is missing, and what nobody could write down."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import STREAM, a_gap, a_run, after, span
from vms.domain.footage import Coverage, Gap, GapReason, Run
from vms.domain.timeline import OPEN_SEGMENT_ALLOWANCE, timeline_of

_LATER = after(100_000)


def _told(runs: list[Run], gaps: list[Gap], start_s: float = 0, end_s: float = 1000) -> Coverage:
    return timeline_of(STREAM, runs, gaps, span(start_s, end_s), now=_LATER)


def _missing(coverage: Coverage) -> list[tuple[float, float | None, GapReason]]:
    def seconds(gap: Gap) -> tuple[float, float | None, GapReason]:
        end = None if gap.end is None else round((gap.end - after(0)).total_seconds(), 1)
        return round((gap.start - after(0)).total_seconds(), 1), end, gap.reason

    return [seconds(gap) for gap in coverage.gaps]


def test_a_window_inside_one_run_is_recorded_whole() -> None:
    told = _told([a_run(-100, 2000)], [])
    assert told.recorded == (span(0, 1000),)
    assert told.gaps == ()


def test_a_known_gap_keeps_its_reason() -> None:
    told = _told([a_run(0, 300, GapReason.OFFLINE), a_run(400, 1200)], [a_gap(300, 400)])
    assert _missing(told) == [(300, 400, GapReason.OFFLINE)]


def test_time_lost_to_a_killed_recorder_is_a_crash() -> None:
    told = _told([a_run(0, 300), a_run(420, 1200)], [])
    assert _missing(told) == [(300, 420, GapReason.RECORDER_CRASHED)]


def test_time_after_a_run_that_was_stopped_in_order_is_a_stop() -> None:
    told = _told([a_run(0, 300, GapReason.RECORDER_STOPPED), a_run(420, 1200)], [])
    assert _missing(told) == [(300, 420, GapReason.RECORDER_STOPPED)]


def test_a_crash_while_the_camera_was_away_is_told_after_the_known_gap() -> None:
    told = _told([a_run(0, 300, GapReason.OFFLINE), a_run(500, 1200)], [a_gap(300, 400)])
    assert _missing(told) == [(300, 400, GapReason.OFFLINE), (400, 500, GapReason.RECORDER_CRASHED)]


def test_time_for_which_two_gaps_were_told_is_missing_once_for_the_later_reason() -> None:
    runs = [a_run(-10, 100, GapReason.CLOCK_STEP), a_run(200, 600, GapReason.OFFLINE), a_run(900, 1200)]
    told = _told(runs, [a_gap(100, 900), a_gap(600, 700, GapReason.SILENT)])
    assert _missing(told) == [(100, 200, GapReason.OFFLINE), (600, 700, GapReason.SILENT), (700, 900, GapReason.OFFLINE)]


def test_the_last_run_before_the_window_explains_its_beginning() -> None:
    told = _told([a_run(-500, -100, GapReason.RECORDER_STOPPED), a_run(50, 1200)], [])
    assert _missing(told) == [(0, 50, GapReason.RECORDER_STOPPED)]


def test_time_before_the_first_footage_is_not_missing() -> None:
    assert _told([a_run(600, 1200)], []).gaps == ()


def test_a_camera_that_never_recorded_has_an_empty_timeline() -> None:
    assert _told([], []) == Coverage(STREAM, (), ())


def test_the_tail_that_the_open_segment_may_hold_is_not_missing() -> None:
    now = after(1000)
    told = timeline_of(STREAM, [a_run(0, 900)], [], span(0, 2000), now=now)
    assert told.gaps == ()


def test_a_tail_longer_than_any_segment_is_a_gap_that_lasts() -> None:
    now = after(900) + OPEN_SEGMENT_ALLOWANCE + timedelta(seconds=1)
    told = timeline_of(STREAM, [a_run(0, 900)], [], span(0, 2000), now=now)
    assert _missing(told) == [(900, None, GapReason.RECORDER_CRASHED)]


def test_a_gap_that_lasts_is_cut_where_an_earlier_window_ends() -> None:
    assert _missing(_told([a_run(0, 300, GapReason.OFFLINE)], [a_gap(300, None)], 0, 500)) == [(300, 500, GapReason.OFFLINE)]


def test_a_run_that_has_just_begun_covers_nothing_yet() -> None:
    told = timeline_of(STREAM, [a_run(10, 10)], [], span(0, 60), now=after(20))
    assert told == Coverage(STREAM, (), ())


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 120), st.booleans()), max_size=8))
def test_recorded_and_missing_time_never_overlap_and_leave_no_hole(pieces: list[tuple[int, int, bool]]) -> None:
    runs, gaps, reached = [], [], 0
    for start, length, recorded in pieces:
        begin = max(reached, start)
        reached = begin + length
        if recorded:
            runs.append(a_run(begin, reached))
        else:
            gaps.append(a_gap(begin, reached))
    told = _told(runs, gaps)
    found = sorted([(part.start, part.end) for part in told.recorded] + [(gap.start, gap.end or after(1000)) for gap in told.gaps])
    assert all(first[1] == second[0] for first, second in pairwise(found))
    if found:
        assert found[-1][1] == after(1000)

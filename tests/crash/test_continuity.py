"""The yardstick of the crash tests finds each kind of hole."""

from __future__ import annotations

from tests.crash.continuity import Told, breaks
from tests.factories import a_gap, a_run, a_segment, after
from vms.domain.footage import Gap, GapReason, Run, Segment

CRASHED = GapReason.RECORDER_CRASHED


def segments(*starts: float, run: float) -> list[Segment]:
    """Return segments of ten seconds."""
    return [a_segment(after(start), 10, run_start=after(run)) for start in starts]


def found(rows: list[Segment], runs: list[Run], gaps: list[Gap]) -> list[str]:
    return list(breaks(Told(rows, runs, gaps)))


def test_runs_without_a_hole_and_reasons_for_all_time_between_them_are_sound() -> None:
    rows = segments(0, 10, run=0) + segments(25, run=25)
    gaps = [a_gap(20, 22, CRASHED), a_gap(22, 25), a_gap(35, None, CRASHED)]
    assert found(rows, [a_run(0, 20, CRASHED), a_run(25, 35)], gaps) == []


def test_segments_that_do_not_abut_are_found() -> None:
    (sentence,) = found(segments(0, 11, run=0), [a_run(0, 21)], [])
    assert "do not abut" in sentence


def test_a_run_that_claims_more_than_its_segments_is_found() -> None:
    (sentence,) = found(segments(0, run=0), [a_run(0, 11)], [])
    assert "has segments from" in sentence


def test_a_segment_without_a_run_is_found() -> None:
    (sentence,) = found(segments(0, run=0), [], [])
    assert "belong to no run" in sentence


def test_time_without_a_reason_is_found() -> None:
    rows, runs = segments(0, run=0) + segments(25, run=25), [a_run(0, 10, CRASHED), a_run(25, 35)]
    assert len(found(rows, runs, [])) == 1
    assert len(found(rows, runs, [a_gap(10, 24, CRASHED)])) == 1
    assert len(found(rows, runs, [a_gap(11, 25, CRASHED)])) == 1


def test_a_gap_that_still_lasts_before_a_later_run_is_found() -> None:
    rows, runs = segments(0, run=0) + segments(25, run=25), [a_run(0, 10, CRASHED), a_run(25, 35)]
    assert found(rows, runs, [a_gap(10, None, CRASHED)]) != []


def test_a_run_without_an_end_before_a_later_one_is_found() -> None:
    rows = segments(0, run=0) + segments(10, run=10)
    (sentence,) = found(rows, [a_run(0, 10), a_run(10, 20)], [])
    assert "has no end" in sentence

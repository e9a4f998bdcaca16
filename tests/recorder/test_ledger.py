"""The ledger: what workers report becomes rows that agree with one another, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recorder.ledger import MAX_BATCH, Ledger, write
from recorder.wire import ClockStepped, Missing, RunChanged, SegmentPublished
from tests.factories import STREAM, VOLUME, a_segment, after
from vms.domain.footage import Gap, GapReason
from vms.domain.timespan import Timespan, datetime_of_ms, ms_of, ticks_of
from vms.store import gaps, runs, segments
from vms.store.batch import IndexBatch
from vms.store.database import Engines
from vms.store.volumes import register

START = datetime(2026, 3, 14, 15, 0, tzinfo=UTC)
START_MS = ms_of(START)
WINDOW = Timespan(after(-3600, START), after(3600, START))


def begun(at_s: float = 0) -> RunChanged:
    start = START_MS + int(at_s * 1000)
    return RunChanged(STREAM, start, start, None, 0, 0, 0)


def ended(at_s: float, until_s: float, reason: GapReason = GapReason.OFFLINE) -> RunChanged:
    return RunChanged(STREAM, START_MS + int(at_s * 1000), START_MS + int(until_s * 1000), str(reason), 0, 0, 0)


def published(at_s: float, *, run_s: float = 0) -> SegmentPublished:
    return SegmentPublished.of(a_segment(after(at_s, START), run_start=after(run_s, START)))


def missing(since_s: float, reason: GapReason = GapReason.OFFLINE) -> Missing:
    return Missing(STREAM, ticks_of(after(since_s, START)), str(reason), "")


def entered(index: Engines, *messages: SegmentPublished | RunChanged | Missing | ClockStepped, each_alone: bool = False) -> Ledger:
    """Give `messages` to a ledger and write them, in one batch or one batch each."""
    with index.write.begin() as connection:
        register(connection, VOLUME, Path("/footage"))
    ledger = Ledger()
    for message in messages:
        ledger.take(message, START)
        if each_alone and (batch := ledger.cut()) is not None:
            write(index, batch)
    if (batch := ledger.cut()) is not None:
        write(index, batch)
    return ledger


def spans(index: Engines) -> list[tuple[float, float]]:
    with index.read.begin() as connection:
        return [((run.start_ms - START_MS) / 1000, (run.end_ms - START_MS) / 1000) for run in runs.find(connection, STREAM, WINDOW)]


def told_gaps(index: Engines) -> list[Gap]:
    with index.read.begin() as connection:
        return gaps.find(connection, STREAM, WINDOW)


def test_a_run_reaches_as_far_as_its_published_segments(index: Engines) -> None:
    entered(index, begun(), published(0), published(60))

    assert spans(index) == [(0, 120)]


def test_a_run_that_claims_more_than_was_published_is_not_believed(index: Engines) -> None:
    entered(index, begun(), published(0), ended(0, 500))

    assert spans(index) == [(0, 60)]


def test_a_gap_lasts_until_the_next_run(index: Engines) -> None:
    for each_alone in (False, True):
        entered(index, begun(), published(0), ended(0, 60), missing(60), begun(90), each_alone=each_alone)

    (gap,) = told_gaps(index)
    assert (gap.start, gap.end) == (after(60, START), after(90, START))


def test_a_gap_that_is_told_after_the_next_run_began_ends_there(index: Engines) -> None:
    entered(index, begun(), published(0), begun(90), ended(0, 60), missing(60), each_alone=True)

    (gap,) = told_gaps(index)
    assert (gap.start, gap.end) == (after(60, START), after(90, START))


def test_a_new_reason_ends_the_one_before(index: Engines) -> None:
    entered(index, missing(0), missing(30, GapReason.REFUSED))

    assert [(gap.reason, gap.end) for gap in told_gaps(index)] == [(GapReason.OFFLINE, after(30, START)), (GapReason.REFUSED, None)]


def test_runs_that_abut_leave_no_gap(index: Engines) -> None:
    entered(index, begun(), published(0), ended(0, 60), missing(60, GapReason.STREAM_CHANGED), begun(60))

    assert told_gaps(index) == []


def test_a_dead_workers_run_ends_where_its_salvaged_footage_does(index: Engines) -> None:
    ledger = entered(index, begun(), published(0))
    ledger.worker_died(frozenset({STREAM}), {(STREAM, START_MS): START_MS + 75_000})
    batch = ledger.cut()
    assert batch is not None
    write(index, batch)

    (gap,) = told_gaps(index)
    assert spans(index) == [(0, 75)]
    assert (gap.reason, gap.start, gap.end) == (GapReason.RECORDER_CRASHED, datetime_of_ms(START_MS + 75_000), None)


def test_each_run_of_a_dead_worker_ends_where_its_own_salvaged_footage_does(index: Engines) -> None:
    """The end of the first was still on its way through a slow disk when the second had begun."""
    ledger = entered(index, begun(), published(0), begun(70))
    ledger.worker_died(frozenset({STREAM}), {(STREAM, START_MS): START_MS + 65_000, (STREAM, START_MS + 70_000): START_MS + 75_000})
    batch = ledger.cut()
    assert batch is not None
    write(index, batch)

    crashed = [(after(65, START), after(70, START)), (after(75, START), None)]
    assert spans(index) == [(0, 65), (70, 75)]
    assert [(gap.start, gap.end) for gap in told_gaps(index) if gap.reason is GapReason.RECORDER_CRASHED] == crashed


def test_a_batch_that_was_put_back_comes_first_the_next_time() -> None:
    ledger = Ledger()
    ledger.take(begun(), START)
    ledger.take(published(0), START)
    refused = ledger.cut()
    assert refused is not None
    ledger.take(published(60), START)

    ledger.put_back(refused)

    again = ledger.cut()
    assert again is not None
    assert [segment.start_ms for segment in again.segments] == [START_MS, START_MS + 60_000]
    assert [run.end_ms for run in again.runs] == [START_MS + 120_000]


def test_one_row_that_contradicts_the_index_does_not_keep_the_others_out(index: Engines) -> None:
    entered(index, begun(), published(0))
    other_file = SegmentPublished.of(a_segment(START, run_start=START, content=b"another file"))
    ledger = Ledger()
    ledger.take(other_file, START)
    ledger.take(published(60), START)
    batch = ledger.cut()
    assert batch is not None

    write(index, batch)

    with index.read.begin() as connection:
        assert [segment.start_ms for segment in segments.find(connection, STREAM, WINDOW)] == [START_MS, START_MS + 60_000]


@pytest.mark.parametrize("each_alone", [False, True])
def test_a_reason_that_a_slow_disk_makes_late_ends_where_the_next_one_began(index: Engines, *, each_alone: bool) -> None:
    entered(index, begun(), published(0), missing(90), ended(0, 60), missing(60, GapReason.DISK_SLOW), each_alone=each_alone)

    told = [(gap.reason, gap.start, gap.end) for gap in told_gaps(index)]
    assert told == [(GapReason.DISK_SLOW, after(60, START), after(90, START)), (GapReason.OFFLINE, after(90, START), None)]


@pytest.mark.parametrize("each_alone", [False, True])
@pytest.mark.parametrize("files_end", [60, 120])
def test_what_was_told_of_a_hanging_disk_agrees_with_where_its_files_end(index: Engines, files_end: int, *, each_alone: bool) -> None:
    files = [published(at) for at in range(0, files_end, 60)]
    slow = GapReason.DISK_SLOW
    entered(index, begun(), missing(120, slow), *files, ended(0, files_end, slow), missing(files_end, slow), each_alone=each_alone)

    until = files_end
    for gap in told_gaps(index):
        assert (gap.reason, gap.start) == (slow, after(until, START))
        until = int((gap.end - START).total_seconds()) if gap.end is not None else 0
    assert until == 0
    assert spans(index) == [(0, files_end)]


def test_a_worker_that_dies_while_its_disk_hangs_leaves_one_gap_open(index: Engines) -> None:
    ledger = entered(index, begun(), published(0), missing(120, GapReason.DISK_SLOW))
    ledger.worker_died(frozenset({STREAM}), {})
    batch = ledger.cut()
    assert batch is not None
    write(index, batch)

    told = [(gap.reason, gap.start, gap.end) for gap in told_gaps(index)]
    assert told == [
        (GapReason.RECORDER_CRASHED, after(60, START), after(120, START)),
        (GapReason.DISK_SLOW, after(120, START), None),
    ]


def test_a_gap_told_for_time_that_turns_out_recorded_does_not_last(index: Engines) -> None:
    entered(index, missing(1), begun(0.5), published(0.5, run_s=0.5), each_alone=True)

    assert [gap for gap in told_gaps(index) if gap.end is None] == []


def test_a_row_that_the_index_will_never_take_does_not_keep_the_others_out(index: Engines) -> None:
    with index.write.begin() as connection:
        register(connection, VOLUME, Path("/footage"))
    empty = replace(a_segment(START), duration=0)

    write(index, IndexBatch(segments=(empty, a_segment(after(60, START)))))

    with index.read.begin() as connection:
        assert [segment.start_ms for segment in segments.find(connection, STREAM, WINDOW)] == [START_MS + 60_000]


def test_what_waited_for_the_index_goes_in_piece_by_piece() -> None:
    ledger = Ledger()
    for number in range(MAX_BATCH + 1):
        ledger.take(published(60 * number), START)

    sizes = []
    while (batch := ledger.cut()) is not None:
        sizes.append(len(batch.segments))
    assert sizes == [MAX_BATCH, 1]


@pytest.mark.parametrize("each_alone", [False, True])
def test_a_run_of_which_the_disk_took_nothing_is_missing_from_its_start(index: Engines, *, each_alone: bool) -> None:
    refused = (begun(), ended(0, 0, GapReason.DISK_ERROR), missing(0, GapReason.DISK_ERROR))
    entered(index, *refused, begun(30), published(30, run_s=30), each_alone=each_alone)

    assert [(gap.reason, gap.start, gap.end) for gap in told_gaps(index)] == [(GapReason.DISK_ERROR, START, after(30, START))]


def test_a_run_that_begins_and_ends_between_two_commits_ends_the_gap_before_it(index: Engines) -> None:
    ledger = entered(index, missing(0))
    for message in (begun(30), published(30, run_s=30), ended(30, 90), missing(90, GapReason.RECORDER_STOPPED)):
        ledger.take(message, START)
    batch = ledger.cut()
    assert batch is not None
    write(index, batch)

    assert [(gap.start, gap.end) for gap in told_gaps(index)] == [(START, after(30, START)), (after(90, START), None)]

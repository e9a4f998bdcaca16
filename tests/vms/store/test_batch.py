"""What the supervisor writes: segments, runs and gaps in one transaction, again without harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.factories import STREAM, VOLUME, a_gap, a_run, a_segment, after, span
from vms.domain.footage import ClockEvent, GapReason, Run, SegmentState
from vms.domain.ids import SegmentId, StreamId, VolumeId
from vms.domain.timespan import ticks_of
from vms.errors import Conflict, NotFound
from vms.store import clock_events, gaps, runs, segments, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines
from vms.store.migrate import Which
from vms.store.timeline import timeline

_OTHER = StreamId(7_002)


@pytest.fixture
def writing(index: Engines) -> Iterator[Connection]:
    with index.write.begin() as connection:
        volumes.register(connection, VOLUME, Path("/srv/footage"))
        yield connection


def test_a_batch_is_found_again_as_it_was_written(writing: Connection) -> None:
    segment = replace(a_segment(), camera_clock_offset_ms=-1_250)
    run = Run(STREAM, segment.start_ms, segment.start_ms + 60_000, GapReason.OFFLINE, 4_294_967_295, 2**64 - 1, 77)
    gap, event = a_gap(60, None), ClockEvent(span(0, 1).start.replace(microsecond=0), -3_000, "NTP set the clock back")
    apply_batch(writing, IndexBatch((segment,), (run,), (gap,), (event,)))
    assert segments.get(writing, segment.id) == segment
    assert runs.last(writing, STREAM) == run
    assert gaps.open_gaps(writing) == [gap]
    assert clock_events.recent(writing) == [event]


def test_a_batch_applied_again_changes_nothing(writing: Connection) -> None:
    batch = IndexBatch((a_segment(),), (a_run(0, 60),), (a_gap(60, None),), (ClockEvent(after(0), 1),))
    apply_batch(writing, batch)
    before = (segments.get(writing, a_segment().id), runs.ends(writing), gaps.open_gaps(writing), volumes.get(writing, VOLUME))
    apply_batch(writing, batch)
    assert (segments.get(writing, a_segment().id), runs.ends(writing), gaps.open_gaps(writing), volumes.get(writing, VOLUME)) == before


def test_an_old_batch_replayed_after_newer_ones_takes_nothing_back(writing: Connection) -> None:
    old = IndexBatch((a_segment(),), (a_run(0, 60),), (a_gap(-30, None),))
    apply_batch(writing, old)
    apply_batch(writing, IndexBatch((a_segment(after(60)),), (a_run(0, 120, GapReason.SILENT),), (a_gap(120, None),)))
    apply_batch(writing, old)
    assert runs.last(writing, STREAM) == a_run(0, 120, GapReason.SILENT)
    assert gaps.find(writing, STREAM, span(-60, 200)) == [a_gap(-30, 0), a_gap(120, None)]


def test_the_bytes_of_a_volume_are_counted_once(writing: Connection) -> None:
    for _ in range(2):
        apply_batch(writing, IndexBatch((a_segment(), a_segment(after(60)))))
    assert volumes.get(writing, VOLUME).live_bytes == 2_000_000


def test_a_segment_name_with_another_digest_is_a_conflict(writing: Connection) -> None:
    apply_batch(writing, IndexBatch((a_segment(),)))
    with pytest.raises(Conflict, match="another digest"):
        apply_batch(writing, IndexBatch((a_segment(content=b"something else"),)))


def test_a_segment_on_an_unknown_volume_is_refused(writing: Connection) -> None:
    with pytest.raises(NotFound, match="not in this node's index"):
        apply_batch(writing, IndexBatch((a_segment(volume=VolumeId("another")),)))


@pytest.mark.parametrize(("start_s", "end_s"), [(-10, 1), (50, 90), (0.001, 60), (-10, 200), (10, 20)])
def test_a_run_that_overlaps_another_is_refused(writing: Connection, start_s: float, end_s: float) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(0, 60),)))
    with pytest.raises(Conflict, match="overlaps"):
        apply_batch(writing, IndexBatch(runs=(a_run(start_s, end_s),)))


def test_a_run_may_not_grow_into_the_next(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(0, 60), a_run(60, 120))))
    with pytest.raises(Conflict, match="overlaps"):
        apply_batch(writing, IndexBatch(runs=(a_run(0, 61),)))


def test_runs_that_touch_and_runs_of_other_streams_are_fine(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(60, 120), a_run(0, 60), a_run(30, 90, stream=_OTHER))))
    assert runs.overlapping_pairs(writing) == []


def test_a_refused_batch_leaves_nothing_behind(index: Engines) -> None:
    batch = IndexBatch((a_segment(volume=VolumeId("another")),), (a_run(0, 60),), (a_gap(60, None),))
    with pytest.raises(NotFound), index.write.begin() as connection:
        apply_batch(connection, batch)
    with index.read.begin() as connection:
        assert runs.last(connection, STREAM) is None
        assert gaps.open_gaps(connection) == []


def test_a_run_grows_in_place_and_keeps_its_first_sender_report(writing: Connection) -> None:
    begun = Run(STREAM, 1_000, 1_000, None, rtp_start=5)
    apply_batch(writing, IndexBatch(runs=(begun,)))
    apply_batch(writing, IndexBatch(runs=(replace(begun, end_ms=61_000, sr_ntp=2**63 + 9, sr_rtp=8),)))
    apply_batch(writing, IndexBatch(runs=(replace(begun, end_ms=121_000, sr_ntp=12, sr_rtp=13),)))
    assert runs.last(writing, STREAM) == Run(STREAM, 1_000, 121_000, None, 5, 2**63 + 9, 8)


def test_footage_that_comes_again_ends_the_open_gap(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(gaps=(a_gap(0, None),)))
    apply_batch(writing, IndexBatch(runs=(a_run(30, 40),)))
    assert gaps.find(writing, STREAM, span(0, 60)) == [a_gap(0, 30)]


def test_another_reason_ends_the_gap_before(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(gaps=(a_gap(0, None), a_gap(20, None, GapReason.REFUSED))))
    assert gaps.find(writing, STREAM, span(0, 60)) == [a_gap(0, 20), a_gap(20, None, GapReason.REFUSED)]


def test_a_start_ends_what_a_crash_left_open(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(0, 60),)))
    assert runs.end_open(writing, GapReason.RECORDER_CRASHED) == [a_run(0, 60)]
    assert runs.last(writing, STREAM) == a_run(0, 60, GapReason.RECORDER_CRASHED)


def test_segments_are_found_by_the_time_they_hold(writing: Connection) -> None:
    there = [a_segment(after(start)) for start in (0, 60, 120, 300)]
    apply_batch(writing, IndexBatch(tuple(reversed(there))))
    assert segments.find(writing, STREAM, span(59, 121)) == there[:3]
    assert segments.find(writing, STREAM, span(60, 120)) == there[1:2]
    assert segments.find(writing, STREAM, span(200, 290)) == []
    assert segments.find(writing, STREAM, span(-500, 1)) == there[:1]
    assert segments.find(writing, STREAM, span(-500, 500), limit=2) == there[:2]


def test_the_segment_of_a_moment_is_the_one_that_holds_it(writing: Connection) -> None:
    first, second = a_segment(), a_segment(after(60))
    apply_batch(writing, IndexBatch((first, second)))
    assert segments.at(writing, STREAM, first.start_ticks) == first
    assert segments.at(writing, STREAM, second.start_ticks - 1) == first
    assert segments.at(writing, STREAM, second.start_ticks) == second
    assert segments.at(writing, STREAM, second.end_ticks) is None
    assert segments.at(writing, STREAM, first.start_ticks - 1) is None


def test_what_is_condemned_or_lost_is_not_shown(writing: Connection) -> None:
    first, second = a_segment(), a_segment(after(60))
    apply_batch(writing, IndexBatch((first, second)))
    segments.set_state(writing, first.id, SegmentState.LOST, was=SegmentState.LIVE)
    segments.set_state(writing, second.id, SegmentState.CONDEMNED, was=SegmentState.LIVE)
    assert segments.find(writing, STREAM, span(0, 120)) == []
    assert segments.at(writing, STREAM, ticks_of(after(1))) is None
    assert segments.states(writing, [first.id, second.id]) == {first.id: SegmentState.LOST, second.id: SegmentState.CONDEMNED}


def test_a_segment_is_marked_only_as_long_as_it_is_what_it_was(writing: Connection) -> None:
    """Retention may have condemned it, or forgotten it, since it was read."""
    apply_batch(writing, IndexBatch((a_segment(),)))
    segment = a_segment().id
    assert segments.set_state(writing, segment, SegmentState.CONDEMNED, was=SegmentState.LIVE)
    assert not segments.set_state(writing, segment, SegmentState.LIVE, was=SegmentState.LOST)
    assert segments.states(writing, [segment]) == {segment: SegmentState.CONDEMNED}
    assert not segments.set_state(writing, SegmentId("0" * 32), SegmentState.LIVE, was=SegmentState.LOST)


def test_a_volume_is_walked_in_pages_without_missing_a_row(writing: Connection) -> None:
    there = [a_segment(after(60 * number), stream=stream) for stream in (STREAM, _OTHER) for number in range(5)]
    apply_batch(writing, IndexBatch(tuple(there)))
    walked, page = [], segments.page(writing, VOLUME, None, 3)
    while page:
        walked += page
        page = segments.page(writing, VOLUME, walked[-1].id, 3)
    assert walked == there


def test_a_day_of_one_stream_is_told_from_its_runs(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(-100, 50, GapReason.OFFLINE), a_run(80, 500)), gaps=(a_gap(50, 80),)))
    told = timeline(writing, STREAM, span(0, 100), now=after(600))
    assert [part.duration.total_seconds() for part in told.recorded] == pytest.approx([50, 20], abs=0.001)
    assert [gap.reason for gap in told.gaps] == [GapReason.OFFLINE]


def test_the_run_before_the_window_says_why_its_beginning_is_missing(writing: Connection) -> None:
    apply_batch(writing, IndexBatch(runs=(a_run(-900, -800), a_run(-700, -600, GapReason.RECORDER_STOPPED))))
    told = timeline(writing, STREAM, span(0, 100), now=after(600))
    assert [(gap.start, gap.end, gap.reason) for gap in told.gaps] == [(after(0), after(100), GapReason.RECORDER_STOPPED)]


@pytest.fixture(scope="module")
def new_index(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engines]:
    """Return a function that makes another empty index: one for each example."""
    folder, numbers = tmp_path_factory.mktemp("indexes"), count()
    return lambda: migrated_sqlite(Which.INDEX, folder / f"{next(numbers)}.db")


_offers = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12)


@pytest.mark.slow
@settings(max_examples=40)
@given(offers=_offers)
def test_whatever_is_offered_stored_runs_never_overlap(new_index: Callable[[], Engines], offers: list[tuple[int, int]]) -> None:
    engines = new_index()
    for start, length in offers:
        try:
            with engines.write.begin() as connection:
                apply_batch(connection, IndexBatch(runs=(Run(STREAM, start, start + length, None),)))
        except Conflict:
            continue
    with engines.read.begin() as connection:
        assert runs.overlapping_pairs(connection) == []
        stored = runs.find(connection, STREAM, span(-(10**9), 1))
    assert all(one.end_ms <= other.start_ms or other.end_ms <= one.start_ms for one in stored for other in stored if one is not other)
    engines.dispose()

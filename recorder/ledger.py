"""Turn what workers report into index rows: one transaction a second, the only inserter of segment and run rows.

Invariant: a run's row never reaches further than its published segments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.exc import DBAPIError, IntegrityError

from recorder.wire import ClockStepped, FromWorker, Missing, RunChanged, SegmentPublished
from vms.domain.footage import ClockEvent, Gap, GapReason, Run, Segment
from vms.domain.ids import SegmentId, StreamId
from vms.domain.timespan import TICKS_PER_MS, datetime_of_ms, ms_of
from vms.errors import Conflict, Unavailable
from vms.log import get_logger
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines

MAX_BATCH = 1000
"""Segments of one transaction: what waited while the index took nothing goes in by so many, and names fit on one line to a worker."""
REMEMBERED = 32
"""Beginnings of runs and gaps of a stream, for reasons that a slow disk makes late."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Where a run or a gap of a stream began."""

    at_ms: int
    of_run: bool

    def ends(self, since_ms: int) -> bool:
        """Say whether a gap that begins at `since_ms` lasts until here at most; a reason told again for one moment replaces the first."""
        return self.at_ms > since_ms or (self.of_run and self.at_ms == since_ms)


@dataclass(slots=True)
class _Pending:
    segments: list[Segment] = field(default_factory=list)
    runs: dict[tuple[StreamId, int], Run] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    clock_events: list[ClockEvent] = field(default_factory=list)

    def batch(self) -> IndexBatch:
        return IndexBatch(tuple(self.segments), tuple(self.runs.values()), tuple(self.gaps), tuple(self.clock_events))

    def __bool__(self) -> bool:
        return bool(self.segments or self.runs or self.gaps or self.clock_events)


class Ledger:
    """Collects rows on the event loop (`take`); `cut` hands a batch to `write`, which runs in the index thread."""

    def __init__(self) -> None:
        self._pending = _Pending()
        self._runs: dict[StreamId, dict[int, Run]] = {}
        self._begun: dict[StreamId, deque[_Beginning]] = {}

    def take(self, message: FromWorker, at: datetime) -> None:
        """Note what a line means for the index; lines that mean nothing for it are left to others."""
        match message:
            case SegmentPublished():
                self._published(message.segment)
            case RunChanged():
                self._run_changed(message.run)
            case Missing(stream, since_ticks, reason, detail):
                self._missing(StreamId(stream), since_ticks // TICKS_PER_MS, GapReason(reason), detail)
            case ClockStepped(step_ms):
                if step_ms < 0:
                    self._begun.clear()  # what began later by the old clock ends nothing of the new one
                self._pending.clock_events.append(ClockEvent(at, step_ms))
            case _:
                pass

    def worker_died(self, streams: frozenset[StreamId], salvaged: Mapping[tuple[StreamId, int], int]) -> None:
        """Close the runs of a worker that ended without a word; the time since their last picture on disk is missing.

        A slow disk may have kept back the end of a run when the next had begun already: that time is missing too.
        `salvaged`: where (ms) what was salvaged of a run, named by stream and start, ends; its rows are in the index already.
        """
        for stream in streams:
            for run in sorted(self._runs.pop(stream, {}).values(), key=lambda run: run.start_ms):
                end_ms = max(run.end_ms, salvaged.get((stream, run.start_ms), 0))
                self._put(replace(run, end_ms=end_ms, end_reason=GapReason.RECORDER_CRASHED))
                self._missing(stream, end_ms, GapReason.RECORDER_CRASHED, "")

    def cut(self) -> IndexBatch | None:
        """Return everything noted since the last cut; None when there is nothing."""
        if not self._pending:
            return None
        batch, rest = self._pending.batch(), self._pending.segments[MAX_BATCH:]
        self._pending = _Pending(segments=rest)
        return replace(batch, segments=batch.segments[:MAX_BATCH])

    def put_back(self, batch: IndexBatch) -> None:
        """Take a batch again that could not be written; what was noted since comes after it."""
        self._pending.segments[:0] = batch.segments
        self._pending.runs = {(run.stream_id, run.start_ms): run for run in batch.runs} | self._pending.runs
        self._pending.gaps[:0] = batch.gaps
        self._pending.clock_events[:0] = batch.clock_events

    def _published(self, segment: Segment) -> None:
        self._pending.segments.append(segment)
        end_ms = segment.end_ticks // TICKS_PER_MS
        run = self._runs.get(segment.stream_id, {}).get(segment.run_start_ms)
        known = run or Run(segment.stream_id, segment.run_start_ms, end_ms, None)
        self._put(replace(known, end_ms=max(known.end_ms, end_ms)))

    def _run_changed(self, run: Run) -> None:
        known = self._runs.get(run.stream_id, {}).get(run.start_ms)
        if run.end_reason is None:
            self._remember(run.stream_id, _Beginning(run.start_ms, of_run=True))
            self._close_pending_gaps(run.stream_id, run.start_ms)
        # What the worker handed to a disk that refused it is no footage: the end is that of the last published segment.
        stands = replace(run, end_ms=known.end_ms if known is not None else run.start_ms)
        self._put(stands)
        if run.end_reason is not None:
            self._runs.get(run.stream_id, {}).pop(run.start_ms, None)
            if stands.end_ms == stands.start_ms:
                self._forget_beginning(stands)

    def _put(self, run: Run) -> None:
        self._pending.runs[run.stream_id, run.start_ms] = run
        if run.end_reason is None:
            self._runs.setdefault(run.stream_id, {})[run.start_ms] = run

    def _missing(self, stream: StreamId, since_ms: int, reason: GapReason, detail: str) -> None:
        """Note a gap; where the next run or the next reason has been told already, it ends there."""
        later = [begun.at_ms for begun in self._begun.get(stream, ()) if begun.ends(since_ms)]
        end = datetime_of_ms(min(later)) if later else None
        self._open_gap(Gap(stream, datetime_of_ms(since_ms), end, reason, detail))

    def _open_gap(self, gap: Gap) -> None:
        self._remember(gap.stream_id, _Beginning(ms_of(gap.start), of_run=False))
        if gap.end is None:
            self._close_pending_gaps(gap.stream_id, ms_of(gap.start))
        if gap.end is None or gap.end > gap.start:
            self._pending.gaps.append(gap)

    def _remember(self, stream: StreamId, beginning: _Beginning) -> None:
        self._begun.setdefault(stream, deque(maxlen=REMEMBERED)).append(beginning)

    def _forget_beginning(self, run: Run) -> None:
        """Nothing of the run is on disk: it ends no gap, and what is missing since its start is told next."""
        with suppress(KeyError, ValueError):
            self._begun[run.stream_id].remove(_Beginning(run.start_ms, of_run=True))

    def _close_pending_gaps(self, stream: StreamId, at_ms: int) -> None:
        at = datetime_of_ms(at_ms)
        self._pending.gaps = [
            replace(gap, end=max(at, gap.start)) if gap.stream_id == stream and gap.end is None else gap for gap in self._pending.gaps
        ]
        self._pending.gaps = [gap for gap in self._pending.gaps if gap.end is None or gap.end > gap.start]


def write(index: Engines, batch: IndexBatch) -> list[SegmentId]:
    """Commit `batch` and return the ids of its segments. Runs in the index thread. Unavailable when the index takes nothing now.

    Where one row contradicts the index, the others are written all the same; the one is left for `vms check` with an error.
    """
    try:
        with index.write.begin() as connection:
            apply_batch(connection, batch)
    except (Conflict, IntegrityError):
        _write_one_by_one(index, batch)
    except DBAPIError as err:
        raise Unavailable(f"The index took no rows: {err.orig}. They are kept and written again.") from err
    return [segment.id for segment in batch.segments]


def _write_one_by_one(index: Engines, batch: IndexBatch) -> None:
    singles = [IndexBatch(segments=(segment,)) for segment in batch.segments]
    singles += [IndexBatch(runs=(run,)) for run in batch.runs]
    singles += [IndexBatch(gaps=(gap,)) for gap in batch.gaps]
    singles.append(IndexBatch(clock_events=batch.clock_events))
    for single in singles:
        try:
            with index.write.begin() as connection:
                apply_batch(connection, single)
        except (Conflict, IntegrityError):
            log.exception("row contradicts the index; run: vms check")

"""The timeline of one stream: recorded time, known gaps, and the missing time that nobody could write down."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from vms.domain.footage import Coverage, Gap, GapReason, Run
from vms.domain.ids import StreamId
from vms.domain.timespan import Timespan, union

OPEN_SEGMENT_ALLOWANCE = timedelta(seconds=150)
"""A segment is cut after twice 60 s, the most that is allowed, and a fragment: so long the newest footage may be in no index row yet."""

LOST_SENTENCE = "It was recorded, and its file is gone: somebody or something removed it."
EARLY_SENTENCE = "The disks were full: what was recorded was deleted before its day, as the retention policy allows."
_ENDLESS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Known:
    """One piece of time that is accounted for, and why time after it would be missing."""

    start: datetime
    end: datetime
    missing_after: GapReason


def timeline_of(
    stream_id: StreamId,
    runs: Sequence[Run],
    gaps: Sequence[Gap],
    window: Timespan,
    *,
    now: datetime,
    lost: Sequence[Timespan] = (),
) -> Coverage:
    """Return what `window` holds of one stream.

    `runs` and `gaps` are those that touch the window and the last run before it. Time that neither covers is a gap too: a
    recorder that is killed writes no row. Time before the first of them is not missing, and neither is the tail that the
    open segment may hold (`OPEN_SEGMENT_ALLOWANCE`). What was recorded and `lost` its file is missing for that reason.
    """
    known = sorted(_known(runs, gaps, now), key=lambda piece: (piece.start, piece.end))
    recorded = tuple(span for run in sorted(runs, key=lambda run: run.start_ms) if (span := _within(run.span, window)))
    missing = [
        clipped for piece in _apart((*gaps, *_untold(stream_id, known, now)), recorded, now) if (clipped := _clipped(piece, window, now))
    ]
    gone = [span for one in union(lost) if (span := _within(one, window))]
    missing += [Gap(stream_id, span.start, span.end, GapReason.LOST, LOST_SENTENCE) for span in gone]
    kept = tuple(piece for span in recorded for piece in _without(span, gone)) if gone else recorded
    return Coverage(stream_id, kept, tuple(sorted(missing, key=lambda gap: gap.start)))


def _without(span: Timespan, gone: Sequence[Timespan]) -> Iterator[Timespan]:
    """Yield what is left of `span` without `gone`, which is in order."""
    start = span.start
    for one in gone:
        if one.end > start and one.start < span.end:
            if one.start > start:
                yield Timespan(start, one.start)
            start = one.end
    if start < span.end:
        yield Timespan(start, span.end)


def _known(runs: Sequence[Run], gaps: Sequence[Gap], now: datetime) -> Iterator[_Known]:
    for run in runs:
        if span := run.span:
            yield _Known(span.start, span.end, run.end_reason or GapReason.RECORDER_CRASHED)
    for gap in gaps:
        yield _Known(gap.start, gap.end or max(gap.start, now), GapReason.RECORDER_CRASHED)


def _untold(stream_id: StreamId, known: Sequence[_Known], now: datetime) -> Iterator[Gap]:
    """Yield the missing time between and after what is known; the last of them may still last."""
    if not known:
        return
    reached, reason = known[0].end, known[0].missing_after
    for piece in known[1:]:
        if piece.start > now:  # of an hour that the clock has left again: until then nothing is missing
            break
        if piece.start > reached:
            yield Gap(stream_id, reached, piece.start, reason)
        if piece.end >= reached:
            reached, reason = piece.end, piece.missing_after
    if now - reached > OPEN_SEGMENT_ALLOWANCE:
        yield Gap(stream_id, reached, None, reason)


def _apart(gaps: Sequence[Gap], recorded: Sequence[Timespan], now: datetime) -> Iterator[Gap]:
    """Yield what of the gaps was not recorded, each moment once: where two were told for it, by the one that began later."""
    in_order = sorted(gaps, key=lambda gap: gap.start)
    starts = [gap.start for gap in in_order]
    for number, gap in enumerate(in_order):
        begun_inside = in_order[number + 1 : bisect_left(starts, gap.end or _ENDLESS)]
        later = [Timespan(other.start, other.end or _ENDLESS) for other in begun_inside if other.end is None or other.start < other.end]
        yield from _unrecorded(gap, union((*recorded, *later)) if later else recorded, now)


def _unrecorded(gap: Gap, recorded: Sequence[Timespan], now: datetime) -> Iterator[Gap]:
    """Yield what of `gap` was not recorded after all, and is past: the clock may have left the hour for which it was told."""
    if gap.end is not None and gap.end > now:
        gap = replace(gap, end=max(gap.start, now))
    start = gap.start
    for span in recorded:
        if span.end <= start or (gap.end is not None and span.start >= gap.end):
            continue
        if span.start > start:
            yield replace(gap, start=start, end=span.start)
        start = span.end
    if gap.end is None or start < gap.end:
        yield replace(gap, start=start)


def _within(span: Timespan | None, window: Timespan) -> Timespan | None:
    return span.intersection(window) if span else None


def _clipped(gap: Gap, window: Timespan, now: datetime) -> Gap | None:
    """Return the part of `gap` inside `window`; one that still lasts keeps its open end when the window reaches `now`."""
    end = gap.end or max(now, gap.start)
    start, clipped_end = max(gap.start, window.start), min(end, window.end)
    if start >= clipped_end:
        return None
    return replace(gap, start=start, end=None if gap.end is None and window.end >= now else clipped_end)

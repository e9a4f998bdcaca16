"""The timeline of one stream, from a few run and gap rows; of segment rows it looks at those alone whose file was lost.

`timeline` tells all of it, `told_timeline` what people may be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from vms.domain.footage import Coverage, Gap, GapReason, Run
from vms.domain.hold import HeldTime
from vms.domain.ids import StreamId
from vms.domain.timeline import EARLY_SENTENCE, timeline_of
from vms.domain.timespan import Timespan, datetime_of_ms, ms_of
from vms.store import gaps, runs, segments, stream_rules


def timeline(connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime, unpublished: Sequence[Run] = ()) -> Coverage:
    """Return recorded time and gaps inside `span`, time that nobody could write down included.

    `unpublished`: what the recorder has written and not entered yet; ask for it first, so that none falls between the two.
    """
    known = reaching(runs.find(connection, stream_id, span), unpublished)
    lost = segments.lost_spans(connection, stream_id, span)
    return timeline_of(stream_id, known, gaps.find(connection, stream_id, span), span, now=now, lost=lost)


def told_timeline(
    connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime, unpublished: Sequence[Run] = ()
) -> Coverage:
    """Return recorded and missing time of what of `span` may be shown, and what went before its day."""
    parts = readable_parts(connection, stream_id, span, now=now)
    told = [timeline(connection, stream_id, part, now=now, unpublished=unpublished) for part in parts]
    missing = [*(gap for one in told for gap in one.gaps), *early_gaps(connection, stream_id, span, now=now)]
    recorded = tuple(span for one in told for span in one.recorded)
    return Coverage(stream_id, recorded, tuple(sorted(missing, key=lambda gap: gap.start)))


def early_gaps(connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime) -> list[Gap]:
    """Return what of `span` went before its day as gaps, with those that were there before."""
    found = list[Gap]()
    for part in _within(span, stream_rules.gone_early(connection, stream_id, ms_of(now))):
        deleted = Gap(stream_id, part.start, part.end, GapReason.DELETED_EARLY, EARLY_SENTENCE)
        found += timeline_of(stream_id, (), [*gaps.find(connection, stream_id, part), deleted], part, now=now).gaps
    return found


def readable_parts(connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime) -> list[Timespan]:
    """Return what of `span` may be shown, by start."""
    return _within(span, stream_rules.readable(connection, stream_id, ms_of(now)))


def _within(span: Timespan, times: Iterable[HeldTime]) -> list[Timespan]:
    bounds = [(datetime_of_ms(time.start_ms), span.end if time.end_ms is None else datetime_of_ms(time.end_ms)) for time in times]
    return [Timespan(max(start, span.start), min(end, span.end)) for start, end in bounds if max(start, span.start) < min(end, span.end)]


def reaching(known: Sequence[Run], unpublished: Iterable[Run]) -> list[Run]:
    """Return `known` reaching to the ends of `unpublished`, with the runs added that have no row yet."""
    extended = {run.start_ms: run for run in known}
    for run in unpublished:
        stored = extended.get(run.start_ms, run)
        extended[run.start_ms] = replace(stored, end_ms=max(stored.end_ms, run.end_ms))
    return list(extended.values())

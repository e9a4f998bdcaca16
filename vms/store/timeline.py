"""The timeline of one stream, from a few run and gap rows; of segment rows it looks at those alone whose file was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from vms.domain.footage import Coverage, Run
from vms.domain.ids import StreamId
from vms.domain.timeline import timeline_of
from vms.domain.timespan import Timespan
from vms.store import gaps, runs, segments


def timeline(connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime, unpublished: Sequence[Run] = ()) -> Coverage:
    """Return recorded time and gaps inside `span`, time that nobody could write down included.

    `unpublished`: what the recorder has written and not entered yet; ask for it first, so that none falls between the two.
    """
    known = reaching(runs.find(connection, stream_id, span), unpublished)
    lost = segments.lost_spans(connection, stream_id, span)
    return timeline_of(stream_id, known, gaps.find(connection, stream_id, span), span, now=now, lost=lost)


def reaching(known: Sequence[Run], unpublished: Iterable[Run]) -> list[Run]:
    """Return `known` reaching to the ends of `unpublished`, with the runs added that have no row yet."""
    extended = {run.start_ms: run for run in known}
    for run in unpublished:
        stored = extended.get(run.start_ms, run)
        extended[run.start_ms] = replace(stored, end_ms=max(stored.end_ms, run.end_ms))
    return list(extended.values())

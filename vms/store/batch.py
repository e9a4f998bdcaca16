"""What the supervisor writes once a second: everything that happened, in one transaction on the node index."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from vms.domain.footage import ClockEvent, Gap, Run, Segment
from vms.store import clock_events, gaps, runs, segments


@dataclass(frozen=True, slots=True)
class IndexBatch:
    """Every file named here is published: fsynced, renamed, its directory fsynced (invariant 1)."""

    segments: tuple[Segment, ...] = ()
    runs: tuple[Run, ...] = ()
    gaps: tuple[Gap, ...] = ()
    clock_events: tuple[ClockEvent, ...] = ()


def apply_batch(connection: Connection, batch: IndexBatch) -> None:
    """Write `batch` inside the caller's transaction. Doing it again changes nothing: a replay after a crash is harmless.

    Conflict when runs would overlap or a segment's name is taken by another file; the caller's transaction is then undone.
    """
    for detour in clock_events.put(connection, batch.clock_events):
        gaps.close_in(connection, detour)
    segments.put(connection, batch.segments)
    gaps.put(connection, batch.gaps)
    runs.put(connection, batch.runs)

"""Steps of the machine's wall clock, as the recorder saw them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from vms.domain.clock_steps import Detour, detours, spent
from vms.domain.footage import ClockEvent
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.store.index_tables import ClockEventRow

_ALL = 10_000
"""More than there are: a machine's clock is stepped some times a year."""


def put(connection: Connection, events: Sequence[ClockEvent]) -> list[Detour]:
    """Insert `events` and return the detours that they end; one of the same millisecond is there already."""
    known = recent_detours(connection) if events else []
    for event in events:
        row = insert(ClockEventRow).values(at_ms=ms_of(event.at), step_ms=event.step_ms, detail=event.detail)
        connection.execute(row.on_conflict_do_nothing())
    return [each for each in recent_detours(connection) if each not in known] if events else []


def recent(connection: Connection, limit: int = 100) -> list[ClockEvent]:
    """Return the newest events, newest first."""
    query = select(ClockEventRow.at_ms, ClockEventRow.step_ms, ClockEventRow.detail).order_by(ClockEventRow.at_ms.desc()).limit(limit)
    return [ClockEvent(datetime_of_ms(at), step, detail) for at, step, detail in connection.execute(query)]


def forget_spent(connection: Connection, oldest_ms: int) -> None:
    """Forget the steps that explain none of the footage, all of which began at `oldest_ms` or later."""
    gone = [ms_of(event.at) for event in spent(recent(connection, _ALL), oldest_ms)]
    if gone:
        connection.execute(delete(ClockEventRow).where(ClockEventRow.at_ms.in_(gone)))


def recent_detours(connection: Connection) -> list[Detour]:
    """Return when the clock was wrong, as the newest events tell, by time."""
    return detours(recent(connection))

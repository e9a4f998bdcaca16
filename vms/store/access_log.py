"""The access log: a table that only grows, numbered without a gap per origin. No code path changes or deletes an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.ids import BranchId, CameraId, ViewId
from vms.domain.timespan import Timespan
from vms.store.central_tables import AccessEventRow, AccessLogRow, CameraRow
from vms.store.database import insert_into


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a reader asks for; None asks for all."""

    before: int | None = None
    """Numbers below this one: the next page."""
    camera_id: CameraId | None = None
    actions: frozenset[Action] | None = None
    actor: str | None = None
    """An `Actor.label`."""
    during: Timespan | None = None
    purposes: frozenset[Purpose] | None = None


def append(session: Session, event: AccessEvent) -> AccessEvent:
    """Write `event` with the next number of its origin and return it with that number.

    The origin's counter row stays locked until the transaction ends, so numbers follow the order of the commits and one that
    is rolled back leaves no hole. Take it last: whoever holds it waits for nobody.
    """
    numbered = replace(event, number=_next_number(session, event.origin))
    session.execute(insert(AccessEventRow).values(_columns(numbered)))
    return numbered


def find(session: Session, origin: str, reach: frozenset[BranchId] | None, wanted: Filter, *, limit: int) -> Sequence[AccessEvent]:
    """Return events newest first; a reader with a limited reach sees those about cameras of his branches."""
    query = select(AccessEventRow).where(AccessEventRow.origin == origin).order_by(AccessEventRow.number.desc()).limit(limit)
    return [_event(row) for row in session.scalars(_narrowed(query, reach, wanted))]


def _next_number(session: Session, origin: str) -> int:
    counted = update(AccessLogRow).where(AccessLogRow.origin == origin).values(last_number=AccessLogRow.last_number + 1)
    number: int | None = session.scalar(counted.returning(AccessLogRow.last_number))
    if number is not None:
        return number
    session.execute(insert_into(session, AccessLogRow).values(origin=origin, last_number=0).on_conflict_do_nothing())
    return _next_number(session, origin)


def _narrowed(query: Select[AccessEventRow], reach: frozenset[BranchId] | None, wanted: Filter) -> Select[AccessEventRow]:
    if reach is not None:
        query = query.where(AccessEventRow.camera_id.in_(select(CameraRow.id).where(CameraRow.branch_id.in_(sorted(reach)))))
    if wanted.before is not None:
        query = query.where(AccessEventRow.number < wanted.before)
    if wanted.camera_id is not None:
        query = query.where(AccessEventRow.camera_id == wanted.camera_id)
    if wanted.actions is not None:
        query = query.where(AccessEventRow.action.in_(sorted(action.value for action in wanted.actions)))
    if wanted.actor is not None:
        query = query.where(AccessEventRow.actor == wanted.actor)
    if wanted.during is not None:
        query = query.where(AccessEventRow.at >= wanted.during.start, AccessEventRow.at < wanted.during.end)
    if wanted.purposes is not None:
        query = query.where(AccessEventRow.purpose.in_(sorted(wanted.purposes)))
    return query


def _columns(event: AccessEvent) -> dict[str, object]:
    return {
        "origin": event.origin,
        "number": event.number,
        "at": event.at,
        "actor": event.actor,
        "actor_name": event.actor_name,
        "role": event.role,
        "action": event.action.value,
        "camera_id": event.camera_id,
        "purpose": event.purpose,
        "span_start_at": event.span.start if event.span else None,
        "span_end_at": event.span.end if event.span else None,
        "view_id": event.view_id,
        "detail": event.detail,
    }


def _event(row: AccessEventRow) -> AccessEvent:
    return AccessEvent(
        number=row.number,
        origin=row.origin,
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name,
        role=row.role,
        action=Action(row.action),
        camera_id=None if row.camera_id is None else CameraId(row.camera_id),
        purpose=row.purpose,
        span=Timespan(row.span_start_at, row.span_end_at) if row.span_start_at and row.span_end_at else None,
        view_id=None if row.view_id is None else ViewId(row.view_id),
        detail=row.detail,
    )

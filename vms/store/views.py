"""Acts of watching, open and closed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.access import View
from vms.domain.emergency import Watched
from vms.domain.ids import CameraId, EmergencyId, SessionId, ShowingId, ViewId
from vms.domain.timespan import Timespan
from vms.store.central_tables import BranchRow, CameraRow, ViewRow
from vms.store.people_tables import SessionRow

WATCHED_LIMIT = 500


def add(session: Session, view: View, opened_in: SessionId | None) -> None:
    session.execute(
        insert(ViewRow).values(
            id=view.id,
            actor=view.actor,
            camera_id=view.camera_id,
            purpose=view.purpose,
            span_start_at=view.span.start if view.span else None,
            span_end_at=view.span.end if view.span else None,
            opened_at=view.opened_at,
            deadline_at=view.deadline,
            session_id=opened_in,
            emergency_id=view.emergency_id,
            showing_id=view.showing_id,
        )
    )


def get(session: Session, view_id: ViewId) -> tuple[View, datetime | None] | None:
    """Return a view and when it was closed (None: not yet)."""
    row = session.scalar(select(ViewRow).where(ViewRow.id == view_id).execution_options(populate_existing=True))
    if row is None:
        return None
    return _view(row), row.closed_at


def recorded_at_screens(session: Session, since: datetime) -> list[tuple[View, SessionId]]:
    """Return the open views of recordings that were opened at an enrolled screen and could be used after `since`, with their sessions."""
    usable = and_(ViewRow.deadline_at > since, ViewRow.closed_at.is_(None), ViewRow.span_start_at.is_not(None))
    query = select(ViewRow, SessionRow.id).join(SessionRow, SessionRow.id == ViewRow.session_id)
    rows = session.execute(query.where(usable, SessionRow.screen_id.is_not(None)).execution_options(populate_existing=True))
    return [(_view(row), SessionId(number)) for row, number in rows]


def extend(session: Session, view_id: ViewId, deadline: datetime) -> None:
    session.execute(update(ViewRow).where(ViewRow.id == view_id).values(deadline_at=deadline))


def close(session: Session, view_id: ViewId, at: datetime) -> bool:
    """Close a view; False when it was closed before."""
    still_open = and_(ViewRow.id == view_id, ViewRow.closed_at.is_(None))
    return session.scalar(update(ViewRow).where(still_open).values(closed_at=at).returning(ViewRow.id)) is not None


def cameras_under(session: Session, emergency: EmergencyId) -> list[tuple[str, str]]:
    """Return branch and camera of every view that was opened under an emergency access, each camera once."""
    query = select(BranchRow.name, CameraRow.name).join(CameraRow, CameraRow.branch_id == BranchRow.id)
    query = query.join(ViewRow, ViewRow.camera_id == CameraRow.id).where(ViewRow.emergency_id == emergency)
    return [(branch, camera) for branch, camera in session.execute(query.distinct().order_by(BranchRow.name, CameraRow.name))]


def watched_in(session: Session, opened_in: SessionId, start: datetime, end: datetime) -> list[Watched]:
    """Return what was watched in a session between two moments, in order; what was never closed to its deadline."""
    over_at = func.coalesce(ViewRow.closed_at, ViewRow.deadline_at)
    columns = BranchRow.name, CameraRow.name, ViewRow.span_start_at, ViewRow.span_end_at, ViewRow.opened_at, ViewRow.closed_at
    query = select(*columns, ViewRow.deadline_at).join(CameraRow, CameraRow.id == ViewRow.camera_id)
    query = query.join(BranchRow, BranchRow.id == CameraRow.branch_id)
    during = and_(ViewRow.session_id == opened_in, ViewRow.deadline_at >= start, over_at > start, ViewRow.opened_at < end)
    found = session.execute(query.where(during).order_by(ViewRow.opened_at, ViewRow.id).limit(WATCHED_LIMIT))
    return [
        Watched(
            branch,
            camera,
            None if first is None or last is None else Timespan(first, last),
            Timespan(max(opened_at, start), max(opened_at, start, min(closed_at or deadline_at, end))),
        )
        for branch, camera, first, last, opened_at, closed_at, deadline_at in found
    ]


def in_showing(session: Session, showing: ShowingId) -> list[View]:
    """Return the views that were opened in a showing, in order."""
    query = select(ViewRow).where(ViewRow.showing_id == showing).order_by(ViewRow.opened_at, ViewRow.id)
    return [_view(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def _view(row: ViewRow) -> View:
    span = Timespan(row.span_start_at, row.span_end_at) if row.span_start_at and row.span_end_at else None
    emergency = None if row.emergency_id is None else EmergencyId(row.emergency_id)
    showing = None if row.showing_id is None else ShowingId(row.showing_id)
    return View(ViewId(row.id), row.actor, CameraId(row.camera_id), row.purpose, span, row.opened_at, row.deadline_at, emergency, showing)

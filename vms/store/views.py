"""Acts of watching, open and closed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vms.domain.access import View
from vms.domain.ids import CameraId, ViewId
from vms.domain.timespan import Timespan
from vms.store.central_tables import ViewRow


def add(session: Session, view: View) -> None:
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
        )
    )


def get(session: Session, view_id: ViewId) -> tuple[View, datetime | None] | None:
    """Return a view and when it was closed (None: not yet)."""
    row = session.scalar(select(ViewRow).where(ViewRow.id == view_id).execution_options(populate_existing=True))
    if row is None:
        return None
    span = Timespan(row.span_start_at, row.span_end_at) if row.span_start_at and row.span_end_at else None
    view = View(ViewId(row.id), row.actor, CameraId(row.camera_id), row.purpose, span, row.opened_at, row.deadline_at)
    return view, row.closed_at


def extend(session: Session, view_id: ViewId, deadline: datetime) -> None:
    session.execute(update(ViewRow).where(ViewRow.id == view_id).values(deadline_at=deadline))


def close(session: Session, view_id: ViewId, at: datetime) -> None:
    session.execute(update(ViewRow).where(ViewRow.id == view_id).values(closed_at=at))

"""Approvals of where cameras look."""

from __future__ import annotations

from sqlalchemy import and_, func, insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import CameraId
from vms.domain.placement import Placement
from vms.store.review_tables import PlacementRow


def add(session: Session, placement: Placement) -> None:
    session.execute(
        insert(PlacementRow).values(
            camera_id=placement.camera_id,
            approved_at=placement.approved_at,
            place=placement.place,
            purpose=placement.purpose,
            must_not_see=placement.must_not_see,
            approved_by=placement.approved_by,
            approved_by_name=placement.approved_by_name,
        )
    )


def newest(session: Session) -> dict[CameraId, Placement]:
    """Return the last approval of each camera that has one."""
    row = PlacementRow
    last = select(row.camera_id, func.max(row.approved_at).label("at")).group_by(row.camera_id).subquery()
    rows = session.scalars(select(row).join(last, and_(row.camera_id == last.c.camera_id, row.approved_at == last.c.at)))
    found = [
        Placement(CameraId(row.camera_id), row.place, row.purpose, row.must_not_see, row.approved_by, row.approved_by_name, row.approved_at)
        for row in rows
    ]
    return {one.camera_id: one for one in found}

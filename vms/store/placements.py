"""Approvals of where cameras look."""

from __future__ import annotations

from sqlalchemy import and_, func, insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import CameraId
from vms.domain.placement import Placement
from vms.store import settings
from vms.store.review_tables import PlacementRow

_RULE = "placement"
"""Among what the district decided: the setting of that name, as the hub took it over when it last started."""
REQUIRED = "required"


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


def rule(session: Session) -> str:
    """Return the rule that counts for recorders; empty before the hub ever started with one."""
    return settings.load(session).get(_RULE, "")


def put_rule(session: Session, rule: str) -> None:
    settings.put(session, {_RULE: rule})


def required(session: Session) -> dict[CameraId, Placement] | None:
    """Return the approvals without which a camera is not recorded; None where none is required."""
    return newest(session) if rule(session) == REQUIRED else None

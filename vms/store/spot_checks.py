"""Spot checks: asked by people, answered once by the machine that recorded the camera."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, func, insert, select, true, update
from sqlalchemy.orm import Session

from vms.domain.day_proof import ToldProof
from vms.domain.ids import CameraId, NodeId, SpotCheckId
from vms.domain.people import Person
from vms.domain.reach import Reach
from vms.domain.spot_check import WAITS, AskedDay, Checkable, SpotCheck
from vms.domain.timespan import Timespan
from vms.store.central_tables import BranchRow, CameraRow, DeviceRow
from vms.store.proof_tables import SpotCheckRow
from vms.store.reach import cameras_within

_PROOF = TypeAdapter(ToldProof)


def checkable(session: Session, reach: Reach | None) -> list[Checkable]:
    """Return every camera within `reach`, removed ones too, by branch and name."""
    query = (
        select(CameraRow, BranchRow.name, BranchRow.timezone, DeviceRow.node_id)
        .join(BranchRow, BranchRow.id == CameraRow.branch_id)
        .join(DeviceRow, DeviceRow.id == CameraRow.device_id)
        .where(cameras_within(reach))
        .order_by(BranchRow.name_key, CameraRow.name_key, CameraRow.id)
    )
    return [
        Checkable(CameraId(row.id), f"{branch}/{row.name}", NodeId(node), zone, row.created_at, row.removed_at)
        for row, branch, zone, node in session.execute(query)
    ]


def add(session: Session, number: SpotCheckId, camera: Checkable, day: Timespan, *, drawn: bool, by: Person, at: datetime) -> None:
    session.execute(
        insert(SpotCheckRow).values(
            id=number,
            camera_id=camera.camera_id,
            node_id=camera.node_id,
            start_at=day.start,
            end_at=day.end,
            drawn=drawn,
            asked_by=by.label,
            asked_by_name=by.name,
            asked_at=at,
        )
    )


def put_answer(session: Session, node_id: NodeId, number: SpotCheckId, proof: ToldProof, *, at: datetime) -> bool:
    """Store what a machine found; False when it was not asked that, or has answered."""
    mine = (SpotCheckRow.id == number, SpotCheckRow.node_id == node_id, SpotCheckRow.answered_at.is_(None))
    answered = update(SpotCheckRow).where(*mine).values(answered_at=at, proof=_PROOF.dump_json(proof).decode()).returning(SpotCheckRow.id)
    return session.scalar(answered) is not None


def waiting(session: Session, node_id: NodeId) -> list[AskedDay]:
    """Return what a machine was asked and has not answered, in the order in which it was asked."""
    query = select(SpotCheckRow).where(SpotCheckRow.node_id == node_id, SpotCheckRow.answered_at.is_(None))
    found = session.scalars(query.order_by(SpotCheckRow.asked_at, SpotCheckRow.id))
    return [AskedDay(SpotCheckId(row.id), CameraId(row.camera_id), Timespan(row.start_at, row.end_at)) for row in found]


def count_waiting(session: Session, at: datetime) -> int:
    """Return how many wait for their machines; what has lapsed waits no more."""
    return session.scalar(select(func.count()).where(SpotCheckRow.answered_at.is_(None), SpotCheckRow.asked_at > at - WAITS)) or 0


def find(session: Session, reach: Reach | None, *, limit: int) -> list[SpotCheck]:
    """Return checks of cameras within `reach`, the newest first."""
    return _found(session, reach, true(), limit)


def get(session: Session, reach: Reach | None, number: SpotCheckId) -> SpotCheck | None:
    return next(iter(_found(session, reach, SpotCheckRow.id == number, 1)), None)


def _found(session: Session, reach: Reach | None, which: ColumnElement[bool], limit: int) -> list[SpotCheck]:
    query = (
        select(SpotCheckRow, CameraRow.name, BranchRow.name, BranchRow.timezone)
        .join(CameraRow, CameraRow.id == SpotCheckRow.camera_id)
        .join(BranchRow, BranchRow.id == CameraRow.branch_id)
        .where(cameras_within(reach), which)
        .order_by(SpotCheckRow.asked_at.desc(), SpotCheckRow.id)
        .limit(limit)
    )
    return [
        SpotCheck(
            id=SpotCheckId(row.id),
            camera_id=CameraId(row.camera_id),
            camera=f"{branch}/{camera}",
            zone=zone,
            node_id=NodeId(row.node_id),
            day=Timespan(row.start_at, row.end_at),
            drawn=row.drawn,
            asked_by=row.asked_by,
            asked_by_name=row.asked_by_name,
            asked_at=row.asked_at,
            answered_at=row.answered_at,
            proof=None if row.proof is None else _PROOF.validate_json(row.proof),
        )
        for row, camera, branch, zone in session.execute(query)
    ]

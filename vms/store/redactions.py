"""Redactions of requests: their plans, review sheets, and who looked those over. What changes one holds the lock of its request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import CameraId, RequestId, new_number
from vms.store.redaction_tables import RedactionApprovalRow, RedactionPlanRow, RedactionSheetRow


@dataclass(frozen=True, slots=True)
class StoredPlan:
    id: int
    plan_sha256: str
    sealed: bytes
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    id: int
    camera_id: CameraId
    number: int


@dataclass(frozen=True, slots=True)
class LookedOver:
    by_name: str
    at: datetime


def add_plan(session: Session, request: RequestId, scope_sha256: str, plan: StoredPlan, *, by: str) -> None:
    session.execute(
        insert(RedactionPlanRow).values(
            id=plan.id,
            request_id=request,
            scope_sha256=scope_sha256,
            plan_sha256=plan.plan_sha256,
            sealed=plan.sealed,
            added_by=by,
            added_by_name=plan.by_name,
            added_at=plan.at,
        )
    )


def newest_plan(session: Session, request: RequestId, scope_sha256: str) -> StoredPlan | None:
    """Return the plan that counts of a request that asks for this."""
    row = RedactionPlanRow
    query = select(row.id, row.plan_sha256, row.sealed, row.added_by_name, row.added_at)
    mine = query.where(row.request_id == request, row.scope_sha256 == scope_sha256)
    found = session.execute(mine.order_by(row.added_at.desc(), row.id.desc()).limit(1)).first()
    return None if found is None else StoredPlan(*found)


def drop_sheets(session: Session, request: RequestId) -> None:
    session.execute(delete(RedactionSheetRow).where(RedactionSheetRow.request_id == request))


def add_sheet(session: Session, request: RequestId, scope_sha256: str, plan_sha256: str, sheet: Sheet, sealed: bytes) -> None:
    session.execute(
        insert(RedactionSheetRow).values(
            id=sheet.id,
            request_id=request,
            scope_sha256=scope_sha256,
            plan_sha256=plan_sha256,
            camera_id=sheet.camera_id,
            number=sheet.number,
            sealed=sealed,
        )
    )


def sheets(session: Session, request: RequestId, scope_sha256: str, plan_sha256: str) -> list[Sheet]:
    """Return the sheets of what this plan makes of what a request asks for, in order, without their pictures."""
    row = RedactionSheetRow
    query = select(row.id, row.camera_id, row.number).where(row.request_id == request)
    mine = query.where(row.scope_sha256 == scope_sha256, row.plan_sha256 == plan_sha256)
    return [Sheet(number, CameraId(camera), at) for number, camera, at in session.execute(mine.order_by(row.number))]


def sealed_sheet(session: Session, request: RequestId, sheet: int) -> bytes | None:
    row = RedactionSheetRow
    return session.scalar(select(row.sealed).where(row.request_id == request, row.id == sheet))


def add_approval(session: Session, request: RequestId, scope_sha256: str, plan_sha256: str, seen: LookedOver, *, by: str) -> None:
    session.execute(
        insert(RedactionApprovalRow).values(
            id=new_number(),
            request_id=request,
            scope_sha256=scope_sha256,
            plan_sha256=plan_sha256,
            by=by,
            by_name=seen.by_name,
            at=seen.at,
        )
    )


def approval(session: Session, request: RequestId, scope_sha256: str, plan_sha256: str) -> LookedOver | None:
    """Return who first approved what this plan makes of what a request asks for."""
    row = RedactionApprovalRow
    mine = select(row.by_name, row.at).where(row.request_id == request, row.scope_sha256 == scope_sha256, row.plan_sha256 == plan_sha256)
    found = session.execute(mine.order_by(row.at, row.id).limit(1)).first()
    return None if found is None else LookedOver(*found)

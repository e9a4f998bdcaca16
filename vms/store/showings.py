"""Showings to outsiders. Whoever adds or ends one holds the lock of `hold_clock`, as whoever changes its request does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.export_scope import CameraSpan, ExportScope, Terms, scope_from
from vms.domain.ids import ApprovalId, CameraId, PersonId, RequestId, ShowingId
from vms.domain.reach import Reach
from vms.domain.request import ExportRequest
from vms.domain.showing import Showing, Viewer
from vms.errors import Corrupt, Unavailable
from vms.store import sealed_texts
from vms.store.central_tables import CameraRow
from vms.store.reach import cameras_within
from vms.store.request_tables import ExportRequestRow, RequestCameraRow, RequestScopeRow
from vms.store.showing_tables import ShowingRow

_LIMIT = 100


def add(session: Session, showing: Showing, request: ExportRequest, *, by: str) -> None:
    session.execute(
        insert(ShowingRow).values(
            id=showing.id,
            request_id=request.id,
            approval_id=showing.approval,
            scope_version=request.scope_version,
            entered_by=request.entered_by,
            viewer=showing.viewer.name,
            belongs=showing.viewer.belongs,
            identity=showing.viewer.identity,
            place=showing.viewer.place,
            beside=showing.viewer.beside,
            person_id=showing.person,
            by=by,
            by_name=showing.by_name,
            at=showing.at,
            ends_at=showing.ends_at,
            ended_by_name="",
            seen="[]",
        )
    )


def end(session: Session, number: ShowingId, at: datetime, by_name: str, seen: Sequence[CameraSpan]) -> None:
    told = json.dumps([[one.camera_id, one.start_ms, one.end_ms] for one in seen])
    session.execute(update(ShowingRow).where(ShowingRow.id == number).values(ended_at=at, ended_by_name=by_name, seen=told))


def of_request(session: Session, request: RequestId) -> list[Showing]:
    """Return the showings of a request, the newest first."""
    return _found(session, ShowingRow.request_id == request)


def unended_of_request(session: Session, request: RequestId) -> Showing | None:
    """Return what of a request nobody has written the end of; its time may be over."""
    return next(iter(_found(session, and_(ShowingRow.request_id == request, ShowingRow.ended_at.is_(None)))), None)


def unended_of(session: Session, person: PersonId) -> Showing | None:
    """Return what a person began to show and nobody has written the end of; its time may be over."""
    return next(iter(_found(session, and_(ShowingRow.person_id == person, ShowingRow.ended_at.is_(None)))), None)


def over(session: Session, at: datetime) -> list[Showing]:
    """Return what has run out and nobody has written the end of."""
    return _found(session, and_(ShowingRow.ended_at.is_(None), ShowingRow.ends_at <= at))


def running(session: Session, reach: Reach | None, at: datetime) -> list[Showing]:
    """Return what is shown now of any camera within `reach`."""
    of_these = exists().where(
        RequestCameraRow.request_id == ShowingRow.request_id, RequestCameraRow.camera_id == CameraRow.id, cameras_within(reach)
    )
    return _found(session, and_(ShowingRow.ended_at.is_(None), ShowingRow.ends_at > at, of_these))


def _found(session: Session, which: ColumnElement[bool]) -> list[Showing]:
    query = (
        select(ShowingRow, ExportRequestRow, RequestScopeRow)
        .join(ExportRequestRow, ExportRequestRow.id == ShowingRow.request_id)
        .join(
            RequestScopeRow, and_(RequestScopeRow.request_id == ShowingRow.request_id, RequestScopeRow.version == ShowingRow.scope_version)
        )
        .where(which)
        .order_by(ShowingRow.at.desc(), ShowingRow.id.desc())
        .limit(_LIMIT)
        .execution_options(populate_existing=True)
    )
    return [_showing(row, request.number, _scope(session, request, scope)) for row, request, scope in session.execute(query)]


def _scope(session: Session, request: ExportRequestRow, scope: RequestScopeRow) -> ExportScope:
    """Return what may be shown: nothing, where a request that was sealed once can't be read. Every page asks what is shown now."""
    try:
        return scope_from(sealed_texts.decrypted(sealed_texts.key_of(session, request), sealed_texts.SCOPE, scope)["text"])
    except (Corrupt, Unavailable):
        return ExportScope((), "", Terms(""))


def _showing(row: ShowingRow, number: str, scope: ExportScope) -> Showing:
    return Showing(
        id=ShowingId(row.id),
        request=RequestId(row.request_id),
        number=number,
        approval=ApprovalId(row.approval_id),
        scope=scope,
        viewer=Viewer(row.viewer, row.belongs, row.identity, row.place, row.beside),
        person=PersonId(row.person_id),
        by_name=row.by_name,
        at=row.at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        ended_by_name=row.ended_by_name,
        seen=tuple(CameraSpan(CameraId(camera), start_ms, end_ms) for camera, start_ms, end_ms in json.loads(row.seen)),
    )

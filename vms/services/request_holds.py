"""What a request asks for is kept: a provisional hold for each span of time, of a sealed request a sealed one of its matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import ExportScope
from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId, new_number
from vms.domain.legal_hold import LegalHold, Sealed
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission
from vms.domain.request import HOLD_REVIEW, ExportRequest
from vms.services import sealed_holds
from vms.services.access_log import name_of, record
from vms.services.holds import covered_by, told_of
from vms.services.pauses import end_pauses
from vms.services.request_steps import matter_of
from vms.store import holds, requests

Kept = Sequence[tuple[LegalHold, list[CameraId]]]
"""Holds, each with the cameras that it covers."""


def keeping(session: Session, actor: Actor, request: ExportRequest, scope: ExportScope, *, at: datetime) -> Kept | Refused:
    """Return the holds that keep a scope, one for each span of time, each with its cameras; nothing is written."""
    found = []
    for time, cameras in scope.by_time().items():
        hold = _hold(actor, request, time, cameras, at)
        covered = covered_by(session, actor, hold, Permission.REQUEST_ENTER)
        if isinstance(covered, Refused):
            return covered
        found.append((hold, covered))
    return found


def keeping_again(session: Session, actor: Actor, request: ExportRequest, *, at: datetime) -> Kept | Refused:
    """Return holds in the stead of those that have ended, or are about to, since the request did."""
    kept = (holds.get(session, None, number, Sealed.INCLUDED) for number in request.holds)
    last = all(one is not None and one.released_at is None and one.ending is None for one in kept)
    return [] if last else keeping(session, actor, request, request.scope, at=at)


def keep(session: Session, settings: Settings, actor: Actor, request: ExportRequest, kept: Kept, *, at: datetime) -> None:
    """Place the holds of a request. They last as long as it is open: none has an expiry before it ends.

    A sealed one ends no pause of a camera: that would tell of it.
    """
    matter = matter_of(settings, request)
    for hold, cameras in kept:
        detail = told_of(session, hold, len(cameras))
        if matter is None:
            holds.add(session, hold)
            holds.cover(session, [(hold.id, camera) for camera in cameras])
            record(session, actor=actor, action=Action.HOLD_PLACE, at=at, detail=detail)
            end_pauses(session, actor, hold, at=at)
        else:
            sealed_holds.keep(session, matter, hold, cameras, actor=actor, action=Action.HOLD_PLACE, detail=detail, at=at)
        requests.add_hold(session, request.id, hold.id)


def keep_openly(session: Session, settings: Settings, actor: Actor, sealed: ExportRequest, opened: ExportRequest, *, at: datetime) -> None:
    """Let ordinary holds go on where sealed ones keep what a request asks for, whose seal was lifted; at no moment is it kept by none."""
    found = [holds.get(session, None, number, Sealed.INCLUDED) for number in sealed.holds]
    kept = [hold for hold in found if hold is not None and hold.released_at is None]
    cameras = [[one.camera_id for one in holds.cameras(session, None, hold.id)] for hold in kept]
    again = [replace(_hold(actor, opened, hold.time, hold.scope.cameras, at), expires_at=hold.expires_at) for hold in kept]
    keep(session, settings, actor, opened, list(zip(again, cameras, strict=True)), at=at)
    matter = matter_of(settings, sealed)
    for hold in kept:
        if matter is not None:
            sealed_holds.end(session, matter, hold, actor, at=at)


def _hold(actor: Actor, request: ExportRequest, time: HeldTime, cameras: frozenset[CameraId], at: datetime) -> LegalHold:
    return LegalHold(
        id=HoldId(new_number()),
        matter=f"Request {request.number}",
        kind=HoldKind.PROVISIONAL,
        reason=f"Request {request.number} asks for it. It is kept while the request is open.",
        authority="",
        scope=HoldScope(cameras=cameras),
        time=time,
        review_at=at + HOLD_REVIEW,
        expires_at=None,
        placed_by=actor.label,
        placed_by_name=name_of(actor),
        placed_at=at,
    )

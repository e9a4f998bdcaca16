"""Pauses: somebody leaves a camera out for some hours, says why, and recording comes back by itself, or when a legal hold needs it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.camera import CameraDetails, Pause
from vms.domain.hold import ROLL
from vms.domain.ids import CameraId
from vms.domain.legal_hold import LegalHold
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput
from vms.services.access_log import record, refuse
from vms.services.cameras import manageable
from vms.services.names import checked_words
from vms.store import cameras, holds

MAX_PAUSE = timedelta(hours=12)
MAX_REASON_CHARS = 200


def pause_camera(session: Session, actor: Actor, camera_id: CameraId, pause: Pause, *, at: datetime) -> CameraDetails | Refused:
    """Neither record nor show a camera until the pause ends; a new pause takes the place of the one before.

    Refused while a legal hold asks for what the camera would record. InvalidInput when it has no reason, is over, or is longer than
    `MAX_PAUSE`. A sealed hold refuses nothing, since that would tell of it: who may know of it sees the pause beside it.
    """
    before = manageable(session, actor, camera_id, "pause a camera")
    if isinstance(before, Refused):
        return refuse(session, actor, Action.CAMERA_PAUSE, before, at=at, camera_id=camera_id)
    checked = Pause(pause.until.replace(microsecond=0), _checked_reason(pause.reason))
    if checked.until <= at:
        raise InvalidInput("The pause would be over already. Give a moment that is to come.")
    if checked.until - at > MAX_PAUSE:
        raise InvalidInput(
            f"A pause lasts {MAX_PAUSE // timedelta(hours=1)} hours at most. For longer, change the camera's recording mode."
        )
    holds.lock(session)  # a hold that is placed meanwhile comes after the pause as a whole, or is seen here
    if held := holds.keeping(session, camera_id, ms_of(at - ROLL), ms_of(checked.until + ROLL)):
        return refuse(session, actor, Action.CAMERA_PAUSE, _held(before, held[0]), at=at, camera_id=camera_id)
    after = _with(before, checked)
    cameras.change(session, after, at=at)
    detail = {"name": after.camera.name, "until": checked.until.isoformat(), "reason": checked.reason}
    record(session, actor=actor, action=Action.CAMERA_PAUSE, at=at, camera_id=camera_id, detail=detail)
    return after


def resume_camera(session: Session, actor: Actor, camera_id: CameraId, *, at: datetime) -> CameraDetails | Refused:
    """End a camera's pause; where there is none nothing changes and nothing is written."""
    before = manageable(session, actor, camera_id, "resume a camera")
    if isinstance(before, Refused):
        return refuse(session, actor, Action.CAMERA_RESUME, before, at=at, camera_id=camera_id)
    pause = before.camera.pause
    if pause is None or not pause.lasts(at):
        return before
    after = _with(before, None)
    cameras.change(session, after, at=at)
    detail = {"name": after.camera.name, "until": pause.until.isoformat()}
    record(session, actor=actor, action=Action.CAMERA_RESUME, at=at, camera_id=camera_id, detail=detail)
    return after


def end_pauses(session: Session, actor: Actor, hold: LegalHold, *, at: datetime) -> tuple[CameraDetails, ...]:
    """End the pauses that a hold which was just placed can't do with, and return their cameras. Of a sealed one it would tell."""
    ended = []
    for held in holds.cameras(session, None, hold.id):
        before = cameras.get(session, None, held.camera_id) if held.is_left_out_of(hold, at) else None
        if before is None:
            continue
        after = _with(before, None)
        cameras.change(session, after, at=at)
        ended.append(after)
        detail = {"name": after.camera.name, "hold": str(hold.id), "why": f"it came under the {hold.spoken}"}
        record(session, actor=actor, action=Action.CAMERA_RESUME, at=at, camera_id=after.camera.id, detail=detail)
    return tuple(ended)


def _with(details: CameraDetails, pause: Pause | None) -> CameraDetails:
    return replace(details, camera=replace(details.camera, pause=pause, version=details.camera.version + 1))


def _held(details: CameraDetails, hold: LegalHold) -> Refused:
    sentence = f"‘{details.camera.name}’ is under the {hold.spoken}, and what it records until then is to be kept. Ask the Director."
    return Refused(Refusal.NOT_ALLOWED, sentence)


def _checked_reason(reason: str) -> str:
    sentence = f"Say in up to {MAX_REASON_CHARS} characters why the camera is paused; it stands in the timeline and the access log."
    return checked_words(reason, MAX_REASON_CHARS, sentence)

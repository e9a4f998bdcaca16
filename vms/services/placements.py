"""The camera register: what each is for, and the Director's approval of where it looks. A missing one is shown and stops no recording."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, allows
from vms.domain.placement import MAX_MUST_NOT_CHARS, MAX_PURPOSE_CHARS, Check, Placement, Registered
from vms.errors import InvalidInput
from vms.services.access_log import name_of, record, refuse
from vms.services.cameras import list_cameras
from vms.services.names import checked_words
from vms.services.refusals import no_such, not_allowed
from vms.store import placements


@dataclass(frozen=True, slots=True)
class NewPlacement:
    """What the Director says of a camera."""

    camera_id: CameraId
    purpose: str
    must_not_see: str
    checks: Collection[str]


def register(session: Session, actor: Actor) -> list[Registered] | Refused:
    """Return the cameras in use within the actor's reach, by branch, area and name, with their approval."""
    if not allows(actor, Permission.POLICY_READ):
        return not_allowed("see the camera register", "the Director")
    approved = placements.newest(session)
    return [_registered(one, approved.get(one.camera.id)) for one in list_cameras(session, actor, Permission.POLICY_READ)]


def approve(session: Session, actor: Actor, new: NewPlacement, *, at: datetime) -> Placement | Refused:
    """Approve where a camera looks; the caller asks for a fresh proof before. InvalidInput says what is wrong."""
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_SET):
        return refuse(session, actor, Action.PLACEMENT_APPROVE, not_allowed("approve where a camera looks", "the Director"), at=at)
    details = next((one for one in list_cameras(session, actor, Permission.POLICY_SET) if one.camera.id == new.camera_id), None)
    if details is None:
        return no_such("camera")
    if set(new.checks) != set(Check):
        raise InvalidInput("Look at the camera’s picture and tick each line of the checklist, or have the camera turned first.")
    purpose = f"Say in up to {MAX_PURPOSE_CHARS} characters what the camera is for."
    must_not = f"Say in up to {MAX_MUST_NOT_CHARS} characters what it must not see."
    placement = Placement(
        details.camera.id,
        _place(details),
        checked_words(new.purpose, MAX_PURPOSE_CHARS, purpose),
        checked_words(new.must_not_see, MAX_MUST_NOT_CHARS, must_not),
        actor.label,
        name_of(actor),
        at,
    )
    placements.add(session, placement)
    detail = {"place": placement.place, "purpose": placement.purpose}
    record(session, actor=actor, action=Action.PLACEMENT_APPROVE, at=at, camera_id=placement.camera_id, detail=detail)
    return placement


def _registered(details: CameraDetails, placement: Placement | None) -> Registered:
    return Registered(details.camera.id, details.camera.name, _place(details), placement)


def _place(details: CameraDetails) -> str:
    return details.branch.name if details.area is None else f"{details.branch.name}/{details.area.name}"

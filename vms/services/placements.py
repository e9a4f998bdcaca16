"""The camera register: what each is for, and the Director's approval of where it looks.

A missing one is shown; where the district requires it (setting `placement`), the camera is live only until it is there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, System, allows
from vms.domain.placement import MAX_MUST_NOT_CHARS, MAX_PURPOSE_CHARS, Check, Placement, Registered, live_until_approved, place_of
from vms.errors import InvalidInput
from vms.log import get_logger
from vms.services.access_log import name_of, record, refuse
from vms.services.cameras import list_cameras
from vms.services.names import checked_words
from vms.services.refusals import no_such, not_allowed
from vms.store import nodes, placements

_HUB = System("hub")

log = get_logger(__name__)


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
        place_of(details),
        checked_words(new.purpose, MAX_PURPOSE_CHARS, purpose),
        checked_words(new.must_not_see, MAX_MUST_NOT_CHARS, must_not),
        actor.label,
        name_of(actor),
        at,
    )
    placements.add(session, placement)
    if placements.required(session) is not None:
        nodes.bump_all(session)
    detail = {"place": placement.place, "purpose": placement.purpose}
    record(session, actor=actor, action=Action.PLACEMENT_APPROVE, at=at, camera_id=placement.camera_id, detail=detail)
    return placement


def _registered(details: CameraDetails, placement: Placement | None) -> Registered:
    return Registered(details.camera.id, details.camera.name, place_of(details), placement)


def take_over(session: Session, settings: Settings) -> None:
    """Let the district's rule (`placement`) count for recorders from the commit on; it is in the settings, which they don't read."""
    if placements.rule(session) == settings.placement:
        return
    placements.put_rule(session, settings.placement)
    nodes.bump_all(session)  # whether they record is part of what they ask for
    if left_out := waiting(session, _HUB):
        log.warning("cameras are not recorded: where they look is not approved", cameras=len(left_out))


def as_recorded(session: Session, found: Sequence[CameraDetails]) -> list[CameraDetails]:
    """Return cameras as they are recorded: where an approval is required, those without one live alone."""
    approved = placements.required(session)
    return [one if approved is None else live_until_approved(one, approved.get(one.camera.id)) for one in found]


def waiting(session: Session, actor: Actor) -> list[CameraDetails]:
    """Return the cameras within the actor's reach that are not recorded before the Director has approved where they look."""
    found = list_cameras(session, actor)
    pairs = zip(found, as_recorded(session, found), strict=True)
    return [one for one, now in pairs if one.camera.recording_mode is not now.camera.recording_mode]

"""Spot checks of deletion: a camera's day that somebody picks or draws, and what its recording machine found of it.

A machine asks for what it is to check and answers, as with holds: the hub calls nobody. Who asked which day is in the access log before
any answer, and so is each verdict: nobody draws until a day comes that suits.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.day_proof import DayProof, told
from vms.domain.ids import CameraId, NodeId, SpotCheckId, new_number
from vms.domain.outcome import Refused
from vms.domain.people import Node, Permission, Person
from vms.domain.spot_check import AskedDay, Checkable, SpotCheck, day_name, drawn
from vms.domain.timespan import Timespan, day_of
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import record
from vms.services.policy_standing import versions_for
from vms.services.purge_heads import entry_behind
from vms.services.refusals import no_such
from vms.store import cameras, spot_checks

LIST_LIMIT = 50
MOST_WAITING = 20
"""Each makes a machine look through its volumes for a day."""


def checkable(session: Session, actor: Person) -> list[Checkable]:
    """Return the cameras of which `actor` may check a day, removed ones too."""
    return spot_checks.checkable(session, actor.reach(Permission.DELETION_CHECK))


def draw(session: Session, actor: Person, *, at: datetime) -> SpotCheckId:
    """Ask about a day that nobody can foretell; Conflict when there is none yet, or too much waits."""
    found = drawn(checkable(session, actor), at, secrets.randbelow)
    if found is None:
        raise Conflict("There is no day to draw yet: no camera has been here until the end of one.")
    return _ask(session, actor, *found, at=at, by_draw=True)


def pick(session: Session, actor: Person, camera_id: CameraId | None, day: str, *, at: datetime) -> SpotCheckId | Refused:
    """Ask about a day (2026-11-02, in the branch's time) of a camera; InvalidInput for one that is not over."""
    camera = next((one for one in checkable(session, actor) if one.camera_id == camera_id), None)
    if camera is None:
        return no_such("camera")
    try:
        span = day_of(date.fromisoformat(day), camera.zone)
    except (ValueError, OverflowError) as err:
        raise InvalidInput("That is no day. Give one as 2026-11-02.") from err
    if span.end > at:
        raise InvalidInput("That day is not over yet. Give an earlier one.")
    return _ask(session, actor, camera, span, at=at, by_draw=False)


def list_checks(session: Session, actor: Person) -> list[SpotCheck]:
    """Return the newest checks of cameras within the actor's reach."""
    return spot_checks.find(session, actor.reach(Permission.DELETION_CHECK), limit=LIST_LIMIT)


def check_for(session: Session, actor: Person, number: SpotCheckId) -> SpotCheck | Refused:
    return spot_checks.get(session, actor.reach(Permission.DELETION_CHECK), number) or no_such("spot check")


def asked_of(session: Session, node_id: NodeId) -> list[AskedDay]:
    """Return what a machine is to look into."""
    return spot_checks.waiting(session, node_id)


def take_proof(session: Session, node_id: NodeId, number: SpotCheckId, proof: DayProof, *, at: datetime) -> None:
    """Store what a machine found, once, and write its verdict; what it was not asked is passed over."""
    check, details = spot_checks.get(session, None, number), cameras.get(session, None, proof.camera_id)
    if check is None or details is None or check.camera_id != proof.camera_id:
        return
    versions = versions_for(session, details, {one.batch.hold_seq for one in proof.purges})
    last = max((one.position for one in proof.purges), default=None)
    found = told(proof, versions, None if last is None else entry_behind(session, node_id, last))
    if spot_checks.put_answer(session, node_id, number, found, at=at):
        detail = {"day": day_name(check.day, check.zone), "verdict": found.verdict.value, "asked_by": check.asked_by}
        record(session, actor=Node(node_id), action=Action.SPOT_CHECK_ANSWER, at=at, camera_id=check.camera_id, detail=detail)


def _ask(session: Session, actor: Person, camera: Checkable, day: Timespan, *, at: datetime, by_draw: bool) -> SpotCheckId:
    if spot_checks.count_waiting(session, at) >= MOST_WAITING:
        raise Conflict(f"{MOST_WAITING} checks wait for their recorders already. Look whether vms retain runs there.")
    number = SpotCheckId(new_number())
    spot_checks.add(session, number, camera, day, drawn=by_draw, by=actor, at=at)
    detail = {"day": day_name(day, camera.zone), "how": "drawn" if by_draw else "picked"}
    record(session, actor=actor, action=Action.SPOT_CHECK_ASK, at=at, camera_id=camera.camera_id, detail=detail)
    return number

"""After the central database was restored from a backup: bring the holds of the hub and of the nodes together again.

A node that has applied more than the restored hub ever gave it is refused (`hold_orders`), and destroys nothing. A person decides
that the two go together again: every hold that the hub knows goes to the nodes anew, under numbers that no hub before can have given,
and what a node keeps for a hold that the backup lacks becomes a hold of the hub again, without its text, which is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId
from vms.domain.legal_hold import LegalHold, Sealed
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, reach
from vms.domain.retention import StreamRule
from vms.services import sealed_holds
from vms.services.access_log import name_of, record, refuse
from vms.services.holds import may_know_sealed
from vms.services.refusals import BEYOND, not_allowed
from vms.store import holds, leases, nodes, policies

FOUND = "Found at a recorder after a restore"
WHY = "The central database was restored from a backup that lacks this hold; a recorder still keeps what it names."
_NAMED_AT_MOST = 10
REVIEW = timedelta(days=7)
"""Whoever knows which matter it was looks at it soon."""

Kept = tuple[HoldId, CameraId, HeldTime]


def resend(session: Session, actor: Actor, kept: Sequence[Kept], rules: Sequence[StreamRule], *, at: datetime) -> list[LegalHold] | Refused:
    """Send every hold to the nodes again, and return those that are made of what a node keeps (`kept`) and the hub doesn't know.

    Refused while a node goes by longer windows (`rules`) than the restored policies have: sending would make them shorter, and that takes a
    second person and three days. Cameras that the restored database lacks as well can't be under a hold of the hub; the node goes on
    keeping their footage.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_PLACE):
        return refuse(session, actor, Action.HOLD_RESEND, not_allowed("send the legal holds again", "the Director"), at=at)
    if reach(actor, Permission.HOLD_PLACE) is not None:
        return refuse(session, actor, Action.HOLD_RESEND, BEYOND, at=at)
    holds.lock(session)
    if shorter := _shorter(session, rules):
        return refuse(session, actor, Action.HOLD_RESEND, Refused(Refusal.NOT_ALLOWED, shorter), at=at)
    found = _found(session, actor, kept, at)
    newest = holds.number_anew(session, at)
    leases.put_given_to_all(session, newest, at)
    detail = {"found": str(len(found)), "holds": ", ".join(str(one.id) for one in found)}
    record(session, actor=actor, action=Action.HOLD_RESEND, at=at, detail=detail)
    return found


def take_back_sealed(session: Session, settings: Settings, actor: Actor, kept: Sequence[Kept], *, at: datetime) -> None:
    """Make sealed holds again of what a node keeps for such ones and the hub doesn't know, in the transaction that sends all again.

    Where nobody does this who may know of them, nothing tells of it, and the node goes on keeping.
    """
    if not isinstance(actor, Person) or not may_know_sealed(actor):
        return
    holds.lock(session)
    for one in _lacking(session, kept):
        if one.known:
            holds.cover(session, [(one.hold, camera) for camera in one.cameras])
        else:
            sealed_holds.take_back(session, settings, actor, one.found(actor, HoldKind.SUBPOENA, at), one.cameras, at=at)


def _shorter(session: Session, rules: Sequence[StreamRule]) -> str | None:
    """Say of which cameras a node keeps footage for longer than the hub's policies do; None of none."""
    said = policies.said(session)
    here = {rule.stream_id: rule for node in nodes.find(session) for rule in leases.rules(session, node.id, said)}
    longer = {one.camera_id: one for one in rules if one.stream_id in here and here[one.stream_id].keep_ms < one.keep_ms}
    if not longer:
        return None
    names = {spot.camera_id: spot.name for spot in policies.spots(session)}
    told = [f"{names.get(camera, camera)}: {rule.days:g} days" for camera, rule in list(longer.items())[:_NAMED_AT_MOST]]
    more = f" and {len(longer) - len(told)} more" if len(longer) > len(told) else ""
    return (
        f"A recorder keeps footage of {len(longer)} cameras longer than the restored policies do ({', '.join(told)}{more}). "
        "Put the policy back, which counts at once: vms policy set; then send the holds again. Lower it after that, if it is to be lower."
    )


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Cameras that a node keeps for a hold, and that are not under it for the hub."""

    hold: HoldId
    cameras: list[CameraId]
    time: HeldTime
    known: bool
    """The hub knows the hold."""

    def found(self, person: Person, kind: HoldKind, at: datetime) -> LegalHold:
        """Return the hold that is made of it."""
        return LegalHold(
            id=self.hold,
            matter=FOUND,
            kind=kind,
            reason=WHY,
            authority="",
            scope=HoldScope(cameras=frozenset(self.cameras)),
            time=self.time,
            review_at=at + REVIEW,
            expires_at=None,
            placed_by=person.label,
            placed_by_name=name_of(person),
            placed_at=at,
        )


def _lacking(session: Session, kept: Sequence[Kept]) -> list[_Lacking]:
    known, cameras = holds.covered(session), {place.camera_id for place in holds.places(session, None)}
    lacking = [(hold, camera, time) for hold, camera, time in kept if (hold, camera) not in known and camera in cameras]
    found = []
    for number in sorted({hold for hold, *_ in lacking}):
        stands = holds.get(session, None, number, Sealed.INCLUDED)
        if stands is not None and stands.released_at is not None:
            continue  # it has ended for the hub, and nothing here could end it again
        under = sorted(camera for hold, camera, _ in lacking if hold == number)
        found.append(_Lacking(number, under, next(time for hold, _, time in lacking if hold == number), known=stands is not None))
    return found


def _found(session: Session, person: Person, kept: Sequence[Kept], at: datetime) -> list[LegalHold]:
    lacking = _lacking(session, kept)
    made = [one.found(person, HoldKind.PROVISIONAL, at) for one in lacking if not one.known]
    for hold in made:
        holds.add(session, hold)
    for one in lacking:
        holds.cover(session, [(one.hold, camera) for camera in one.cameras])
    return made

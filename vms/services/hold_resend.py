"""After the central database was restored from a backup: bring the holds of the hub and of the nodes together again.

A node that has applied more than the restored hub ever gave it is refused (`hold_orders`), and destroys nothing. A person decides
that the two go together again: every hold that the hub knows goes to the nodes anew, under numbers that no hub before can have given,
and what a node keeps for a hold that the backup lacks becomes a hold of the hub again, without its text, which is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId
from vms.domain.legal_hold import LegalHold
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, reach
from vms.services.access_log import name_of, record, refuse
from vms.services.refusals import BEYOND, not_allowed
from vms.store import holds, leases

FOUND = "Found at a recorder after a restore"
WHY = "The central database was restored from a backup that lacks this hold; a recorder still keeps what it names."
REVIEW = timedelta(days=7)
"""Whoever knows which matter it was looks at it soon."""

Kept = tuple[HoldId, CameraId, HeldTime]


def resend(session: Session, actor: Actor, kept: Sequence[Kept], *, at: datetime) -> list[LegalHold] | Refused:
    """Send every hold to the nodes again, and return those that are made of what a node keeps (`kept`) and the hub doesn't know.

    Cameras that the restored database lacks as well can't be under a hold of the hub; the node goes on keeping their footage.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_PLACE):
        return refuse(session, actor, Action.HOLD_RESEND, not_allowed("send the legal holds again", "the Director"), at=at)
    if reach(actor, Permission.HOLD_PLACE) is not None:
        return refuse(session, actor, Action.HOLD_RESEND, BEYOND, at=at)
    holds.lock(session)
    found = _found(session, actor, kept, at)
    newest = holds.number_anew(session, at)
    leases.put_given_to_all(session, newest, at)
    detail = {"found": str(len(found)), "holds": ", ".join(str(one.id) for one in found)}
    record(session, actor=actor, action=Action.HOLD_RESEND, at=at, detail=detail)
    return found


def _found(session: Session, person: Person, kept: Sequence[Kept], at: datetime) -> list[LegalHold]:
    known, cameras = holds.covered(session), {place.camera_id for place in holds.places(session, None)}
    lacking = [(hold, camera, time) for hold, camera, time in kept if (hold, camera) not in known and camera in cameras]
    made = []
    for number in sorted({hold for hold, *_ in lacking}):
        under = {camera for hold, camera, _ in lacking if hold == number}
        stands = holds.get(session, None, number)
        if stands is not None and stands.released_at is not None:
            continue  # it has ended for the hub, and nothing here could end it again
        if stands is None:
            time = next(time for hold, _, time in lacking if hold == number)
            made.append(
                LegalHold(
                    id=number,
                    matter=FOUND,
                    kind=HoldKind.PROVISIONAL,
                    reason=WHY,
                    authority="",
                    scope=HoldScope(cameras=frozenset(under)),
                    time=time,
                    review_at=at + REVIEW,
                    expires_at=None,
                    placed_by=person.label,
                    placed_by_name=name_of(person),
                    placed_at=at,
                )
            )
            holds.add(session, made[-1])
        holds.cover(session, [(number, camera) for camera in sorted(under)])
    return made

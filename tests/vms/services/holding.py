"""What tests of legal holds stand on: a hold of everything that may be said by default, and a node's answers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from tests.factories import NOW, a_person, after, done
from vms.domain.hold import HoldAnswer, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId
from vms.domain.legal_hold import LegalHold
from vms.domain.people import Person, Role
from vms.services.holds import NewHold, place_hold

TEN_MINUTES_ON = after(600)


def of_cameras(*cameras: CameraId) -> HoldScope:
    return HoldScope(cameras=frozenset(cameras))


def a_new_hold(
    scope: HoldScope,
    *,
    matter: str = "Smith v. District",
    kind: HoldKind = HoldKind.LITIGATION,
    start: datetime = NOW,
    end: datetime | None = TEN_MINUTES_ON,
    reason: str = "letter of counsel",
    authority: str = "",
    review_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> NewHold:
    return NewHold(matter, kind, reason, scope, start, end, authority, review_at, expires_at)


def a_hold(session: Session, person: Person, new: NewHold, *, at: datetime = NOW) -> LegalHold:
    return done(place_hold(session, person, new, at=at))


def an_answer(hold: HoldId, camera: CameraId, kept: int = 3, *, condemned: int = 0, purged: int = 0) -> HoldAnswer:
    return HoldAnswer(hold, camera, kept, kept * 1000, 5, 9, condemned, purged)


def deciders(session: Session) -> tuple[Person, Person]:
    """Return a Director and a Delegate: who is added once a Director has signed in waits to be confirmed."""
    delegate = a_person(session, Role.DELEGATE)
    return a_person(session, Role.DIRECTOR), delegate

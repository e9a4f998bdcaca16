"""What people do to a legal hold, sealed or not: whoever may not know of a sealed one is answered as if it were not there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.ids import HoldId
from vms.domain.legal_hold import LegalHold
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Person
from vms.domain.second_person import Proposal
from vms.services import hold_release, holds, sealed_holds
from vms.services.holds import NewHold


def place_hold(session: Session, settings: Settings, actor: Actor, new: NewHold, *, at: datetime) -> LegalHold | Refused:
    """Place a hold: a sealed one if `new` says so."""
    return sealed_holds.place_sealed(session, settings, actor, new, at=at) if new.sealed else holds.place_hold(session, actor, new, at=at)


def propose_release(
    session: Session, settings: Settings, person: Person, number: HoldId, reason: str, *, at: datetime
) -> Proposal | Refused:
    if sealed_holds.seen(session, person, number) is not None:
        return sealed_holds.propose_release(session, settings, person, number, reason, at=at)
    return hold_release.propose_release(session, person, number, reason, at=at)


def confirm_release(session: Session, settings: Settings, person: Person, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    if sealed_holds.seen(session, person, number) is not None:
        return sealed_holds.confirm_release(session, settings, person, number, at=at)
    return hold_release.confirm_release(session, person, number, at=at)


def undo_release(session: Session, settings: Settings, person: Person, number: HoldId, *, at: datetime) -> LegalHold | Refused:
    if sealed_holds.seen(session, person, number) is not None:
        return sealed_holds.undo_release(session, settings, person, number, at=at)
    return hold_release.undo_release(session, person, number, at=at)

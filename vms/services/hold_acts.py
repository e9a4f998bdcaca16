"""What people do to a legal hold, sealed or not: whoever may not know of a sealed one is answered as if it were not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.camera import CameraDetails
from vms.domain.ids import HoldId
from vms.domain.legal_hold import LegalHold
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Person
from vms.domain.second_person import Proposal
from vms.services import hold_release, holds, pauses, sealed_holds
from vms.services.holds import NewHold


@dataclass(frozen=True, slots=True)
class Placed:
    """A hold that was placed, and what of the world changed with it."""

    hold: LegalHold
    resumed: tuple[CameraDetails, ...]
    """Cameras under it whose pause ended."""


def place_hold(session: Session, settings: Settings, actor: Actor, new: NewHold, *, at: datetime) -> Placed | Refused:
    """Place a hold, a sealed one if `new` says so. Any other ends the pauses of the cameras that it asks to be recorded."""
    if new.sealed:
        hold = sealed_holds.place_sealed(session, settings, actor, new, at=at)
        return hold if isinstance(hold, Refused) else Placed(hold, ())
    hold = holds.place_hold(session, actor, new, at=at)
    return hold if isinstance(hold, Refused) else Placed(hold, pauses.end_pauses(session, actor, hold, at=at))


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

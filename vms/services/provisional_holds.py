"""Provisional holds by staff: for safety footage is kept at once, for so long that the Director can decide, and then no more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import CameraId, HoldId, new_number
from vms.domain.legal_hold import LAPSE_GRACE, MAX_REASON_CHARS, LegalHold
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, reach
from vms.domain.second_person import Act
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput
from vms.services.access_log import name_of, record, refuse
from vms.services.holds import covered_by, told_of
from vms.services.names import checked_words
from vms.services.outbox import post
from vms.services.pauses import end_pauses
from vms.services.refusals import not_allowed
from vms.services.second_person import waiting_of
from vms.store import holds, requests

REACHES_BACK = timedelta(hours=24)
REACHES_ON = timedelta(hours=1)
"""What happens after an incident belongs to it, too."""
LASTS = timedelta(hours=72)
"""So long the Director has to place a hold in its stead; then it lapses, and goes when `LAPSE_GRACE` is over."""
MOST_CAMERAS = 10
MOST_OPEN = 5
"""Of one person that have not expired: who keeps more asks the Director."""
_WHO = "staff who watch recordings; the Director places holds of any kind"


def keep_at_once(
    session: Session, settings: Settings, actor: Actor, cameras: frozenset[CameraId], reason: str, *, at: datetime
) -> LegalHold | Refused:
    """Keep the last day of some cameras of the own reach, and the hour to come, and tell the Director; no fresh proof is asked for.

    InvalidInput without a camera or a reason. It runs under the lock of `hold_clock`, as placing any hold does.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.HOLD_START):
        return refuse(session, actor, Action.HOLD_PLACE, not_allowed("keep footage at once", _WHO), at=at)
    if not 0 < len(cameras) <= MOST_CAMERAS:
        raise InvalidInput(f"Choose between one and {MOST_CAMERAS} cameras. For more, ask the Director.")
    hold = _drawn_up(actor, cameras, reason, at)
    covered = covered_by(session, actor, hold, Permission.HOLD_START)
    if isinstance(covered, Refused):
        return covered
    if len(_open_of(session, actor, at)) >= MOST_OPEN:
        sentence = f"You keep footage in {MOST_OPEN} ways already that the Director has not looked at. Ask the Director."
        return refuse(session, actor, Action.HOLD_PLACE, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    holds.add(session, hold)
    holds.cover(session, [(hold.id, camera) for camera in covered])
    _tell(session, settings, hold, at)
    record(session, actor=actor, action=Action.HOLD_PLACE, at=at, detail=told_of(session, hold, len(covered)))
    end_pauses(session, actor, hold, at=at)
    return hold


def undecided(session: Session, person: Person) -> list[LegalHold]:
    """Return what others keep provisionally and `person` is to decide on, oldest first.

    Placing a hold in its stead decides, which keeps all of it, and so does proposing its release. What is kept for a request is decided
    with that.
    """
    if not person.may(Permission.HOLD_PLACE):
        return []
    provisional = holds.unreleased(session, kind=HoldKind.PROVISIONAL)
    by_others = [one for one in provisional if one.ending is None and one.placed_by != person.label]
    if not by_others:
        return []  # as on nearly every page
    of_requests = requests.hold_ids(session)
    waits, mine = {one.subject for one in waiting_of(session, Act.HOLD_RELEASE)}, reach(person, Permission.HOLD_PLACE)
    lasting = [one for one in holds.unreleased(session) if one.kind is not HoldKind.PROVISIONAL and one.ending is None]
    return [
        one
        for one in by_others
        if one.id not in waits | of_requests
        and holds.get(session, mine, one.id)
        and not any(_stands_in(session, other, one) for other in lasting)
    ]


def _stands_in(session: Session, other: LegalHold, hold: LegalHold) -> bool:
    """Say whether `other` keeps all that `hold` keeps, so that nothing is lost when that lapses."""
    if not other.time.contains(hold.time):
        return False
    under, asked = ({one.camera_id for one in holds.cameras(session, None, number)} for number in (other.id, hold.id))
    return asked <= under


def _drawn_up(person: Person, cameras: frozenset[CameraId], reason: str, at: datetime) -> LegalHold:
    return LegalHold(
        id=HoldId(new_number()),
        matter=f"Kept at once by {name_of(person)}",
        kind=HoldKind.PROVISIONAL,
        reason=checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters what happened."),
        authority="",
        scope=HoldScope(cameras=cameras),
        time=HeldTime(ms_of(at - REACHES_BACK), ms_of(at + REACHES_ON)),
        review_at=at + LASTS,
        expires_at=at + LASTS,
        placed_by=person.label,
        placed_by_name=name_of(person),
        placed_at=at,
    )


def _open_of(session: Session, person: Person, at: datetime) -> list[LegalHold]:
    """Return what the person keeps so, and nobody let lapse yet."""
    of_requests = requests.hold_ids(session)
    provisional = holds.unreleased(session, kind=HoldKind.PROVISIONAL)
    mine = (one for one in provisional if one.placed_by == person.label and one.id not in of_requests)
    return [one for one in mine if one.expires_at is not None and one.expires_at > at]


def _tell(session: Session, settings: Settings, hold: LegalHold, at: datetime) -> None:
    """Queue a mail to the Director; the page Holds has it in any case. What happened is in no mail."""
    body = (
        f"{hold.placed_by_name} keeps footage at once: the {hold.spoken}. It expires on {at + LASTS:%Y-%m-%d %H:%M} UTC, and "
        f"{LAPSE_GRACE.days} days later its footage may be destroyed, unless you place a hold in its stead.\n\n"
        f"What it is about: sign in with vms login, and run vms hold show {hold.id}\n"
    )
    about = f"hold/{hold.id}/placed"
    post(session, settings, settings.director_address, about=about, subject=f"Custodian: {hold.spoken}", body=body, at=at)

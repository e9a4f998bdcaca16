"""Emergency access: open it, tell everybody at once, end it, say whom the screen was shown to, review it; overdue ones are told again.

Nobody sets a flag: that one is open, overdue or suspends its owner follows from the moments of its row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.emergency import (
    LASTS,
    MAX_NOTE_CHARS,
    MAX_OFFICER_CHARS,
    MAX_REASON_CHARS,
    MAX_SHOWN_CHARS,
    MOST_UNREVIEWED,
    EmergencyAccess,
    EmergencyReview,
    Officer,
    Watched,
    review_due,
)
from vms.domain.ids import EmergencyId, PersonId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Permission, Person
from vms.services.access_log import DISTRICT, record, refuse
from vms.services.district import zone_of_district
from vms.services.names import checked_words
from vms.services.outbox import post
from vms.services.refusals import no_such, not_allowed, sign_in_first
from vms.store import access_log, branches, emergencies, people, sessions, views

LIST_LIMIT = 100
OWN_LIMIT = 20
MOST_IN_LOG = 20
"""Of what was watched, in one entry of the log; the views have entries of their own."""
NOTHING_MORE = Refused(
    Refusal.NOT_ALLOWED,
    "You see every camera of the district in your own right: emergency access would open nothing more. Watch as ever.",
)


def reviews_others(person: Person) -> bool:
    """Say whether `person` reviews what others opened: it is about the whole district, and so is who reads and judges it."""
    return person.may(Permission.EMERGENCY_REVIEW) and person.reach(Permission.EMERGENCY_REVIEW) is None


def opens_more(session: Session, person: Person) -> bool:
    """Say whether an emergency access would show `person` anything that the own rights do not."""
    if not person.may(Permission.EMERGENCY_OPEN):
        return False
    return any(
        not person.has_right(permission, branch.id, None)
        for branch in branches.find(session, None)
        for permission in (Permission.LIVE_VIEW, Permission.RECORDED_VIEW)
    )


def open_emergency(session: Session, settings: Settings, person: Person, *, reason: str, at: datetime) -> EmergencyAccess | Refused:
    """Open every camera of the district to the session of `person` for `LASTS`; whoever may review it, and outside, is told at once.

    InvalidInput without a reason. The caller asks for a fresh proof before.
    """
    why = _text(reason, "Say what happens", MAX_REASON_CHARS)
    if not person.may(Permission.EMERGENCY_OPEN):
        return refuse(session, person, Action.EMERGENCY_OPEN, not_allowed("open emergency access", "the Director"), at=at)
    people.lock(session, person.id)
    if not sessions.is_open(session, person.session_id):
        return sign_in_first("open emergency access")
    before = emergencies.unclosed(session, person.id)
    if refused := _may_not_open(session, person, before, at):
        return refuse(session, person, Action.EMERGENCY_OPEN, refused, at=at)
    if before is not None:
        emergencies.close(session, before.id, before.over_at)
    access = EmergencyAccess(
        EmergencyId(new_number()),
        person.id,
        person.name,
        person.session_id,
        why,
        at,
        at + LASTS,
        review_due(at, zone_of_district(session), settings.holidays),
    )
    emergencies.add(session, access, last_number=access_log.newest(session, DISTRICT))
    _tell(session, settings, access, at)
    _record(session, person, Action.EMERGENCY_OPEN, access, at, {"until": access.over_at.isoformat(), "reason": why})
    return access


def close_emergency(session: Session, person: Person, number: EmergencyId, *, at: datetime) -> EmergencyAccess | Refused:
    """End one's own emergency access early, whichever of one's sessions opened it; where it is over nothing changes."""
    access = _own(session, person, number)
    if isinstance(access, Refused) or not access.is_open(at):
        return access
    emergencies.close(session, number, at)
    _record(session, person, Action.EMERGENCY_CLOSE, access, at, {})
    return access


def show_to(session: Session, person: Person, number: EmergencyId, officer: Officer, *, at: datetime) -> EmergencyAccess | Refused:
    """Write down to whom the screen was shown, and what had been watched in that session by then, until it is reviewed.

    InvalidInput when name, badge or agency is missing.
    """
    told = Officer(
        _of_officer(officer.name, "the officer"),
        _of_officer(officer.badge, "the number of the badge, or “none shown”"),
        _of_officer(officer.agency, "the agency"),
    )
    access = _own(session, person, number)
    if isinstance(access, Refused):
        return access
    if access.review is not None:
        return Refused(Refusal.NOT_ALLOWED, f"This was reviewed by {access.review.by_name} already. Tell them what was left out.")
    everybody = f"{access.shown_to}; {told.words}" if access.shown_to else told.words
    if len(everybody) > MAX_SHOWN_CHARS:
        return Refused(
            Refusal.NOT_ALLOWED, "That is more people than one emergency access keeps. Write the others down for who reviews it."
        )
    emergencies.show(session, number, everybody)
    seen = [_watched(one) for one in watched(session, access)]
    more = {"more_watched": str(len(seen) - MOST_IN_LOG)} if len(seen) > MOST_IN_LOG else {}
    detail = {"shown_to": told.words, "badge": told.badge, "agency": told.agency, "watched": "; ".join(seen[:MOST_IN_LOG])}
    _record(session, person, Action.EMERGENCY_SHOW, access, at, detail | more)
    return replace(access, shown_to=everybody)


def review_emergency(
    session: Session, person: Person, number: EmergencyId, *, was_for: str, right: bool, note: str, at: datetime
) -> EmergencyAccess | Refused:
    """Say what somebody else's emergency access was for and whether it was right; the owner may open another from then on.

    InvalidInput when it does not say what it was for.
    """
    told = EmergencyReview(
        person.id,
        person.name,
        at,
        _text(was_for, "Say what it was for", MAX_REASON_CHARS),
        right,
        _text(note, "A note", MAX_NOTE_CHARS) if note.strip() else "",
    )
    access = reviewable(session, person, number, at=at)
    if isinstance(access, Refused):
        return refuse(session, person, Action.EMERGENCY_REVIEW, access, at=at)
    if not emergencies.review(session, number, told, last_number=access_log.newest(session, DISTRICT)):
        return no_such("emergency access without a review")
    detail = {"of": access.person_name, "right": "yes" if right else "no", "was_for": told.was_for}
    _record(session, person, Action.EMERGENCY_REVIEW, access, at, detail | ({"note": told.note} if told.note else {}))
    return access


def told_by_mail(settings: Settings) -> list[str]:
    """Return who is told of an emergency access by mail, in words; empty when no server or no address is set."""
    return [] if settings.smtp_host is None else [who for who, address in _addresses(settings).items() if address is not None]


def reviewable(session: Session, person: Person, number: EmergencyId, *, at: datetime) -> EmergencyAccess | Refused:
    """Return an emergency access that `person` may review now."""
    access = emergencies.get(session, number)
    if not reviews_others(person) or access is None or access.review is not None:
        return no_such("emergency access without a review")
    if not access.is_for(person.id):
        return Refused(Refusal.NOT_ALLOWED, f"Who used an emergency access does not review it. {_ask(session, person.id, at)}")
    if access.is_open(at):
        return Refused(Refusal.NOT_ALLOWED, "It is still open. Review it when it is over, within half an hour.")
    return access


@dataclass(frozen=True, slots=True)
class Own:
    """What the page of somebody who may open one shows."""

    opened: EmergencyAccess | None
    """Open now, in this session or another of the person."""
    barred: Refused | None
    """Why no other can be opened now."""
    accesses: tuple[EmergencyAccess, ...]
    """The newest first."""


def own_accesses(session: Session, person: Person, *, at: datetime) -> Own:
    before = emergencies.unclosed(session, person.id)
    opened = before if before is not None and before.is_open(at) else None
    return Own(opened, _barred(session, person, at), tuple(emergencies.of_person(session, person.id, limit=OWN_LIMIT)))


def list_accesses(session: Session, person: Person, *, skip: int = 0) -> list[EmergencyAccess] | Refused:
    """Return everybody's, those without a review first, to who reviews them."""
    if not reviews_others(person):
        return not_allowed("read emergency accesses", "the Director or an auditor of the whole district")
    return emergencies.find(session, skip=skip, limit=LIST_LIMIT)


def cameras_seen(session: Session, access: EmergencyAccess) -> list[tuple[str, str]]:
    """Return branch and camera of what was watched under it and not in the own right."""
    return views.cameras_under(session, access.id)


def watched(session: Session, access: EmergencyAccess) -> list[Watched]:
    """Return what was watched in its session while it was open, in the own right too: all of it was on the screen that was shown."""
    return views.watched_in(session, access.session_id, access.opened_at, access.over_at)


def reviews_missing(session: Session, person: Person) -> list[datetime]:
    """Return when each review is due that is missing and that `person` could write, the first one first."""
    return emergencies.due_reviews(session, person.id) if reviews_others(person) else []


def to_remind(session: Session, *, at: datetime) -> list[EmergencyAccess]:
    """Return those that are overdue and of which that was not mailed yet."""
    return emergencies.to_remind(session, at)


def remind(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail about each review that is overdue, once."""
    for access in emergencies.to_remind(session, at):
        told = [
            f"The emergency access of {access.person_name}, opened at {_moment(access.opened_at)}, has no review.",
            f"It was due {_moment(access.review_due_at)}.",
            f"Until somebody does, {access.person_name} can open no other. {_ask(session, access.person_id, at)}",
        ]
        _post(session, settings, f"emergency-overdue/{access.id}", "Custodian: an emergency access was not reviewed", told, at)
        emergencies.mark_reminded(session, access.id, at)


def _may_not_open(session: Session, person: Person, before: EmergencyAccess | None, at: datetime) -> Refused | None:
    if before is not None and before.is_open(at):
        where = "" if before.session_id == person.session_id else " in another of your sign-ins"
        return Refused(
            Refusal.NOT_ALLOWED, f"You have an emergency access open{where} until {_moment(before.over_at)}. End that one first."
        )
    if not opens_more(session, person):
        return NOTHING_MORE
    return _barred(session, person, at)


def _barred(session: Session, person: Person, at: datetime) -> Refused | None:
    """Say why no other is opened before others have been reviewed."""
    return _suspended(session, person, at) or _too_many(session, person, at)


def _too_many(session: Session, person: Person, at: datetime) -> Refused | None:
    if emergencies.count_unreviewed(session, person.id) < MOST_UNREVIEWED:
        return None
    return Refused(Refusal.NOT_ALLOWED, f"{MOST_UNREVIEWED} of your emergency accesses wait for a review. {_ask(session, person.id, at)}")


def _suspended(session: Session, person: Person, at: datetime) -> Refused | None:
    overdue = emergencies.oldest_overdue(session, person.id, at)
    if overdue is None:
        return None
    what = f"Your emergency access of {_moment(overdue.opened_at)} was not reviewed in time, so you can open no other until it is."
    return Refused(Refusal.NOT_ALLOWED, f"{what} {_ask(session, person.id, at)}")


def _ask(session: Session, but: PersonId, at: datetime) -> str:
    """Say who could review what `but` did."""
    names = [
        account.name
        for account in people.find(session)
        if account.id != but
        and account.in_use(at)
        and Permission.EMERGENCY_REVIEW in account.rights(at).permissions
        and account.rights(at).reach(Permission.EMERGENCY_REVIEW) is None
    ]
    if not names:
        return "Nobody else here can review it: add an account for an Auditor or another Director."
    return f"Who can review it: {', '.join(names)}."


def _tell(session: Session, settings: Settings, access: EmergencyAccess, at: datetime) -> None:
    # Without the reason: what is typed in a hurry may name a patron.
    told = [
        f"{access.person_name} opened an emergency access at {_moment(access.opened_at)}.",
        f"It shows every camera of {settings.district}, live and half an hour back, until {_moment(access.over_at)}. No file leaves by it.",
        f"Somebody else reviews it by {_moment(access.review_due_at)}.",
    ]
    _post(session, settings, f"emergency/{access.id}", "Custodian: an emergency access was opened", told, at)


def _post(session: Session, settings: Settings, about: str, subject: str, told: list[str], at: datetime) -> None:
    page = f"{settings.public_url or ''}/emergency/reviews"
    body = "\n\n".join([*told, f"Why, and what was looked at: sign in and open {page}"]) + "\n"
    for address in set(_addresses(settings).values()):
        post(session, settings, address, about=about, subject=subject, body=body, at=at)


def _addresses(settings: Settings) -> dict[str, str | None]:
    """Return to whom a mail goes at once, by who that is."""
    return {
        "the Director": settings.director_address,
        "the Auditor": settings.auditor_address,
        "the address outside": settings.outside_address,
    }


def _own(session: Session, person: Person, number: EmergencyId) -> EmergencyAccess | Refused:
    access = emergencies.get(session, number)
    return no_such("emergency access of yours") if access is None or access.person_id != person.id else access


def _record(session: Session, person: Person, action: Action, access: EmergencyAccess, at: datetime, told: dict[str, str]) -> None:
    record(session, actor=person, action=action, at=at, detail={"emergency": str(access.id)} | told)


def _watched(one: Watched) -> str:
    """Return a line of what was watched, as the log keeps it."""
    what = "live" if one.recorded is None else f"recorded {_second(one.recorded.start)} to {_second(one.recorded.end)}"
    return f"{one.branch}/{one.camera}, {what}, watched {_second(one.during.start)} to {_second(one.during.end)} UTC"


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def _of_officer(text: str, what: str) -> str:
    return checked_words(text, MAX_OFFICER_CHARS, f"Name {what}, in up to {MAX_OFFICER_CHARS} characters; it stands in the access log.")


def _text(text: str, what: str, most: int) -> str:
    return checked_words(text, most, f"{what}, in up to {most} characters; it stands in the access log.")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"

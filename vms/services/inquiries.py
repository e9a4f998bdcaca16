"""Inquiries by the public form: taken in from anybody, looked at by staff who may enter requests, made into one or set aside.

Nothing here asks which cameras there are, what was recorded or what is kept: the answer to whoever asks can't depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import InquiryId, new_number
from vms.domain.inquiry import (
    INSTRUMENTS,
    MAX_LINE_CHARS,
    MAX_REASON_CHARS,
    MAX_TEXT_CHARS,
    MOST_A_DAY,
    MOST_WAITING,
    AskedBy,
    Inquiry,
    Outcome,
)
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, System
from vms.domain.request import ExportRequest
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services.access_log import name_of, record, refuse
from vms.services.instrument_rules import in_force
from vms.services.names import checked_text, checked_words
from vms.services.refusals import no_such, not_allowed
from vms.store import inquiries

PUBLIC = System("inquiry")
LIST_LIMIT = 300
FULL = Refused(
    Refusal.TOO_MANY, "More inquiries came than the Library can look at now. Hand yours in on paper, at any library of the district."
)
_CONFIRMS_NOTHING = (
    "This answer is the same for every place and every time. It confirms neither that there is a camera, nor that there is a recording "
    "or that one is kept, nor who was at the library."
)
_ONLY = not_allowed("see inquiries", "somebody who may enter requests: vms login")
_GONE = "This inquiry does not wait any more, or there is none. Look at the list again."
_NO_RIGHT = (
    "Your inquiry keeps nothing from being deleted, and gives no right to see anything. "
    "The Library Director decides, and answers in writing."
)


@dataclass(frozen=True, slots=True)
class NewInquiry:
    """What somebody fills in."""

    asked_by: str
    name: str
    contact: str
    happened: str
    place: str
    when: str
    agency: str = ""
    brings_paper: bool = False


def checked(new: NewInquiry, *, at: datetime) -> Inquiry:
    """Return an inquiry as it would be taken in; InvalidInput says what is missing or can't be."""
    if new.asked_by not in set(AskedBy):
        raise InvalidInput("Say as what you ask: for an agency of government, about yourself or your child, or as somebody else.")
    return Inquiry(
        id=InquiryId(new_number()),
        asked_by=AskedBy(new.asked_by),
        name=_line(new.name, "your name"),
        agency=_line(new.agency, "the agency or firm") if new.agency.strip() else "",
        contact=_line(new.contact, "how you are reached"),
        happened=checked_text(new.happened, MAX_TEXT_CHARS, f"Say what happened, in up to {MAX_TEXT_CHARS:,} characters."),
        place=_line(new.place, "where it happened"),
        when=_line(new.when, "the day and the time, in words"),
        brings_paper=new.brings_paper,
        at=at,
    )


def submit(session: Session, settings: Settings, new: NewInquiry, *, at: datetime) -> Inquiry | Refused:
    """Take an inquiry in from anybody; NotFound where the district has no public form.

    Who asks, and what about, is in no log and no mail.
    """
    require_on(settings)
    inquiry = checked(new, at=at)
    if inquiries.count_waiting(session) >= MOST_WAITING or inquiries.count_since(session, at - timedelta(days=1)) >= MOST_A_DAY:
        return FULL
    inquiries.add(session, inquiry)
    record(session, actor=PUBLIC, action=Action.INQUIRY_ENTER, at=at, detail={"inquiry": str(inquiry.id)})
    return inquiry


def require_on(settings: Settings) -> None:
    """Raise NotFound, as for an address that is none, where the district has no public form."""
    if settings.public_inquiry == "off":
        raise NotFound("There is nothing at this address.")


def answer_to(session: Session, settings: Settings, inquiry: Inquiry) -> tuple[str, ...]:
    """Return what whoever asked is told: the words of the letter about what to bring, and where. It depends on as what they ask alone."""
    where = f"Bring or send it to the Library Director{f': {settings.notice_contact}' if settings.notice_contact else ''}."
    letter = in_force(session).of[INSTRUMENTS[inquiry.asked_by]].letter
    return (_CONFIRMS_NOTHING, letter, f"{where} Say the number of this inquiry with it.", _NO_RIGHT)


def list_inquiries(session: Session, actor: Actor) -> list[Inquiry] | Refused:
    """Return the inquiries, what waits first; who gets them with what they say has that written, one by one (`read_inquiry`)."""
    return inquiries.find(session, limit=LIST_LIMIT) if _may(actor) else _ONLY


def waiting(session: Session, actor: Actor) -> int:
    """Return how many wait for somebody to look at them."""
    return inquiries.count_waiting(session) if _may(actor) else 0


def read_inquiry(session: Session, actor: Actor, number: InquiryId, *, at: datetime) -> Inquiry | Refused:
    """Return an inquiry with all that it says; that somebody read it is written. Unavailable or Corrupt when it can't be read."""
    if not _may(actor):
        return _ONLY
    inquiry = inquiries.get(session, number)
    if inquiry is None:
        return no_such("inquiry")
    record(session, actor=actor, action=Action.INQUIRY_READ, at=at, detail={"inquiry": str(number)})
    return inquiry


def set_aside(session: Session, actor: Actor, number: InquiryId, reason: str, *, at: datetime) -> Inquiry | Refused:
    """Set an inquiry aside, with a reason; InvalidInput without one, Conflict when something became of it already."""
    why = checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why nothing comes of it.")
    if not _may(actor):
        return refuse(session, actor, Action.INQUIRY_DECIDE, _ONLY, at=at)
    if inquiries.get(session, number) is None:
        return no_such("inquiry")
    _decide(session, actor, number, Outcome(actor.label, name_of(actor), at, reason=why), "aside")
    return inquiries.get(session, number) or no_such("inquiry")


def require_waiting(session: Session, number: InquiryId | None) -> None:
    """Raise Conflict when something became of an inquiry already, or there is none; with no number there is nothing to look at."""
    inquiry = None if number is None else inquiries.get(session, number)
    if number is not None and (inquiry is None or inquiry.outcome is not None):
        raise Conflict(_GONE)


def made_into(session: Session, actor: Person, number: InquiryId | None, request: ExportRequest, *, at: datetime) -> None:
    """Write that a request was made of an inquiry; Conflict when something became of it already.

    Of a sealed one nothing is written: the inquiry stays as it was, for whoever reads it would learn of the request.
    """
    if number is not None and not request.is_sealed:
        _decide(session, actor, number, Outcome(actor.label, name_of(actor), at, request=request.id), "request")


def _decide(session: Session, actor: Actor, number: InquiryId, outcome: Outcome, what: str) -> None:
    if not inquiries.decide(session, number, outcome):
        raise Conflict(_GONE)
    record(session, actor=actor, action=Action.INQUIRY_DECIDE, at=outcome.at, detail={"inquiry": str(number), "outcome": what})


def _may(actor: Actor) -> bool:
    return isinstance(actor, Person) and actor.may(Permission.REQUEST_ENTER)


def _line(text: str, what: str) -> str:
    return checked_words(text, MAX_LINE_CHARS, f"Say {what}, in up to {MAX_LINE_CHARS} characters, in one line.")

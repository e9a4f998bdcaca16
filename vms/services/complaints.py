"""Complaints: entered by anybody who is signed in, due in working days, answered once, never by whom one is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails
from vms.domain.complaint import (
    MAX_ADDRESS_CHARS,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    MOST_CAMERAS,
    About,
    Answer,
    Complaint,
    Way,
)
from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import CameraId, ComplaintId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, Role
from vms.domain.timespan import Timespan, day_of
from vms.domain.working_days import end_of_working_day
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import LIST_LIMIT as MOST_ENTRIES
from vms.services.access_log import LogPage, list_events, name_of, record, refuse, together
from vms.services.cameras import list_cameras
from vms.services.district import zone_of_district
from vms.services.hold_acts import Placed, place_hold
from vms.services.holds import NewHold
from vms.services.names import checked_text, checked_words
from vms.services.outbox import post
from vms.services.refusals import no_such, not_allowed
from vms.store import cameras, complaints, people
from vms.store.cameras import Removed

LIST_LIMIT = 200
OLDEST = timedelta(days=366)
"""A complaint that came longer ago was mistyped."""
LONGEST_AGO = timedelta(days=3653)
"""No footage is kept for longer."""
WATCHED = frozenset({Action.VIEW_OPEN, Action.FOOTAGE_READ})
_ONLY_PEOPLE = not_allowed("enter a complaint", "somebody with an account: vms login")


@dataclass(frozen=True, slots=True)
class NewComplaint:
    """What somebody enters of a complaint."""

    way: str
    about: str
    text: str
    about_name: str = ""
    from_name: str = ""
    from_address: str = ""
    received: str = ""
    """The day on which it came, 2026-11-25; empty for today."""
    cameras: frozenset[CameraId] = frozenset()
    time: Timespan | None = None


def enter(session: Session, settings: Settings, actor: Actor, new: NewComplaint, *, at: datetime) -> Complaint | Refused:
    """Number a complaint, say when it is due, and mail who answers it that it is there; InvalidInput says what is wrong."""
    if not isinstance(actor, Person):
        return refuse(session, actor, Action.COMPLAINT_ENTER, _ONLY_PEOPLE, at=at)
    if not new.cameras <= {one.camera.id for one in offered(session, actor)}:
        return no_such("camera")
    complaint = _drawn_up(session, settings, actor, new, at)
    complaints.add(session, complaint)
    _tell(session, settings, complaint, at)
    detail = {"complaint": str(complaint.id), "way": complaint.way.value, "due": complaint.due_at.isoformat()}
    record(session, actor=actor, action=Action.COMPLAINT_ENTER, at=at, detail=detail)
    return complaint


def offered(session: Session, person: Person) -> list[CameraDetails]:
    """Return the cameras that `person` may say it is about: removed ones too, their footage may still be there."""
    return list_cameras(session, person, removed=Removed.INCLUDED)


def list_complaints(session: Session, person: Person) -> list[Complaint]:
    """Return what `person` may see, what waits first: all of it, or what the person entered; nothing about the person."""
    return complaints.find(session, person, limit=LIST_LIMIT)


def read_complaints(session: Session, person: Person, *, at: datetime) -> list[Complaint]:
    """Return the list to somebody who gets with it what each complaint says; that somebody else's were read is written, one by one."""
    found = list_complaints(session, person)
    with together(session):
        for one in found:
            _read(session, person, one, at)
    return found


def complaint_for(session: Session, person: Person, number: ComplaintId) -> Complaint | Refused:
    return complaints.get(session, person, number) or no_such("complaint")


def read_complaint(session: Session, person: Person, number: ComplaintId, *, at: datetime) -> Complaint | Refused:
    """Return a complaint to somebody who looks at it; that somebody else's was read is written."""
    complaint = complaint_for(session, person, number)
    if not isinstance(complaint, Refused):
        _read(session, person, complaint, at)
    return complaint


def waiting_for(session: Session, person: Person, *, at: datetime) -> tuple[int, int]:
    """Return how many complaints `person` is to answer, and how many of them are overdue."""
    answers = person.may(Permission.COMPLAINT_ANSWER) or person.role is Role.AUDITOR
    return complaints.count_waiting(session, person, at) if answers else (0, 0)


def answer(session: Session, person: Person, number: ComplaintId, text: str, *, at: datetime) -> Complaint | Refused:
    """Answer a complaint once; the caller asks for a fresh proof before. InvalidInput for an answer that can't be."""
    complaint = complaint_for(session, person, number)
    if isinstance(complaint, Refused):
        return complaint
    if not complaint.may_answer(person):
        return refuse(session, person, Action.COMPLAINT_ANSWER, not_allowed("answer this complaint", _who_answers(complaint)), at=at)
    told = Answer(checked_text(text, MAX_TEXT_CHARS, _too_long("Write the answer")), person.label, name_of(person), at)
    if not complaints.put_answer(session, number, told):
        return Refused(Refusal.NOT_ALLOWED, "This complaint is answered already. Whoever complains again gets a number of its own.")
    record(session, actor=person, action=Action.COMPLAINT_ANSWER, at=at, detail={"complaint": str(number)})
    return complaint_for(session, person, number)


def keep_footage(session: Session, settings: Settings, person: Person, number: ComplaintId, *, at: datetime) -> Placed | Refused:
    """Place a hold on the footage that a complaint is about, once; the caller asks for a fresh proof before."""
    complaint = complaint_for(session, person, number)
    if isinstance(complaint, Refused):
        return complaint
    if complaint.hold_id is not None:
        return Refused(Refusal.NOT_ALLOWED, f"Legal hold {complaint.hold_id} keeps it already.")
    if complaint.time is None or not complaint.cameras:
        raise InvalidInput("This complaint names no cameras and no time. Place the hold on the page Holds.")
    matter, reason = _matter(complaint)
    new = NewHold(
        matter=matter,
        kind=HoldKind.INCIDENT,
        reason=reason,
        scope=HoldScope(cameras=complaint.cameras),
        start=complaint.time.start,
        end=complaint.time.end,
    )
    placed = place_hold(session, settings, person, new, at=at)
    if not isinstance(placed, Refused) and not complaints.put_hold(session, number, placed.hold.id):
        raise Conflict("Somebody else placed a legal hold on this footage just now. Look at the complaint again.")
    return placed


def who_watched(session: Session, person: Person, number: ComplaintId, *, at: datetime) -> list[AccessEvent] | Refused:
    """Return who watched the footage that a complaint is about, live or later, by the access log, which has an entry of this look, too."""
    complaint = complaint_for(session, person, number)
    if isinstance(complaint, Refused):
        return complaint
    if complaint.time is None or not complaint.cameras:
        return no_such("time and camera in this complaint")
    pages: list[LogPage] = []
    for camera in sorted(complaint.cameras):
        page = list_events(session, person, at=at, camera_id=camera, actions=WATCHED, watched=complaint.time, limit=MOST_ENTRIES)
        if isinstance(page, Refused):
            return page
        pages.append(page)
    found = [line for page in pages for line in page.lines if isinstance(line, AccessEvent)]
    return sorted(found, key=lambda event: event.number)


def cameras_of(session: Session, complaint: Complaint) -> list[str]:
    """Return the names of the cameras that it is about, with their branches, removed ones too."""
    known = cameras.find(session, None, removed=Removed.INCLUDED) if complaint.cameras else []
    return [f"{one.branch.name}/{one.camera.name}" for one in known if one.camera.id in complaint.cameras]


def _read(session: Session, person: Person, complaint: Complaint, at: datetime) -> None:
    if complaint.entered_by != person.label:
        record(session, actor=person, action=Action.COMPLAINT_READ, at=at, detail={"complaint": str(complaint.id)})


def _matter(complaint: Complaint) -> tuple[str, str]:
    """Return what the hold says of itself: whom a complaint is about may read holds, and is not to learn from one that there is one."""
    if complaint.about is not About.PRACTICE:
        return "Incident", "It is being looked into."
    return f"Complaint {complaint.id}", f"Complaint {complaint.id} is about it."


def _drawn_up(session: Session, settings: Settings, person: Person, new: NewComplaint, at: datetime) -> Complaint:
    zone = zone_of_district(session)
    received_at = _received(new.received, zone, at)
    complaint = Complaint(
        id=ComplaintId(new_number()),
        way=_way(new.way),
        about=_about(new),
        about_person=None,
        about_name="",
        from_name=_words(new.from_name, MAX_NAME_CHARS, "The name of who complains"),
        from_address=_words(new.from_address, MAX_ADDRESS_CHARS, "The address"),
        text=checked_text(new.text, MAX_TEXT_CHARS, _too_long("Write down what the complaint says")),
        cameras=_cameras(new),
        time=_time(new.time, at),
        received_at=received_at,
        due_at=end_of_working_day(received_at, settings.complaint_days, zone, settings.holidays),
        entered_by=person.label,
        entered_by_name=name_of(person),
        entered_at=at,
    )
    # Last: what is refused for anything else must not tell who has an account.
    return _naming(session, complaint, new.about_name) if new.about_name.strip() else complaint


def _way(text: str) -> Way:
    if text not in set(Way):
        raise InvalidInput("Choose how the complaint came: on paper, by mail, or by the form of the notice.")
    return Way(text)


def _about(new: NewComplaint) -> About:
    if new.about not in set(About):
        raise InvalidInput("Choose what the complaint is about: cameras, footage or a rule; somebody on the staff; the Director.")
    if new.about != About.STAFF and new.about_name.strip():
        raise InvalidInput("A name goes with somebody on the staff. Choose that, or leave the name empty.")
    return About(new.about)


def _naming(session: Session, complaint: Complaint, name: str) -> Complaint:
    """Return `complaint` about whoever has that account: of a name that nobody has, nobody would be kept from seeing and answering it."""
    plain = _words(name, MAX_NAME_CHARS, "The name of whom it is about")
    account = people.named(session, plain)
    if account is None:
        raise InvalidInput(f"Nobody signs in as ‘{plain}’. Give the sign-in name, or leave it empty and write the name into what it says.")
    about = About.DIRECTOR if account.role is Role.DIRECTOR else complaint.about
    return replace(complaint, about=about, about_person=account.id, about_name=account.name)


def _received(text: str, zone: str, at: datetime) -> datetime:
    if not text.strip():
        return at
    try:
        day = day_of(date.fromisoformat(text.strip()), zone)
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"‘{text.strip()}’ is no day. Write the day on which it came 2026-11-25.") from err
    if not at - OLDEST <= day.start <= at:
        raise InvalidInput(f"It came within the last {OLDEST.days} days, today at the latest. Give the day on which it was handed over.")
    today = at.astimezone(ZoneInfo(zone)).date()
    return at if day_of(today, zone) == day else day.start


def _time(time: Timespan | None, at: datetime) -> Timespan | None:
    if time is not None and not at - LONGEST_AGO <= time.start < time.end <= at:
        raise InvalidInput("What it is about happened within the last ten years, and is over. Give that time.")
    return time


def _cameras(new: NewComplaint) -> frozenset[CameraId]:
    if len(new.cameras) > MOST_CAMERAS:
        raise InvalidInput(f"Choose up to {MOST_CAMERAS} cameras.")
    if new.cameras and new.time is None:
        raise InvalidInput("Say from when to when: with cameras alone nobody finds the footage, or who watched it.")
    return new.cameras


def _words(text: str, most: int, what: str) -> str:
    return checked_words(text, most, f"{what} has up to {most} characters, in one line.") if text.strip() else ""


def _too_long(what: str) -> str:
    return f"{what}, in up to {MAX_TEXT_CHARS:,} characters."


def _who_answers(complaint: Complaint) -> str:
    if complaint.about is About.DIRECTOR:
        return "the Board: an Auditor, or who entered the complaint, writes its answer down"
    return "the Director or a Delegate whom it is not about"


def _tell(session: Session, settings: Settings, complaint: Complaint, at: datetime) -> None:
    """Queue a mail to who answers: of one about the Director to the address outside, and to nobody else. What it says is in no mail."""
    to_board = complaint.about is About.DIRECTOR
    body = f"Complaint {complaint.id} came by {complaint.way}. It is to be answered by {complaint.due_at:%Y-%m-%d %H:%M} UTC.\n\n"
    body += (
        "It is about the Director, so it is for the Board to answer. Its paper is handed to you by "
        f"{complaint.entered_by_name}, who also writes your answer down.\n"
        if to_board
        else f"What it says: sign in with vms login, and run vms complaint show {complaint.id}\n"
    )
    to = settings.outside_address if to_board else settings.director_address
    post(session, settings, to, about=f"complaint/{complaint.id}", subject="Custodian: a complaint", body=body, at=at)

"""Requests for footage: taken down by whoever is signed in, what they ask for is kept from then on, and listed for those whom they concern.

What is done to one: `request_acts`; how it is decided: `approvals`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import LATEST_UNTIL, CameraSpan, Delivery, ExportScope, Terms, digest_of, scope_of, text_of
from vms.domain.ids import CameraId, InquiryId, MatterId, PersonId, RequestId, new_number
from vms.domain.instruments import STILLS, Instrument, Rule
from vms.domain.made_package import MadePackage
from vms.domain.outcome import Refusal, Refused
from vms.domain.package_release import PackageRelease
from vms.domain.package_ticket import PackageTicket
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import (
    MAX_LINE_CHARS,
    MAX_WORDS_CHARS,
    OPEN,
    UNDECIDED,
    Conferral,
    ExportRequest,
    Paper,
    RequestAct,
    Requester,
    RequestEvent,
    RequestState,
    faults,
    needs_reason,
    too_late,
)
from vms.domain.showing import Showing
from vms.domain.stills import fault_of
from vms.domain.timespan import ms_of
from vms.domain.working_days import end_of_working_day
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import name_of, refuse, together
from vms.services.district import zone_of_district
from vms.services.inquiries import made_into, require_waiting
from vms.services.instrument_rules import in_force
from vms.services.names import checked_words
from vms.services.outbox import post
from vms.services.people import last_day
from vms.services.refusals import no_such, not_allowed
from vms.services.request_holds import keep, keeping
from vms.services.request_seals import named_first, new_seal
from vms.services.request_steps import Step, note, reader, rule_of
from vms.store import holds, made_packages, matter_keys, package_releases, package_tickets, requests, showings

LIST_LIMIT = 500
MOST_A_DAY = 50
"""Of one person within 24 hours: a day with more is a mistake, or somebody who fills the register."""
MOST_OPEN = 200
"""Of one person that have not ended."""
MOST_SEALED = 100
"""Of one person; the two above count none of these."""
MOST_AHEAD = timedelta(days=31)
"""So far ahead a request may ask for what is still to be recorded."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What somebody who takes a request down says of it."""

    instrument: Instrument
    requester: Requester
    purpose: str
    footage: tuple[CameraSpan, ...]
    local_time: str
    """The time as it was given, in words."""
    verified: str = ""
    """How it was made sure who asks, and by whom; empty: not yet."""
    court: str = ""
    docket: str = ""
    served_on: str = ""
    answer_by: datetime | None = None
    """The day that the paper itself names."""
    report_number: str = ""
    necessity: str = ""
    delivery: Delivery = Delivery.BY_HAND
    sealed: bool = False
    """The law keeps it secret: `sealed_requests`."""
    named: tuple[PersonId, ...] = ()
    """For whom a sealed one exists, besides who enters it and counsel."""
    expires_ms: int | None = None
    """Of stills: when their last day is over."""
    inquiry: InquiryId | None = None
    """By the public form, of which it is made."""


@dataclass(frozen=True, slots=True)
class RequestStanding:
    """A request with all that its reader may know of it."""

    request: ExportRequest
    history: tuple[RequestEvent, ...]
    papers: tuple[Paper, ...]
    rule: Rule
    """By which it is checked, or was."""
    faults: tuple[str, ...]
    """What of it keeps it from being approved, in sentences; whatever the day is (`faults_at`)."""
    names: dict[CameraId, str]
    """branch/camera of all that it asks for."""
    package: MadePackage | None = None
    """The one that was asked for last."""
    release: PackageRelease | None = None
    """The one that was begun last."""
    tickets: tuple[PackageTicket, ...] = ()
    """For downloads, the newest first."""
    showings: tuple[Showing, ...] = ()
    """At a screen, the newest first."""

    def faults_at(self, at: datetime) -> tuple[str, ...]:
        """Return what keeps it from being approved at a moment."""
        late = too_late(self.request.scope.terms, at) if self.rule.may_be_approved else ""
        return (*self.faults, *((late,) if late else ()))


def enter(session: Session, settings: Settings, actor: Actor, new: NewRequest, *, at: datetime) -> ExportRequest | Refused:
    """Take a request down, keep what it asks for from now on, and tell the Director; no fresh proof is asked for.

    InvalidInput says which entry is missing or can't be. Runs under the lock of `hold_clock`, as placing any hold does.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_ENTER):
        return refuse(session, actor, Action.REQUEST_ENTER, not_allowed("enter a request", "anybody with an account"), at=at)
    if new.sealed and not actor.may(Permission.REQUEST_DECIDE):
        return refuse(session, actor, Action.REQUEST_ENTER, not_allowed("seal a request", "the Director"), at=at)
    named = named_first(session, actor, new.named, at=at) if new.sealed else {}
    verified = line_of(new.verified, "how it was made sure who asks")
    scope = checked_scope(new.footage, new.local_time, _terms(new), at=at)
    if new.instrument in STILLS and (fault := "Stills are not sealed." if new.sealed else fault_of(scope)):
        raise InvalidInput(fault)
    if needs_reason(scope) and not new.necessity.strip():
        raise InvalidInput(f"That is {scope.camera_minutes:,} camera minutes of {len(scope.cameras)} cameras: say why so much is needed.")
    holds.lock(session)
    require_waiting(session, new.inquiry)
    if (too_many := _too_many(session, actor, new, at)) is not None:
        return refuse(session, actor, Action.REQUEST_ENTER, too_many, at=at)
    request = _drawn_up(session, settings, actor, new, scope, at)
    kept = keeping(session, actor, request, scope, at=at)
    if isinstance(kept, Refused):
        return kept
    request = replace(request, matter=matter_keys.make(settings.secrets_dir), seal=new_seal(settings, named) if new.sealed else None)
    requests.add(session, request, text_of(request.id, scope))
    with together(session):
        note(session, settings, actor, request, Step(RequestAct.SUBMIT), RequestState.SUBMITTED, at=at)
        if verified:
            note(session, settings, actor, request, Step(RequestAct.VERIFY, words=verified), RequestState.SUBMITTED, at=at)
        keep(session, settings, actor, request, kept, at=at)
        made_into(session, actor, new.inquiry, request, at=at)
    if not request.is_sealed:
        _tell(session, settings, request, at)
    return requests.get(session, requests.EVERYBODYS, request.id) or request


def list_requests(session: Session, actor: Actor) -> list[ExportRequest] | Refused:
    """Return the requests that `actor` entered, and the register for who may read it, the newest first."""
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_ENTER):
        return not_allowed("see requests", "the Director")
    return requests.find(session, reader(actor), limit=LIST_LIMIT)


def cameras_in(session: Session, found: Sequence[ExportRequest]) -> dict[CameraId, str]:
    """Return the names of the cameras that these requests ask for."""
    return requests.camera_names(session, frozenset(camera for one in found for camera in one.scope.cameras))


def request_for(session: Session, settings: Settings, actor: Actor, number: RequestId) -> RequestStanding | Refused:
    """Return a request with its history; what counsel advised is in neither."""
    found = requests.get(session, reader(actor), number) if isinstance(actor, Person) else None
    return no_such("request") if found is None else standing_of(session, settings, found)


def request_called(session: Session, actor: Actor, number: str) -> ExportRequest | Refused:
    """Return the request that people call `number`, 2026-0014, or that has that id."""
    seen = reader(actor)
    by_id = requests.get(session, seen, RequestId(int(number))) if number.isascii() and number.isdecimal() and len(number) < 17 else None
    return requests.called(session, seen, number) or by_id or no_such(f"request ‘{number}’; vms request list shows them")


def standing_of(session: Session, settings: Settings, request: ExportRequest) -> RequestStanding:
    history, papers = requests.history(session, request.id), requests.papers(session, request.id)
    rule = rule_of(session, request)
    found = faults(request, rule, history, papers, Conferral(settings.board_conferral))
    names = requests.camera_names(session, request.scope.cameras)
    return RequestStanding(
        request,
        tuple(history),
        tuple(papers),
        rule,
        tuple(found),
        names,
        made_packages.newest_of(session, request.id),
        package_releases.newest_of(session, request.id),
        tuple(package_tickets.of_request(session, request.id)),
        tuple(showings.of_request(session, request.id)),
    )


def waiting_for(session: Session, person: Person) -> int:
    """Return how many requests wait for a decision that `person` may take."""
    return requests.count_waiting(session, reader(person), UNDECIDED) if person.may(Permission.REQUEST_DECIDE) else 0


def checked_scope(footage: Sequence[CameraSpan], local_time: str, terms: Terms, *, at: datetime) -> ExportScope:
    """Return what is asked for; InvalidInput says what of it can't be."""
    if any(span.end_ms > ms_of(at + MOST_AHEAD) for span in footage):
        raise InvalidInput(f"A request asks for at most {MOST_AHEAD.days} days that are still to come. Place a hold for what comes later.")
    if terms.expires_ms is not None and not ms_of(at) < terms.expires_ms <= ms_of(at + LATEST_UNTIL):
        raise InvalidInput(f"The last day on which it is handed over is one of the next {LATEST_UNTIL.days}. Give one of those, or none.")
    said = line_of(local_time, "the time as it was given, in words")
    if not said:
        raise InvalidInput("Say the time as it was given, in words, such as “Friday 13 March, about half past six in the evening”.")
    told = Terms(
        recipient=line_of(terms.recipient, "the recipient"),
        delivery=terms.delivery,
        redact=line_of(terms.redact, "what is to be made unrecognisable"),
        conditions=line_of(terms.conditions, "the conditions"),
        expires_ms=terms.expires_ms,
    )
    if not told.recipient:
        raise InvalidInput("Say to whom the footage is handed over.")
    try:
        return scope_of(footage, said, told)
    except ValueError as err:
        raise InvalidInput(str(err)) from err


def until_ms(text: str, zone: str) -> int | None:
    """Return when the last day on which footage is handed over, written 2026-12-31, is over in `zone`; None when none is given."""
    end = last_day(text, zone)
    return None if end is None else ms_of(end)


def line_of(text: str, what: str) -> str:
    """Return an entry in one line; empty stays empty. InvalidInput when it is too long or can't be printed."""
    return checked_words(text, MAX_LINE_CHARS, f"Say {what} in up to {MAX_LINE_CHARS} characters, in one line.") if text.strip() else ""


def words_of(text: str, what: str) -> str:
    """Return what has to be said; InvalidInput when it is empty, too long or can't be printed."""
    return checked_words(text, MAX_WORDS_CHARS, f"Say {what}, in up to {MAX_WORDS_CHARS:,} characters.")


def _terms(new: NewRequest) -> Terms:
    return Terms(new.requester.agency or new.requester.name, new.delivery, expires_ms=new.expires_ms)


def _too_many(session: Session, actor: Person, new: NewRequest, at: datetime) -> Refused | None:
    """Refuse whoever has entered so many that nobody could look at them; Conflict for sealed ones: no event tells how many there are."""
    if new.sealed:
        if requests.count_sealed(session, actor.label) >= MOST_SEALED:
            raise Conflict(f"{MOST_SEALED} requests that you entered are sealed. Have another Director enter it.")
        return None
    if requests.count_entered(session, actor.label, since=at - timedelta(days=1)) >= MOST_A_DAY:
        said = f"You entered {MOST_A_DAY} requests within a day. Put what belongs together into one, or have somebody else enter it."
        return Refused(Refusal.NOT_ALLOWED, said)
    if requests.count_open(session, actor.label, OPEN) >= MOST_OPEN:
        said = f"{MOST_OPEN} requests that you entered are open. Withdraw what nobody asks for any more, or have somebody else enter it."
        return Refused(Refusal.NOT_ALLOWED, said)
    return None


def _drawn_up(session: Session, settings: Settings, actor: Person, new: NewRequest, scope: ExportScope, at: datetime) -> ExportRequest:
    rules, zone, asks = in_force(session), zone_of_district(session), new.requester
    rule = rules.of[new.instrument]
    name = line_of(asks.name, "who asks")
    if not name:
        raise InvalidInput("Say who asks.")
    court, docket = line_of(new.court, "which court"), line_of(new.docket, "the number at the court")
    if rule.of_a_court and not (court and docket):
        raise InvalidInput("Say which court it comes from, and its number there.")
    due_at = end_of_working_day(at, rule.working_days, zone, settings.holidays)
    number = RequestId(new_number())
    return ExportRequest(
        id=number,
        number=f"S-{number:X}" if new.sealed else requests.next_number(session, at.year),
        instrument=new.instrument,
        rules_version=rules.version,
        requester=Requester(
            name, line_of(asks.agency, "which agency"), line_of(asks.badge, "the badge"), line_of(asks.contact, "how to reach them")
        ),
        court=court,
        docket=docket,
        served_on=_day(new.served_on),
        report_number=line_of(new.report_number, "the number of the report"),
        purpose=words_of(new.purpose, "what it is needed for"),
        necessity=line_of(new.necessity, "why so much is needed"),
        due_at=due_at if new.answer_by is None else min(due_at, new.answer_by),
        entered_by=actor.label,
        entered_by_name=name_of(actor),
        entered_at=at,
        matter=MatterId(""),  # its key is made when nothing is refused any more
        state=RequestState.SUBMITTED,
        since=at,
        scope_version=1,
        scope=scope,
        sha256=digest_of(text_of(number, scope)),
        approval=None,
        holds=(),
    )


def _day(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as err:
        raise InvalidInput(f"‘{text.strip()}’ is no day. Give the day on which it was served as 2026-11-24.") from err


def _tell(session: Session, settings: Settings, request: ExportRequest, at: datetime) -> None:
    """Queue a mail to the Director. Who asks, and for what, is in no mail."""
    body = (
        f"Request {request.number} for footage was entered, and what it asks for is kept. It is to be answered by "
        f"{request.due_at:%Y-%m-%d %H:%M} UTC.\n\nWhat it is about: sign in with vms login, and run vms request show {request.number}\n"
    )
    subject = f"Custodian: request {request.number} for footage"
    post(session, settings, settings.director_address, about=f"request/{request.id}/entered", subject=subject, body=body, at=at)

"""A search warrant at the door: taken down by anybody who is signed in, and every way to those who decide is tried.

Nothing here tells the visitor whether there is a recording; the receipt is the letter of any request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.door import CallWay, DoorCall, next_to_mail
from vms.domain.export_scope import CameraSpan
from vms.domain.ids import PersonId, RequestId
from vms.domain.instruments import FormAnswer, Instrument
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import ExportRequest, RequestAct, Requester, RequestState, form_answers
from vms.domain.timespan import datetime_of_ms
from vms.errors import InvalidInput
from vms.services import request_acts, request_papers, requests
from vms.services.access_log import name_of
from vms.services.deputies import NamedDeputy, list_deputies
from vms.services.outbox import post
from vms.services.refusals import no_such
from vms.services.request_steps import JOB, locked, named_in_log, reader, refuse_about, rule_of, write
from vms.store import door
from vms.store import requests as register

_AS_WRITTEN = "as the warrant has it"


@dataclass(frozen=True, slots=True)
class Warrant:
    """What is on the paper that somebody brings, and who brings it."""

    officer: Requester
    court: str
    docket: str
    footage: tuple[CameraSpan, ...]
    photograph: tuple[str, bytes] | None = None
    """Name and octets of the file; None where it is to be added later."""


@dataclass(frozen=True, slots=True)
class LookedOver:
    """What a deputy says of a warrant that is in proper form."""

    verified: str
    """How it was made sure who brings it."""
    counsel: str
    """Who of counsel was told."""
    board: str
    """Why the Board was not conferred with before."""


@dataclass(frozen=True, slots=True)
class Deputised:
    """Somebody to be called, as the page beside the telephone lists them."""

    named: NamedDeputy
    here: bool
    """Has done something on these pages in the last minutes: sees the banner."""
    calls: tuple[DoorCall, ...]


def take_in(session: Session, settings: Settings, actor: Actor, warrant: Warrant, *, at: datetime) -> ExportRequest | Refused:
    """Enter a search warrant: what it names is kept from now on, its photograph too, and the first of the deputies is mailed.

    InvalidInput says what is missing. Whoever takes it in approves it no more than any other request.
    """
    if not warrant.footage:
        raise InvalidInput("Choose the cameras that the warrant names, or those that see the place it names.")
    first, last = min(one.start_ms for one in warrant.footage), max(one.end_ms for one in warrant.footage)
    new = requests.NewRequest(
        instrument=Instrument.SEARCH_WARRANT,
        requester=warrant.officer,
        purpose=f"Search warrant {warrant.docket.strip()} at the door",
        footage=warrant.footage,
        local_time=f"{_AS_WRITTEN}: {datetime_of_ms(first):%Y-%m-%d %H:%M} to {datetime_of_ms(last):%Y-%m-%d %H:%M} UTC",
        court=warrant.court,
        docket=warrant.docket,
        necessity=_AS_WRITTEN,
    )
    request = requests.enter(session, settings, actor, new, at=at)
    if isinstance(request, Refused):
        return request
    if warrant.photograph is not None:
        paper = request_papers.add_paper(session, settings, actor, request.id, *warrant.photograph, at=at)
        if isinstance(paper, Refused):
            return paper
    _mail_next(session, settings, actor, request, at)
    return request


def to_call(session: Session, actor: Person, number: RequestId, *, at: datetime) -> list[Deputised] | Refused:
    """Return whom to call about a request that `actor` sees, in order, with what came of it so far."""
    if register.get(session, reader(actor), number) is None:
        return no_such("request")
    known = [one for one in list_deputies(session, at=at) if one.decides]
    here = door.acting_since(session, [one.deputy.person for one in known], at - actor.rights.idle_limit)
    calls = door.calls(session, number)
    return [Deputised(one, one.deputy.person in here, tuple(call for call in calls if call.name == one.name)) for one in known]


def note_call(
    session: Session, settings: Settings, actor: Actor, number: RequestId, deputy: PersonId, *, reached: bool, at: datetime
) -> DoorCall | Refused:
    """Write down that somebody called a deputy about a request, and whether they were reached."""
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    name = next((one.name for one in list_deputies(session, at=at) if one.deputy.person == deputy), None)
    if name is None:
        return refuse_about(session, settings, actor, request, no_such("deputy"), at=at)
    call = DoorCall(name, reached, name_of(actor), at)
    door.add_call(session, number, call, by=actor.label)
    detail = named_in_log(request) | {"act": "call", "state": request.state.value, "name": name, "reached": "yes" if reached else "no"}
    write(session, settings, request, actor=actor, action=Action.REQUEST_NOTE, at=at, detail=detail)
    return call


def look_over(
    session: Session, settings: Settings, actor: Actor, number: RequestId, looked: LookedOver, *, at: datetime
) -> ExportRequest | Refused:
    """Do in one act what is asked before a warrant is approved, for a deputy who holds it in the hand and finds it in proper form.

    Every line of the form check is answered with yes: where one is not, the request's own page is the place. InvalidInput when nothing
    is said of one of the three.
    """
    said = {RequestAct.VERIFY: looked.verified, RequestAct.COUNSEL: looked.counsel, RequestAct.NOT_CONFERRED: looked.board}
    for act, words in said.items():
        request = request_acts.act_on(session, settings, actor, number, act, words, at=at)
        if isinstance(request, Refused):
            return request
    request = request_acts.begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    before = form_answers(register.history(session, number))
    missing = {line: FormAnswer.YES for line in rule_of(session, request).form if before.get(line) is not FormAnswer.YES}
    return request_acts.check_form(session, settings, actor, number, missing, "", at=at) if missing else request


def waiting_for(session: Session, person: Person) -> list[RequestId]:
    """Return the warrants that `person` may decide on and nobody has taken up yet, the newest first."""
    if not person.may(Permission.REQUEST_DECIDE):
        return []
    found = register.find(session, reader(person), limit=requests.LIST_LIMIT, states={RequestState.SUBMITTED})
    return [one.id for one in found if one.instrument is Instrument.SEARCH_WARRANT and one.entered_by != person.label]


def anybody_to_mail(session: Session, settings: Settings, *, at: datetime) -> bool:
    """Say whether a deputy did not answer in time, and another is to be mailed."""
    return any(_next(session, settings, one, at) is not None for one in door.mailed(session))


def mail_next(session: Session, settings: Settings, *, at: datetime) -> None:
    """Mail the next deputy about each warrant that nobody has taken up in time, and write that down."""
    for number in door.mailed(session):
        request = locked(session, settings, JOB, number, at=at)
        if not isinstance(request, Refused) and request.state is RequestState.SUBMITTED:
            _mail_next(session, settings, JOB, request, at)


def _next(session: Session, settings: Settings, number: RequestId, at: datetime) -> NamedDeputy | None:
    if settings.smtp_host is None:
        return None
    able = {one.name: one for one in list_deputies(session, at=at) if one.decides and one.deputy.mail}
    name = next_to_mail(list(able), door.calls(session, number), timedelta(minutes=settings.deputy_minutes), at)
    return None if name is None else able[name]


def _mail_next(session: Session, settings: Settings, actor: Actor, request: ExportRequest, at: datetime) -> None:
    """Queue a mail to whose turn it is, and write that down. Who brings the warrant, and what it names, is in no mail."""
    deputy = _next(session, settings, request.id, at)
    if deputy is None:
        if not door.calls(session, request.id):  # so that whoever gets an address later, or comes onto the list, is mailed then
            _tried(session, settings, actor, request, "", at)
        return
    body = (
        f"A search warrant is at the door: request {request.number}. What it names is kept. It is carried out at once, and counsel is told "
        f"meanwhile.\n\nWhere you decide: sign in and open {settings.public_url or ''}/door/{request.id}\n"
    )
    subject = f"Custodian: a search warrant is at the door, request {request.number}"
    post(
        session, settings, deputy.deputy.mail, about=f"request/{request.id}/door/{deputy.deputy.person}", subject=subject, body=body, at=at
    )
    _tried(session, settings, actor, request, deputy.name, at)


def _tried(session: Session, settings: Settings, actor: Actor, request: ExportRequest, name: str, at: datetime) -> None:
    """Write down that a deputy was mailed, or, without a name, that none could be."""
    call = DoorCall(name, reached=False, by_name=name_of(actor), at=at, way=CallWay.MAIL)
    door.add_call(session, request.id, call, by=actor.label)
    detail = named_in_log(request) | {"act": "mail", "state": request.state.value, "name": name or "nobody: no address, or no mail server"}
    write(session, settings, request, actor=actor, action=Action.REQUEST_NOTE, at=at, detail=detail)

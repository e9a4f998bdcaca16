"""One step of a request: from its state to one that the table allows, with its entry in the history and in the access log.

Everything that is done to a request comes through here. The caller holds the lock of `hold_clock`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Unpack

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import ApprovalId, RequestId, ShowingId
from vms.domain.instruments import FormAnswer, FormLine, Rule
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, System, reach
from vms.domain.request import APPEAL_WINDOW, APPROVED_STATES, EDGES, OPEN, UNDECIDED, ExportRequest, RequestAct, RequestEvent, RequestState
from vms.errors import ConfigError, Conflict, Corrupt, NotFound
from vms.services.access_log import Said, name_of, refuse
from vms.services.instrument_rules import rules_of
from vms.services.refusals import no_such
from vms.services.sealed_log import Matter, open_matter, record_in
from vms.store import holds, instrument_rules, requests
from vms.store.requests import Reader

JOB = System("requests")
_ACTIONS: Mapping[RequestAct, Action] = {
    RequestAct.SUBMIT: Action.REQUEST_ENTER,
    RequestAct.SCOPE: Action.REQUEST_SCOPE,
    RequestAct.NARROW: Action.REQUEST_SCOPE,
    RequestAct.WITHDRAW: Action.REQUEST_END,
    RequestAct.CLOSE: Action.REQUEST_END,
    RequestAct.APPROVE: Action.EXPORT_APPROVE,
    RequestAct.DENY: Action.EXPORT_DENY,
    RequestAct.VOID: Action.EXPORT_VOID,
    RequestAct.EXPIRE: Action.EXPORT_VOID,
    RequestAct.REVOKE: Action.EXPORT_VOID,
    RequestAct.ADVANCE: Action.EXPORT_ADVANCE,
    RequestAct.SHOW: Action.EXPORT_SHOW,
    RequestAct.SHOWN: Action.EXPORT_SHOW,
}
"""Every other act is `request:note`."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and what a history keeps of it."""

    act: RequestAct
    to: RequestState | None = None
    """None: the request stays in its state."""
    words: str = ""
    line: FormLine | None = None
    answer: FormAnswer | None = None
    sealed: bytes | None = None
    """In the place of words that only some may read."""
    approval: ApprovalId | None = None
    """Of a request that is approved by it."""
    passkey: str = ""
    """SHA-256 of the key of the passkey that signed it."""
    scope_version: int | None = None
    """That it asks for from now on; None: as before."""
    plan: str = ""
    """By its SHA-256, the redaction plan that it is about; in the log's entry, too."""
    showing: ShowingId | None = None
    """That it is about; in the log's entry, too."""


def take(session: Session, settings: Settings, actor: Actor, request: ExportRequest, step: Step, *, at: datetime) -> ExportRequest:
    """Do one step and return the request as it is then; Conflict when it was changed meanwhile.

    An approval lasts as long as neither scope nor state leaves it. While a request is open its holds last; when it ends they last
    `APPEAL_WINDOW` longer.
    """
    state = request.state if step.to is None else step.to
    if step.to is not None and step.to not in EDGES[request.state]:
        way = f"can't go from {request.state} to {step.to}: the program asked for what the table refuses."
        raise Corrupt(f"Request {request.number} {way}", in_log=f"A request {way}")
    version = request.scope_version if step.scope_version is None else step.scope_version
    kept = request.approval is not None and state in APPROVED_STATES | {RequestState.DISCLOSED, RequestState.CLOSED}
    approval = step.approval or (request.approval.id if kept and request.approval is not None else None)
    since = request.since if state is request.state else max(at, request.since)  # a clock set back takes nothing from the appeal window
    rules = checked_by(session, request)
    if not requests.put_standing(session, request, state, at=since, scope_version=version, approval=approval, rules_version=rules):
        changed = "was changed by somebody else meanwhile. Look at it again."
        raise Conflict(f"Request {request.number} {changed}", in_log=f"A request {changed}")
    note(session, settings, actor, request, step, state, at=at)
    if (state in OPEN) != (request.state in OPEN):
        holds.put_expiry(session, request.holds, None if state in OPEN else since + APPEAL_WINDOW)
    return requests.get(session, requests.EVERYBODYS, request.id) or _lost(request)


def write(session: Session, settings: Settings, request: ExportRequest, **said: Unpack[Said]) -> int | None:
    """Write an entry about a request into the log, of a sealed one into its matter alone; return its number, which a sealed one lacks.

    Whatever is written of a request comes through here, or by `record_in` with `matter_of` of it.
    """
    return record_in(session, matter_of(settings, request), **said)


def matter_of(settings: Settings, request: ExportRequest) -> Matter | None:
    """Return the matter of a request that is sealed. NotFound when its key is not there: nothing is done about it then."""
    return None if request.seal is None or not request.is_sealed else open_matter(settings, request.seal.matter)


def can_write_about(settings: Settings, request: ExportRequest) -> bool:
    """Say whether a job can write about a request: one whose key is not there, or whose texts can't be read, holds up no other."""
    if request.fault is not None:
        return False
    try:
        matter_of(settings, request)
    except (NotFound, ConfigError):
        return False
    return True


def refuse_about(
    session: Session,
    settings: Settings,
    actor: Actor,
    request: ExportRequest,
    refused: Refused,
    *,
    at: datetime,
    what: Action | None = None,
) -> Refused:
    """Return the refusal of an act on a request that `actor` sees, written as `what`; None: as the caller writes those of its door.

    Of a sealed one it is written in its matter: an ordinary entry would tell of it.
    """
    if not request.is_sealed:
        return refused if what is None else refuse(session, actor, what, refused, at=at)
    detail = named_in_log(request) | {"what": what or "", "why": refused.refusal.value, "sentence": refused.sentence}
    write(session, settings, request, actor=actor, action=Action.ACCESS_REFUSE, at=at, detail=detail)
    return replace(refused, logged=True)


def note(
    session: Session, settings: Settings, actor: Actor, request: ExportRequest, step: Step, state: RequestState, *, at: datetime
) -> None:
    """Write a step into the history and into the access log; who asks and what was said about it is in the history alone."""
    event = RequestEvent(step.act, state, step.words, step.line, step.answer, actor.label, name_of(actor), at)
    requests.add_event(session, request.id, event, step.sealed)
    detail = named_in_log(request) | {"act": step.act.value, "state": state.value}
    detail |= {"line": step.line.value} if step.line else {}
    detail |= {"passkey": step.passkey} if step.passkey else {}
    detail |= {"rules": str(checked_by(session, request))} if step.act in {RequestAct.APPROVE, RequestAct.DENY} else {}
    detail |= {"plan": step.plan} if step.plan else {}
    detail |= {"showing": str(step.showing)} if step.showing else {}
    write(session, settings, request, actor=actor, action=_ACTIONS.get(step.act, Action.REQUEST_NOTE), at=at, detail=detail)


def named_in_log(request: ExportRequest) -> dict[str, str]:
    """Return how every entry about a request names it, and exactly what it asks for."""
    told = {"request": str(request.id), "number": request.number, "instrument": request.instrument.value}
    return told | {"sha256": request.sha256, "cameras": str(len(request.scope.cameras)), "minutes": str(request.scope.camera_minutes)}


def rule_of(session: Session, request: ExportRequest) -> Rule:
    """Return what is asked of a request: while it is undecided by the rules in force, from then on by those that it was decided under."""
    return rules_of(session, checked_by(session, request)).of[request.instrument]


def checked_by(session: Session, request: ExportRequest) -> int:
    """Return by which version of the rules a request is checked; what is called under the lock of `hold_clock` stays so to the commit."""
    return instrument_rules.in_force(session) if request.state in UNDECIDED else request.rules_version


def reader(actor: Actor) -> Reader:
    """Return what `actor` sees of the register: a job everything, people what they entered or may read."""
    if isinstance(actor, System):
        return requests.EVERYBODYS
    in_register = isinstance(actor, Person) and actor.may(Permission.REQUEST_READ)
    if not isinstance(actor, Person) or not in_register:
        return Reader(actor.label, register=False, reach=None)
    return Reader(actor.label, register=True, reach=reach(actor, Permission.REQUEST_READ), person=actor.id)


def locked(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> ExportRequest | Refused:
    """Return a request that `actor` sees as it stands now, and stays so to the commit. One whose approval has run out is expired here."""
    holds.lock(session)
    request = requests.get(session, reader(actor), number)
    if request is None:
        return no_such("request")
    never_made = request.state is RequestState.PREPARING and requests.has_run_out(session, number, at)
    if never_made or (request.state_at(at) is RequestState.EXPIRED and request.state is not RequestState.EXPIRED):
        return take(session, settings, JOB, request, Step(RequestAct.EXPIRE, RequestState.EXPIRED), at=at)
    return request


def voided(session: Session, settings: Settings, actor: Actor, request: ExportRequest, *, at: datetime) -> ExportRequest:
    """Return a request that is to change: an approval of what it was counts no more."""
    if request.state not in APPROVED_STATES:
        return request
    return take(session, settings, actor, request, Step(RequestAct.VOID, RequestState.UNDER_REVIEW), at=at)


def reviewed(session: Session, settings: Settings, actor: Actor, request: ExportRequest, *, at: datetime) -> ExportRequest:
    """Return a request that whoever decides has taken up."""
    if request.state is not RequestState.SUBMITTED:
        return request
    return take(session, settings, actor, request, Step(RequestAct.REVIEW, RequestState.UNDER_REVIEW), at=at)


def not_from(request: ExportRequest, act: str) -> Refused:
    """Refuse what can't be done to a request in the state that it has."""
    return Refused(Refusal.NOT_ALLOWED, f"Request {request.number} is {spoken(request.state)}: it can't be {act} now.")


def beyond(session: Session, actor: Actor, request: ExportRequest) -> Refused | None:
    """Refuse somebody who would decide about cameras that lie beyond where the deciding is theirs."""
    if requests.are_within(session, reach(actor, Permission.REQUEST_DECIDE), request.scope.cameras):
        return None
    return Refused(Refusal.NOT_ALLOWED, "This request reaches further than your account. Ask the Director of the whole district.")


def spoken(state: RequestState) -> str:
    return state.value.replace("_", " ")


def _lost(request: ExportRequest) -> ExportRequest:
    gone = "is gone from the register. Restore the central database from a backup."
    raise Corrupt(f"Request {request.number} {gone}", in_log=f"A request {gone}")

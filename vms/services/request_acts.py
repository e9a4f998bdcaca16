"""What people do to a request on the way to a decision, and to end it: each act with its words, who may do it, and where it leads.

Approving, and what is asked for: `approvals`. Papers and counsel's advice: `request_papers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import RequestId
from vms.domain.instruments import STILLS, Counsel, FormAnswer, FormLine, Instrument
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.request import APPROVED_STATES, EDGES, UNDECIDED, DenyReason, ExportRequest, RequestAct, RequestState, form_answers
from vms.errors import InvalidInput
from vms.services.access_log import refuse, together
from vms.services.refusals import not_allowed
from vms.services.request_holds import keep, keeping_again
from vms.services.request_steps import Step, beyond, locked, not_from, refuse_about, reviewed, rule_of, take, voided
from vms.services.requests import words_of
from vms.store import requests, showings

_S = RequestState


@dataclass(frozen=True, slots=True)
class Worded:
    """An act that is done by saying something."""

    asks: str
    """What is to be said, as the end of "Say …"."""
    done: str
    """The act as the end of "it can't be …"."""
    to: RequestState | None
    """None: the request stays in its state."""
    of: frozenset[RequestState]
    """In which states it is done."""
    by_who_entered: bool = False
    """Besides whoever decides."""
    only: frozenset[Instrument] = frozenset(Instrument)
    """Of requests of which kinds."""


WORDED: Mapping[RequestAct, Worded] = {
    RequestAct.VERIFY: Worded("how it was made sure who asks, and by whom", "verified", None, UNDECIDED, by_who_entered=True),
    RequestAct.ASK: Worded("what whoever asks is asked back", "asked back", _S.NEEDS_INFO, UNDECIDED - {_S.NEEDS_INFO, _S.CONTESTED}),
    RequestAct.ANSWER: Worded("what the answer was", "answered for", _S.UNDER_REVIEW, frozenset({_S.NEEDS_INFO}), by_who_entered=True),
    RequestAct.CONFER: Worded("with whom of the Board you conferred, and when", "conferred about", None, UNDECIDED),
    RequestAct.NOT_CONFERRED: Worded("why you did not confer with the Board", "conferred about", None, UNDECIDED),
    RequestAct.COUNSEL: Worded("who of counsel was told, when and how, nothing of what they advise", "told to counsel", None, UNDECIDED),
    RequestAct.CONTEST: Worded(
        "before whom it is contested, and why", "contested", _S.CONTESTED, frozenset({_S.UNDER_REVIEW, _S.COUNSEL_REVIEW, _S.NARROWED})
    ),
    RequestAct.REOPEN: Worded(
        "why it is taken up again", "taken up again", _S.UNDER_REVIEW, frozenset({_S.CONTESTED, _S.DENIED, _S.EXPIRED, _S.REVOKED})
    ),
    RequestAct.WITHDRAW: Worded(
        "who withdrew it, when and how",
        "withdrawn",
        _S.WITHDRAWN,
        frozenset(state for state, to in EDGES.items() if _S.WITHDRAWN in to),
        by_who_entered=True,
    ),
    RequestAct.REVOKE: Worded(
        "why the approval is taken back", "taken back", _S.REVOKED, frozenset(state for state, to in EDGES.items() if _S.REVOKED in to)
    ),
    RequestAct.CLOSE: Worded(
        "what the end of it was", "closed", _S.CLOSED, frozenset(state for state, to in EDGES.items() if _S.CLOSED in to)
    ),
    RequestAct.REMOVED: Worded(
        "who took the copies on paper away, and when",
        "said to have no copies on paper any more",
        None,
        frozenset({_S.DISCLOSED, _S.CLOSED}),
        by_who_entered=True,
        only=STILLS,
    ),
}


def act_on(
    session: Session, settings: Settings, actor: Actor, number: RequestId, act: RequestAct, words: str, *, at: datetime
) -> ExportRequest | Refused:
    """Do one of `WORDED` to a request. InvalidInput when nothing is said."""
    worded = WORDED[act]
    said = words_of(words, worded.asks)
    request = begun(session, settings, actor, number, at=at, by_who_entered=worded.by_who_entered)
    if isinstance(request, Refused):
        return request
    if not _is_open_to(request, act, request.state):
        return refuse_about(session, settings, actor, request, not_from(request, worded.done), at=at)
    if act is RequestAct.CLOSE and (shown := showings.unended_of_request(session, number)) is not None and shown.runs(at):
        running = Refused(Refusal.NOT_ALLOWED, f"Request {request.number} is being shown now. End that showing first.")
        return refuse_about(session, settings, actor, request, running, at=at)
    again = keeping_again(session, actor, request, at=at) if act is RequestAct.REOPEN else []
    if isinstance(again, Refused):
        return refuse_about(session, settings, actor, request, again, at=at)
    with together(session):
        if request.state is _S.SUBMITTED and act is not RequestAct.WITHDRAW and _decides(actor):
            request = reviewed(session, settings, actor, request, at=at)
        request = take(session, settings, actor, request, Step(act, _leads_to(session, request, act), said), at=at)
        keep(session, settings, actor, request, again, at=at)
    return requests.get(session, requests.EVERYBODYS, request.id) or request


def check_form(
    session: Session,
    settings: Settings,
    actor: Actor,
    number: RequestId,
    answers: Mapping[FormLine, FormAnswer],
    words: str,
    *,
    at: datetime,
) -> ExportRequest | Refused:
    """Answer lines of the form check; the newest answer to each counts. InvalidInput without one, or where one needs words and has none."""
    said = words_of(words, "what you looked at") if words.strip() else ""
    if not answers:
        raise InvalidInput("Answer at least one line of the form check.")
    if FormAnswer.NOT_NEEDED in answers.values() and not said:
        raise InvalidInput("Say why a paper of this kind needs that line not.")
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in UNDECIDED | APPROVED_STATES:
        return refuse_about(session, settings, actor, request, not_from(request, "checked"), at=at)
    before = form_answers(requests.history(session, number))
    changed = {line: answer for line, answer in answers.items() if said or before.get(line) is not answer}
    if not changed:
        raise InvalidInput("These lines are answered so already: nothing would change.")
    with together(session):
        request = reviewed(session, settings, actor, voided(session, settings, actor, request, at=at), at=at)
        for line, answer in sorted(changed.items()):
            request = take(session, settings, actor, request, Step(RequestAct.CHECK, None, said, line, answer), at=at)
    return request


def deny(
    session: Session, settings: Settings, actor: Actor, number: RequestId, reason: DenyReason, words: str, *, at: datetime
) -> ExportRequest | Refused:
    """Refuse a request; what it asks for is kept for the appeal window. The letter says the reason, and these words."""
    said = words_of(words, "in your words why it is refused: the letter has them")
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    with together(session):
        request = reviewed(session, settings, actor, request, at=at)
        if RequestState.DENIED not in EDGES[request.state]:
            return refuse_about(session, settings, actor, request, not_from(request, "refused"), at=at)
        return take(session, settings, actor, request, Step(RequestAct.DENY, RequestState.DENIED, f"{reason.value}: {said}"), at=at)


def may_act(person: Person, request: ExportRequest, act: RequestAct, *, at: datetime) -> bool:
    """Say whether `person` may do one of `WORDED` to a request that they see, in the state that it has at that moment."""
    worded = WORDED[act]
    own = worded.by_who_entered and request.entered_by == person.label
    return _is_open_to(request, act, request.state_at(at)) and (own or person.may(Permission.REQUEST_DECIDE))


def begun(
    session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime, by_who_entered: bool = False
) -> ExportRequest | Refused:
    """Return a request that `actor` sees and may act on, locked to the commit."""
    if not isinstance(actor, Person):
        return refuse(session, actor, Action.REQUEST_NOTE, not_allowed("act on a request", "a person, signed in"), at=at)
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or (by_who_entered and request.entered_by == actor.label):
        return request
    if not _decides(actor):
        no_director = not_allowed("decide about a request", "the Director")
        return refuse_about(session, settings, actor, request, no_director, what=Action.REQUEST_NOTE, at=at)
    too_far = beyond(session, actor, request)
    return request if too_far is None else refuse_about(session, settings, actor, request, too_far, what=Action.REQUEST_NOTE, at=at)


def _is_open_to(request: ExportRequest, act: RequestAct, state: RequestState) -> bool:
    worded = WORDED[act]
    left = act is not RequestAct.REMOVED or request.approval is not None  # one that was refused has no copies
    return left and state in worded.of and request.instrument in worded.only


def _decides(actor: Actor) -> bool:
    return isinstance(actor, Person) and actor.may(Permission.REQUEST_DECIDE)


def _leads_to(session: Session, request: ExportRequest, act: RequestAct) -> RequestState | None:
    """Return where an act leads: counsel's is a state only where nothing goes on before they have advised."""
    if act is RequestAct.COUNSEL:
        first = rule_of(session, request).counsel is Counsel.FIRST and RequestState.COUNSEL_REVIEW in EDGES[request.state]
        return RequestState.COUNSEL_REVIEW if first else None
    return WORDED[act].to

"""A request for footage: its states, the only ways from one to another, and what keeps it from being approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.approval_proof import ApprovalAssertion
from vms.domain.export_scope import Delivery, ExportScope, Terms
from vms.domain.ids import ApprovalId, DelegationId, HoldId, MatterId, PersonId, RequestId
from vms.domain.instruments import OF_THE_DISTRICT, STILLS, Counsel, FormAnswer, FormLine, Instrument, Rule, form_faults
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import VmsError

APPROVAL_LASTS = timedelta(days=14)
"""An approval by which no package was made by then, and none is being made, has expired."""
APPEAL_WINDOW = timedelta(days=30)
"""So long what was asked for is kept after a request has ended, whatever its end."""
HOLD_REVIEW = timedelta(days=29)
"""Somebody looks at the provisional hold of an open request within the month; a notice 30 days before would come with the hold itself."""
FREE_MINUTES = 120
FREE_CAMERAS = 4
"""What is more, in camera minutes or in cameras, needs a reason."""
MAX_LINE_CHARS = 200
MAX_WORDS_CHARS = 2000


class RequestState(StrEnum):
    DRAFT = "draft"
    """Being entered; nothing of it is stored."""
    SUBMITTED = "submitted"
    NEEDS_INFO = "needs_info"
    """Whoever asked was asked back."""
    UNDER_REVIEW = "under_review"
    COUNSEL_REVIEW = "counsel_review"
    CONTESTED = "contested"
    """Counsel contests the paper before the court or whoever issued it."""
    NARROWED = "narrowed"
    """Less is to be handed over than was asked for."""
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Approved, and not prepared in time."""
    PREPARING = "preparing"
    PARTIALLY_AVAILABLE = "partially_available"
    FOOTAGE_UNAVAILABLE = "footage_unavailable"
    REDACTING = "redacting"
    READY = "ready"
    DISCLOSED = "disclosed"
    REVOKED = "revoked_before_disclosure"
    CLOSED = "closed"


_S = RequestState
_DECISIONS = frozenset({_S.APPROVED, _S.DENIED, _S.WITHDRAWN})
_BACK = frozenset({_S.UNDER_REVIEW, _S.REVOKED})
"""What undoes an approval before footage has left: something changed, or the Director takes it back."""
EDGES: Mapping[RequestState, frozenset[RequestState]] = {
    _S.DRAFT: frozenset({_S.SUBMITTED}),
    _S.SUBMITTED: frozenset({_S.NEEDS_INFO, _S.UNDER_REVIEW, _S.WITHDRAWN}),
    _S.NEEDS_INFO: frozenset({_S.UNDER_REVIEW, _S.WITHDRAWN, _S.DENIED}),
    _S.UNDER_REVIEW: _DECISIONS | {_S.NEEDS_INFO, _S.COUNSEL_REVIEW, _S.CONTESTED, _S.NARROWED},
    _S.COUNSEL_REVIEW: _DECISIONS | {_S.UNDER_REVIEW, _S.NEEDS_INFO, _S.CONTESTED, _S.NARROWED},
    _S.CONTESTED: frozenset({_S.UNDER_REVIEW, _S.NARROWED, _S.DENIED, _S.WITHDRAWN}),
    _S.NARROWED: _DECISIONS | {_S.UNDER_REVIEW, _S.NEEDS_INFO, _S.COUNSEL_REVIEW, _S.CONTESTED},
    _S.APPROVED: _BACK | {_S.PREPARING, _S.EXPIRED, _S.WITHDRAWN},
    _S.PREPARING: _BACK | {_S.REDACTING, _S.READY, _S.PARTIALLY_AVAILABLE, _S.FOOTAGE_UNAVAILABLE, _S.EXPIRED, _S.WITHDRAWN},
    _S.PARTIALLY_AVAILABLE: _BACK | {_S.REDACTING, _S.READY, _S.WITHDRAWN},
    _S.REDACTING: _BACK | {_S.READY, _S.WITHDRAWN},
    _S.READY: _BACK | {_S.DISCLOSED, _S.EXPIRED, _S.WITHDRAWN},
    _S.DISCLOSED: frozenset({_S.CLOSED}),
    _S.DENIED: frozenset({_S.UNDER_REVIEW, _S.CLOSED}),
    _S.EXPIRED: frozenset({_S.UNDER_REVIEW, _S.CLOSED}),
    _S.REVOKED: frozenset({_S.UNDER_REVIEW, _S.CLOSED}),
    _S.WITHDRAWN: frozenset({_S.CLOSED}),
    _S.FOOTAGE_UNAVAILABLE: frozenset({_S.CLOSED}),
    _S.CLOSED: frozenset(),
}
"""From each state where to. There is no other way."""
UNDECIDED = frozenset({_S.SUBMITTED, _S.NEEDS_INFO, _S.UNDER_REVIEW, _S.COUNSEL_REVIEW, _S.CONTESTED, _S.NARROWED})
APPROVED_STATES = frozenset({_S.APPROVED, _S.PREPARING, _S.PARTIALLY_AVAILABLE, _S.REDACTING, _S.READY})
"""An approval counts, and footage has not left."""
OPEN = UNDECIDED | APPROVED_STATES
"""As long as a request is open, what it asks for is kept without an end."""
NEEDS_APPROVAL = APPROVED_STATES | {_S.DISCLOSED}
"""States in which a request can't be without an approval of the scope that it has."""
OF_JOBS = frozenset({_S.PREPARING, _S.PARTIALLY_AVAILABLE, _S.FOOTAGE_UNAVAILABLE, _S.REDACTING, _S.READY})
"""States to which the making of a package brings a request."""


class RequestAct(StrEnum):
    """What was done to a request, one word for each entry of its history."""

    SUBMIT = "submit"
    REVIEW = "review"
    PAPER = "paper"
    VERIFY = "verify"
    """How it was made sure who asks, and by whom."""
    SCOPE = "scope"
    ASK = "ask"
    ANSWER = "answer"
    CHECK = "check"
    CONFER = "confer"
    NOT_CONFERRED = "not-conferred"
    """Why nobody of the Board was asked."""
    COUNSEL = "counsel"
    """Counsel was told or asked."""
    ADVICE = "advice"
    """Counsel advised; the words are privileged."""
    CONTEST = "contest"
    NARROW = "narrow"
    APPROVE = "approve"
    VOID = "void"
    """An approval does not count any more: something changed."""
    DENY = "deny"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    REVOKE = "revoke"
    REOPEN = "reopen"
    ADVANCE = "advance"
    CLOSE = "close"
    REDACTION_PLAN = "redaction-plan"
    """Somebody said what is covered in it; the newest plan counts."""
    REDACTION_APPROVED = "redaction-approved"
    REDACTION_BACK = "redaction-back"
    """Who looked over what was made by the plan sent it back: it has to be planned anew."""
    REMOVED = "removed"
    """Copies on paper were taken away."""
    SHOW = "show"
    """Somebody began to show it to an outsider at a screen."""
    SHOWN = "shown"
    """That has ended, with what was on the screen."""


class DenyReason(StrEnum):
    NO_DOCUMENT = "no-document"
    NOT_IN_FORM = "not-in-form"
    EXEMPT = "exempt"
    TOO_WIDE = "too-wide"
    NOT_VERIFIED = "not-verified"
    NOT_KEPT = "not-kept"
    OTHER = "other"


class Conferral(StrEnum):
    """What the district wants of the Director's conferring with the Board before a decision (setting `board_conferral`)."""

    REQUIRED = "required"
    NOTED = "noted"
    """It took place, or the Director says why not."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as far as they said, and how it was made sure that it is they."""

    name: str
    agency: str
    """Or firm; empty of a private person."""
    badge: str
    contact: str


@dataclass(frozen=True, slots=True)
class Paper:
    """What a scan is known by; its octets are encrypted."""

    id: int
    name: str
    sha256: str
    size_bytes: int
    added_by_name: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class RequestEvent:
    """One entry of a request's history."""

    act: RequestAct
    state: RequestState
    """After it."""
    words: str
    line: FormLine | None
    answer: FormAnswer | None
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """The Director's yes to exactly one scope."""

    id: ApprovalId
    scope_version: int
    sha256: str
    by: str
    """`Actor.label`"""
    by_name: str
    delegation_id: DelegationId | None
    """Under which the Director's power was lent to who approved."""
    proof: str
    """By what who approved showed who they are."""
    words: str
    """Exemption and conditions as the decision says them."""
    at: datetime
    assertion: ApprovalAssertion | None = None
    """Of the passkey that signed it; None: who approved showed it otherwise."""

    @property
    def ends_at(self) -> datetime:
        return self.at + APPROVAL_LASTS


@dataclass(frozen=True, slots=True)
class Lifted:
    """The end of a seal: the request is one like any other from then on."""

    on: str
    """2026-11-24: the day on which the order ended that made it secret."""
    reason: str
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RequestSeal:
    """What makes a request one that the law keeps secret."""

    matter: MatterId
    """Of the access log's sealed entries about it."""
    named: Mapping[PersonId, str]
    """The accounts for which it exists, with their names."""
    lifted: Lifted | None = None


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One request as it was entered, which never changes, and how it stands."""

    id: RequestId
    number: str
    """As people call it: 2026-0014."""
    instrument: Instrument
    rules_version: int
    """Of the rules that it was last checked by: those in force while it is undecided, and from its decision on those of that day."""
    requester: Requester
    court: str
    docket: str
    served_on: str
    """2026-11-24; empty when it was served on nobody."""
    report_number: str
    purpose: str
    necessity: str
    """Why so much is needed, where it is more than a request may ask for without a reason."""
    due_at: datetime
    entered_by: str
    """`Actor.label`: never approves it."""
    entered_by_name: str
    entered_at: datetime
    matter: MatterId
    """Whose key opens its papers and counsel's advice."""
    state: RequestState
    since: datetime
    scope_version: int
    scope: ExportScope
    sha256: str
    """Of the scope that it has now."""
    approval: Approval | None
    """The one that counts; none when nobody approved what it asks for now."""
    holds: tuple[HoldId, ...]
    seal: RequestSeal | None = None
    fault: VmsError | None = None
    """Why its texts can't be read: it is in lists then, and nothing is done about it."""

    @property
    def is_sealed(self) -> bool:
        """Say whether it exists for the named alone."""
        return self.seal is not None and self.seal.lifted is None

    def state_at(self, at: datetime) -> RequestState:
        """Return the state, an approval that has run out as expired, whether or not anybody has written that down."""
        if self.state is RequestState.APPROVED and self.approval is not None and self.approval.ends_at <= at:
            return RequestState.EXPIRED
        return self.state

    def approval_at(self, at: datetime) -> Approval | None:
        """Return the approval that counts then: none that has run out, whether or not anybody has written that down."""
        return self.approval if self.state_at(at) is self.state else None

    def is_overdue(self, at: datetime) -> bool:
        return self.state in UNDECIDED and self.due_at <= at


def needs_reason(scope: ExportScope) -> bool:
    """Say whether it is so much that somebody has to say why."""
    return scope.camera_minutes > FREE_MINUTES or len(scope.cameras) > FREE_CAMERAS


def askers(request: ExportRequest, history: Sequence[RequestEvent]) -> frozenset[str]:
    """Return the labels of all whose words it is that a request asks for: who entered it or let it ask for something else approves none."""
    return frozenset({request.entered_by, *(one.by for one in history if one.act is RequestAct.SCOPE)})


def form_answers(history: Sequence[RequestEvent]) -> dict[FormLine, FormAnswer]:
    """Return the newest answer to each line."""
    return {one.line: one.answer for one in history if one.line is not None and one.answer is not None}


def faults(request: ExportRequest, rule: Rule, history: Sequence[RequestEvent], papers: Sequence[Paper], conferral: Conferral) -> list[str]:
    """Return a sentence for everything that keeps a request from being approved now; nothing when it may be."""
    if not rule.may_be_approved:
        return ["A request of this kind is never approved: what it names is kept, and the answer is the letter that says what to bring."]
    done, of_this = {one.act for one in history}, _acts_about_this_scope(history)
    found = form_faults(rule, form_answers(history))
    if rule.form and not papers:
        found.append("The paper is missing: add a scan of it.")
    if request.instrument not in OF_THE_DISTRICT and RequestAct.VERIFY not in done:
        found.append("Nobody has said how it was made sure who asks.")
    if request.scope.terms.delivery is Delivery.ON_SITE:
        found.extend(_not_for_a_screen(request))
    if rule.counsel is not Counsel.NOT_ASKED and not of_this & {RequestAct.COUNSEL, RequestAct.ADVICE}:
        found.append("Counsel has not been told.")
    if rule.counsel is Counsel.FIRST and RequestAct.ADVICE not in of_this:
        found.append("Counsel has not advised yet.")
    if request.instrument not in STILLS and (fault := _not_conferred(rule, conferral, of_this)):
        found.append(fault)
    return found


def too_late(terms: Terms, at: datetime) -> str:
    """Return a sentence when the last day on which footage may be handed over or shown is over; empty as long as it is not."""
    if terms.expires_ms is None or terms.expires_ms > ms_of(at):
        return ""
    done = "shown" if terms.delivery is Delivery.ON_SITE else "handed over"
    return f"It was to be {done} until {datetime_of_ms(terms.expires_ms):%Y-%m-%d %H:%M} UTC. Change the terms and have them approved."


def _not_for_a_screen(request: ExportRequest) -> Iterator[str]:
    if request.scope.terms.redact:
        yield (
            "A screen shows what was recorded, with everybody in it: nothing is made unrecognisable there. Narrow it to be handed over as "
            "a package, or to have nothing covered."
        )
    if request.is_sealed:
        yield "What is shown on site is in the open access log, look by look, which would tell of it: have the seal lifted first."


def _acts_about_this_scope(history: Sequence[RequestEvent]) -> set[RequestAct]:
    """Return what was done since the request last came to ask for something else: who advised before did not advise about that.

    What was narrowed since is part of what they knew.
    """
    changed = max((at for at, one in enumerate(history) if one.act is RequestAct.SCOPE), default=-1)
    return {one.act for one in history[changed + 1 :]}


def _not_conferred(rule: Rule, conferral: Conferral, done: set[RequestAct]) -> str:
    if conferral is Conferral.OFF or RequestAct.CONFER in done:
        return ""
    if conferral is Conferral.REQUIRED and not rule.at_once:
        return "The Board has not been conferred with."
    if RequestAct.NOT_CONFERRED not in done:
        return "Say with whom of the Board you conferred and when, or why not."
    return ""

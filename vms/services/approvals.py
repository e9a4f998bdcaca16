"""The Director's yes: bound to the SHA-256 of exactly what is asked for, never by who entered or widened that, void when anything changes.

Nothing is approved by timeout, and no package is made of anything but what `approved` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import CameraSpan, Delivery, ExportScope, Terms, digest_of, text_of
from vms.domain.ids import ApprovalId, RequestId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PERMISSIONS, Actor, Permission, Person, Proof, System
from vms.domain.request import (
    APPROVED_STATES,
    EDGES,
    OF_JOBS,
    UNDECIDED,
    Approval,
    ExportRequest,
    RequestAct,
    RequestState,
    askers,
    needs_reason,
    too_late,
)
from vms.errors import Conflict, InvalidInput
from vms.services import approval_proofs
from vms.services.access_log import name_of, refuse, together
from vms.services.approval_proofs import PasskeyAnswer, SignedApproval
from vms.services.refusals import not_allowed
from vms.services.request_acts import begun
from vms.services.request_holds import keep, keeping
from vms.services.request_steps import JOB, Step, beyond, can_write_about, locked, not_from, refuse_about, reviewed, take, voided
from vms.services.requests import standing_of, words_of
from vms.services.stills import changed_scope
from vms.services.webauthn import Options, RelyingParty
from vms.store import redactions, requests

_PROVE = Refused(Refusal.PROVE, "Show again that it is you. For this, that may be at most five minutes ago.")
_CHANGED = "The request was changed since you looked at it. Look at what it asks for now, then decide."


def approve(  # noqa: PLR0913 - what is approved, why, and by what it is shown
    session: Session,
    settings: Settings,
    actor: Actor,
    number: RequestId,
    sha256: str,
    words: str = "",
    *,
    at: datetime,
    by_passkey: PasskeyAnswer | None = None,
) -> ExportRequest | Refused:
    """Agree that footage leaves, exactly as the scope of this digest says; `words` cite the exemption where the instrument wants one.

    A fresh proof of who approves is asked for here too: a passkey that signed just this approval (`ask_passkey`) is one, and is kept
    with it. Conflict when the request asks for something else than what was seen.
    """
    request = may_decide(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or not isinstance(actor, Person):
        return request
    proved = _proved(session, actor, request, by_passkey, at)
    if isinstance(proved, Refused):
        return refuse_about(session, settings, actor, request, proved, what=Action.EXPORT_APPROVE, at=at)
    if RequestState.APPROVED not in EDGES[RequestState.UNDER_REVIEW if request.state is RequestState.SUBMITTED else request.state]:
        return refuse_about(session, settings, actor, request, not_from(request, "approved"), at=at)
    if sha256 != request.sha256:
        raise Conflict(_CHANGED)
    standing = standing_of(session, settings, request)
    if faults := standing.faults_at(at):
        not_yet = Refused(Refusal.NOT_ALLOWED, f"It can't be approved yet. {' '.join(faults)}")
        return refuse_about(session, settings, actor, request, not_yet, at=at)
    cites = standing.rule.cites_exemption or words.strip()
    said = words_of(words, "why no exemption keeps it back, or which does not apply") if cites else ""
    with together(session):
        request = reviewed(session, settings, actor, request, at=at)
        approval = _drawn_up(actor, request, said, proved, at)
        requests.add_approval(session, request, approval)
        key = "" if approval.assertion is None else approval.assertion.key_sha256
        step = Step(RequestAct.APPROVE, RequestState.APPROVED, said, approval=approval.id, passkey=key)
        return take(session, settings, actor, request, step, at=at)


def ask_passkey(
    session: Session, settings: Settings, actor: Actor, number: RequestId, rp: RelyingParty, *, at: datetime
) -> Options | Refused:
    """Return what the browser needs to have a passkey of who approves sign exactly what the request asks for now."""
    request = may_decide(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or not isinstance(actor, Person):
        return not_allowed("approve a request", "the Director") if isinstance(request, ExportRequest) else request
    options = approval_proofs.options_for(session, actor, number, request.sha256, rp, at=at)
    return refuse_about(session, settings, actor, request, options, at=at) if isinstance(options, Refused) else options


def narrow(  # noqa: PLR0913, PLR0917 - what is asked for from now on, and why
    session: Session,
    settings: Settings,
    actor: Actor,
    number: RequestId,
    footage: Sequence[CameraSpan],
    terms: Terms,
    words: str,
    *,
    at: datetime,
) -> ExportRequest | Refused:
    """Let a request ask for less: shorter spans, fewer cameras, other terms. InvalidInput where it would be more, or the same.

    For whom it is stays as it was asked: who narrows a request may approve it, and would send footage to anybody alone.
    """
    said = words_of(words, "why it is less")
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    scope = changed_scope(request, footage, request.scope.local_time, terms, at=at)
    if not request.scope.covers(scope.footage):
        raise InvalidInput("That is more than was asked for. A part of it is less time or fewer cameras.")
    if scope.terms.recipient != request.scope.terms.recipient:
        raise InvalidInput("For somebody else is not less. Change whom it is for as whoever asks said; somebody else approves it then.")
    with together(session):
        request = reviewed(session, settings, actor, voided(session, settings, actor, request, at=at), at=at)
        if RequestState.NARROWED not in EDGES[request.state] and request.state is not RequestState.NARROWED:
            return refuse_about(session, settings, actor, request, not_from(request, "narrowed"), at=at)
        to = None if request.state is RequestState.NARROWED else RequestState.NARROWED
        return _changed(session, settings, actor, request, scope, Step(RequestAct.NARROW, to, said), at=at)


def change_scope(
    session: Session, settings: Settings, actor: Actor, number: RequestId, scope: ExportScope, words: str, *, at: datetime
) -> ExportRequest | Refused:
    """Let a request ask for something else, because whoever asks said so; an approval of what it was counts no more.

    Who does so approves it no more than who entered it does: otherwise anybody's request would be a cover for one's own. What was not
    kept before is kept from now on. InvalidInput when nothing changes.
    """
    said = words_of(words, "who changed what it asks for, and how")
    request = begun(session, settings, actor, number, at=at, by_who_entered=True)
    if isinstance(request, Refused) or not isinstance(actor, Person):
        return request
    if request.state not in UNDECIDED | APPROVED_STATES:
        return refuse_about(session, settings, actor, request, not_from(request, "changed"), at=at)
    new = changed_scope(request, scope.footage, scope.local_time, scope.terms, at=at)
    if needs_reason(new) and not request.necessity and not needs_reason(request.scope):
        raise InvalidInput("That is more than a request asks for without a reason. Enter another request, and say why so much is needed.")
    kept = [] if request.scope.covers(new.footage) else keeping(session, actor, request, new, at=at)
    if isinstance(kept, Refused):
        return refuse_about(session, settings, actor, request, kept, at=at)
    with together(session):
        request = voided(session, settings, actor, request, at=at)
        to = RequestState.UNDER_REVIEW if RequestState.UNDER_REVIEW in EDGES[request.state] else None
        request = _changed(session, settings, actor, request, new, Step(RequestAct.SCOPE, to, said), at=at)
        keep(session, settings, actor, request, kept, at=at)
    return requests.get(session, requests.EVERYBODYS, request.id) or request


def approved(session: Session, number: RequestId, *, at: datetime) -> ExportRequest | Refused:
    """Return a request whose approval counts now, for whoever makes a package of its `scope`, and binds it to its `sha256`."""
    request = requests.get(session, requests.EVERYBODYS, number)
    if request is None or request.approval is None or request.state_at(at) not in APPROVED_STATES:
        return Refused(Refusal.NOT_ALLOWED, "No approval of this request counts now, so no package is made of it.")
    return not_as_file(request) or request


def not_as_file(request: ExportRequest) -> Refused | None:
    """Refuse whatever would make a file of what is shown on site alone, or let one leave."""
    if request.scope.terms.delivery is not Delivery.ON_SITE:
        return None
    sentence = (
        f"Request {request.number} is for showing on site: no package is made of it, and no file leaves. Change the terms to have one."
    )
    return Refused(Refusal.NOT_ALLOWED, sentence)


def may_let_go(session: Session, actor: Actor, request: ExportRequest, ways: frozenset[Delivery], *, at: datetime) -> Refused | None:
    """Say why `actor`, who decides about requests, does not disclose what was approved in one of these ways."""
    if not isinstance(actor, Person) or not actor.proved_lately(at):
        return _PROVE
    if actor.label in askers(request, requests.history(session, request.id)):
        sentence = (
            "Who entered a request never hands over or shows what it asks for, nor who let it ask for something else. "
            "Somebody else who decides does."
        )
        return Refused(Refusal.NOT_ALLOWED, sentence)
    if request.scope.terms.delivery in ways:
        return None
    other = next(iter(sorted(ways)))
    sentence = f"It was approved to leave as {request.scope.terms.delivery}, not {other}. Change the terms and have them approved."
    return not_as_file(request) or Refused(Refusal.NOT_ALLOWED, sentence)


def advance(
    session: Session, settings: Settings, actor: System, number: RequestId, sha256: str, to: RequestState, *, at: datetime
) -> ExportRequest | Refused:
    """Bring an approved request on while its package is made. `sha256`: of the scope that the package is of.

    Refused as soon as another scope, or none, is approved: the package is then of nothing that may leave.
    """
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if (refused := not_as_file(request)) is not None:
        return refuse_about(session, settings, actor, request, refused, at=at)
    if to not in OF_JOBS or to not in EDGES[request.state] or request.approval is None or request.approval.sha256 != sha256:
        not_now = Refused(Refusal.NOT_ALLOWED, "What this package is of is not approved now. Nothing of it may leave.")
        return refuse_about(session, settings, actor, request, not_now, at=at)
    if to is RequestState.READY and not is_looked_over(session, request):
        unseen = Refused(Refusal.NOT_ALLOWED, f"What was redacted for request {request.number} has not been looked over and approved yet.")
        return refuse_about(session, settings, actor, request, unseen, at=at)
    return take(session, settings, actor, request, Step(RequestAct.ADVANCE, to), at=at)


def is_looked_over(session: Session, request: ExportRequest) -> bool:
    """Say whether nothing of a request is to be redacted, or what its newest plan makes of what it asks for now has been approved."""
    plan = redactions.newest_plan(session, request.id, request.sha256)
    if plan is None:
        return not request.scope.terms.redact
    return redactions.approval(session, request.id, request.sha256, plan.plan_sha256) is not None


def disclose(
    session: Session, settings: Settings, actor: Actor, number: RequestId, sha256: str, words: str, *, at: datetime
) -> ExportRequest | Refused:
    """Write down that a package left, by hand of somebody who may decide: exactly what was approved, and not yet run out."""
    said = words_of(words, "to whom it was handed over, when, and against which receipt")
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if (refused := not_as_file(request)) is not None:
        return refuse_about(session, settings, actor, request, refused, at=at)
    approval = request.approval
    if request.state is not RequestState.READY or approval is None or not approval.sha256 == sha256 == request.sha256:
        not_ready = Refused(
            Refusal.NOT_ALLOWED, "What this package is of is not approved now, or it is not ready. Nothing of it may leave."
        )
        return refuse_about(session, settings, actor, request, not_ready, at=at)
    if late := too_late(request.scope.terms, at):
        return refuse_about(session, settings, actor, request, Refused(Refusal.NOT_ALLOWED, late), at=at)
    with together(session):
        return take(session, settings, actor, request, Step(RequestAct.ADVANCE, RequestState.DISCLOSED, said), at=at)


def write_down_run_out(session: Session, settings: Settings, *, at: datetime) -> int:
    """Write which approvals were not used in time, and return how many: they counted no more since, written down or not."""
    found = [one.id for one in requests.run_out(session, at) if can_write_about(settings, one)]
    with together(session):
        for number in found:
            locked(session, settings, JOB, number, at=at)
    return len(found)


def any_run_out(session: Session, *, at: datetime) -> bool:
    return bool(requests.run_out(session, at))


def to_decide(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> ExportRequest | Refused:
    """Return a request that `actor`, who has shown lately who they are, may approve as a person, locked to the commit."""
    request = may_decide(session, settings, actor, number, at=at)
    if isinstance(request, Refused) or not isinstance(actor, Person) or actor.proved_lately(at):
        return request
    return refuse_about(session, settings, actor, request, _PROVE, what=Action.EXPORT_APPROVE, at=at)


def may_decide(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> ExportRequest | Refused:
    """Return a request that `actor` may approve once they have shown who they are, locked to the commit."""
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_DECIDE):
        return refuse(session, actor, Action.EXPORT_APPROVE, not_allowed("approve a request", "the Director"), at=at)
    request = locked(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if actor.label in askers(request, requests.history(session, number)):
        sentence = (
            "Who entered a request never approves it, nor who let it ask for something else. Another Director does, or somebody to whom "
            "the Director lends the Delegate's role."
        )
        own = Refused(Refusal.NOT_ALLOWED, sentence)
        return refuse_about(session, settings, actor, request, own, what=Action.EXPORT_APPROVE, at=at)
    too_far = beyond(session, actor, request)
    return request if too_far is None else refuse_about(session, settings, actor, request, too_far, what=Action.EXPORT_APPROVE, at=at)


def _proved(
    session: Session, actor: Person, request: ExportRequest, by_passkey: PasskeyAnswer | None, at: datetime
) -> SignedApproval | Refused | None:
    """Return what a passkey signed, None where somebody has shown otherwise lately who they are."""
    if by_passkey is not None:
        return approval_proofs.signed(session, actor, request.id, request.sha256, by_passkey, at=at)
    return None if actor.proved_lately(at) else _PROVE


def _drawn_up(actor: Person, request: ExportRequest, said: str, proved: SignedApproval | None, at: datetime) -> Approval:
    lent = None if actor.delegation is None or Permission.REQUEST_DECIDE in PERMISSIONS[actor.role] else actor.delegation.id
    return Approval(
        id=ApprovalId(new_number()) if proved is None else proved.pending.id,
        scope_version=request.scope_version,
        sha256=request.sha256,
        by=actor.label,
        by_name=name_of(actor),
        delegation_id=lent,
        proof=(actor.proof if proved is None else Proof.PASSKEY).value,
        words=said,
        at=at,
        assertion=None if proved is None else proved.assertion,
    )


def _changed(
    session: Session, settings: Settings, actor: Actor, request: ExportRequest, scope: ExportScope, step: Step, *, at: datetime
) -> ExportRequest:
    text = text_of(request.id, scope)
    sha256, version = digest_of(text), request.scope_version + 1
    if sha256 == request.sha256:
        raise InvalidInput("That is what the request asks for already: nothing would change.")
    requests.add_scope(session, request.id, version, text, sha256, scope.cameras)
    as_named = replace(request, scope=scope, sha256=sha256)  # as the entries about its new scope name it
    return take(session, settings, actor, as_named, replace(step, scope_version=version), at=at)

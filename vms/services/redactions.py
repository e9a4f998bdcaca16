"""Redaction of a request: its plan, the review sheets of what was made by that, and their approval or sending back before release.

Everything is of one scope and one plan, each by its SHA-256: another scope or a newer plan is looked over anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, derived_key, encrypt
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import CameraId, RequestId, new_number
from vms.domain.instruments import STILLS
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.redaction import RedactionPlan, canonical, misfit, read_plan
from vms.domain.request import APPROVED_STATES, UNDECIDED, ExportRequest, RequestAct, RequestState
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import name_of, refuse, together
from vms.services.approvals import advance, to_decide
from vms.services.footage import nothing_else, showing_of
from vms.services.refusals import no_such, not_allowed
from vms.services.request_acts import begun
from vms.services.request_steps import JOB, Step, beyond, named_in_log, not_from, reader, refuse_about, take, voided, write
from vms.services.requests import words_of
from vms.store import matter_keys, redactions, requests
from vms.store.redactions import LookedOver, Sheet, StoredPlan

_PLAN_INFO = b"custodian redaction plan v1"
_SHEET_INFO = b"custodian redaction sheet v1"
_CHANGED = "The plan or the request was changed since you looked at it. Look at it again, then decide."


_OF_PLANS = (RequestAct.REDACTION_PLAN, RequestAct.REDACTION_BACK)


@dataclass(frozen=True, slots=True)
class Redaction:
    """How the redaction of a request stands."""

    request: ExportRequest
    plan: StoredPlan
    """The newest one of what is asked for now."""
    sheets: tuple[Sheet, ...]
    """Of what was made by it; none as long as no package was."""
    approved: LookedOver | None


@dataclass(frozen=True, slots=True)
class Look:
    """The redaction of a request as whoever decides sees it."""

    request: ExportRequest
    redaction: Redaction | None
    """None: what it asks for now has no plan."""
    plan: RedactionPlan | None
    sent_back: bool
    """Somebody looked over what was made by the plan that counts, and sent it back."""


def add_plan(
    session: Session, settings: Settings, actor: Actor, number: RequestId, text: bytes, *, at: datetime, instead_of: str | None = None
) -> Redaction | Refused:
    """Keep a plan for what a request asks for now; from then on it counts, and an approval by which a package was made counts no more.

    `instead_of`: the digest of the plan that it was made out of, empty for none; Conflict when another one counts. InvalidInput when
    it is no plan, or not of that footage.
    """
    plan = read_plan(text)
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in UNDECIDED | APPROVED_STATES:
        return refuse_about(session, settings, actor, request, not_from(request, "given a redaction plan"), at=at)
    if request.instrument in STILLS:
        raise InvalidInput("Stills are not redacted: nothing covers a part of them. Ask for other moments.")
    if request.scope.terms.delivery is Delivery.ON_SITE:
        raise InvalidInput(
            "What is shown on site is shown as it was recorded: a plan covers nothing there. Have it handed over as a package."
        )
    before = redactions.newest_plan(session, number, request.sha256)
    if instead_of is not None and instead_of != ("" if before is None else before.plan_sha256):
        raise Conflict(_CHANGED)
    if fault := misfit(plan, request.scope.footage):
        raise InvalidInput(fault)
    row, sha256 = new_number(), plan.digest.hex()
    sealed = encrypt(_key(settings, request, _PLAN_INFO), canonical(plan).encode(), _bound_to(request, row))
    kept_at = at if before is None else max(at, before.at + timedelta(milliseconds=1))  # a clock set back lets no earlier plan count
    with together(session):
        if request.state is not RequestState.APPROVED:  # what was made by an earlier plan is not what the approval would let out
            request = voided(session, settings, actor, request, at=at)
        redactions.add_plan(session, number, request.sha256, StoredPlan(row, sha256, sealed, name_of(actor), kept_at), by=actor.label)
        request = take(session, settings, actor, request, _of_plan(RequestAct.REDACTION_PLAN, sha256), at=at)
    return _of(session, request) or _lost(request)


def redaction_for(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> Redaction | Refused:
    """Return how the redaction of a request stands that `actor` sees."""
    request = requests.get(session, reader(actor), number)
    if request is None:
        return no_such("redaction plan")
    return _of(session, request) or refuse_about(session, settings, actor, request, no_such("redaction plan"), at=at)


def look(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> Look | Refused:
    """Return the redaction of a request for whoever decides, with the plan itself; that they had it is written."""
    request = _for_who_decides(session, settings, actor, number, "request", at=at)
    if isinstance(request, Refused):
        return request
    found = _of(session, request)
    if found is None:
        return Look(request, None, None, sent_back=False)
    _read(session, settings, actor, request, "redaction plan", at=at)
    return Look(request, found, _content(settings, request, found.plan), _is_sent_back(session, request))


def plan_of(session: Session, settings: Settings, request: ExportRequest) -> RedactionPlan | Refused | None:
    """Return by what plan a package of `request` is redacted, None where nothing is; Refused where one is wanted and missing."""
    stored = redactions.newest_plan(session, request.id, request.sha256)
    if stored is not None and _is_sent_back(session, request):
        sentence = f"What was made by the redaction plan of request {request.number} was sent back. Give it another plan first."
        return Refused(Refusal.NOT_ALLOWED, sentence)
    if stored is not None:
        return _content(settings, request, stored)
    if request.scope.terms.redact:
        return Refused(Refusal.NOT_ALLOWED, f"Request {request.number} wants something made unrecognisable, and has no redaction plan yet.")
    return None


def forget_sheets(session: Session, number: RequestId) -> None:
    """Take away the sheets of what was made before: a package is made anew, or has left."""
    redactions.drop_sheets(session, number)


def keep_sheet(session: Session, settings: Settings, request: ExportRequest, plan: RedactionPlan, camera: CameraId, png: bytes) -> None:
    """Keep a review sheet of what a job made by this plan, encrypted, behind those that there are."""
    sha256 = plan.digest.hex()
    sheet = Sheet(new_number(), camera, len(redactions.sheets(session, request.id, request.sha256, sha256)) + 1)
    sealed = encrypt(_key(settings, request, _SHEET_INFO), png, _bound_to(request, sheet.id))
    redactions.add_sheet(session, request.id, request.sha256, sha256, sheet, sealed)


def read_sheet(session: Session, settings: Settings, actor: Actor, number: RequestId, sheet: int, *, at: datetime) -> bytes | Refused:
    """Return a review sheet (PNG) for whoever may approve it; that they had it is written."""
    request = _for_who_decides(session, settings, actor, number, "review sheet", at=at)
    if isinstance(request, Refused):
        return request
    if (shown := showing_of(session, actor, at)) is not None:
        return refuse_about(session, settings, actor, request, nothing_else(shown), at=at)
    sealed = redactions.sealed_sheet(session, number, sheet)
    if sealed is None:
        return refuse_about(session, settings, actor, request, no_such("review sheet"), at=at)
    png = _opened(settings, request, _SHEET_INFO, sheet, sealed)
    _read(session, settings, actor, request, "review sheet", at=at)
    return png


def approve(
    session: Session, settings: Settings, actor: Actor, number: RequestId, scope_sha256: str, plan_sha256: str, *, at: datetime
) -> Redaction | Refused:
    """Let what was made by this plan of this scope leave, by somebody who may approve the request and has shown lately who they are.

    A request whose package waits for it is ready then.

    Conflict when the request asks for something else, or another plan counts, than what was seen.
    """
    request = to_decide(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    found = _looked_over(session, settings, actor, request, scope_sha256, plan_sha256, at=at)
    if isinstance(found, Refused):
        return found
    with together(session):
        redactions.add_approval(session, number, scope_sha256, plan_sha256, LookedOver(name_of(actor), at), by=actor.label)
        request = take(session, settings, actor, request, _of_plan(RequestAct.REDACTION_APPROVED, plan_sha256), at=at)
        if request.state is RequestState.REDACTING:
            advanced = advance(session, settings, JOB, number, scope_sha256, RequestState.READY, at=at)
            if isinstance(advanced, Refused):
                return advanced
            request = advanced
    return _of(session, request) or _lost(request)


def send_back(  # noqa: PLR0913 - what was looked at, and why it is not good enough
    session: Session,
    settings: Settings,
    actor: Actor,
    number: RequestId,
    scope_sha256: str,
    plan_sha256: str,
    *,
    words: str,
    at: datetime,
) -> Redaction | Refused:
    """Send back what was made by this plan, with a reason: the approval and its package count no more, and another plan is asked for.

    Whoever decides may do so, who entered the request too: nothing leaves by it. Conflict as for `approve`, InvalidInput without a reason.
    """
    said = words_of(words, "what the sheets show that is to be covered, or not")
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state is not RequestState.REDACTING:
        return refuse_about(session, settings, actor, request, not_from(request, "sent back"), at=at)
    found = _looked_over(session, settings, actor, request, scope_sha256, plan_sha256, at=at)
    if isinstance(found, Refused):
        return found
    step = Step(RequestAct.REDACTION_BACK, RequestState.UNDER_REVIEW, said, plan=plan_sha256)
    request = take(session, settings, actor, request, step, at=at)
    return _of(session, request) or _lost(request)


def _looked_over(
    session: Session, settings: Settings, actor: Actor, request: ExportRequest, scope_sha256: str, plan_sha256: str, *, at: datetime
) -> Redaction | Refused:
    """Return what was made and shown; Conflict when it is not what counts now."""
    found = _of(session, request)
    if request.state not in APPROVED_STATES or found is None or not found.sheets:
        nothing = Refused(Refusal.NOT_ALLOWED, f"Of request {request.number} nothing was redacted yet that could be looked over.")
        return refuse_about(session, settings, actor, request, nothing, at=at)
    if (scope_sha256, plan_sha256) != (request.sha256, found.plan.plan_sha256):
        raise Conflict(_CHANGED)
    return found


def _for_who_decides(
    session: Session, settings: Settings, actor: Actor, number: RequestId, what: str, *, at: datetime
) -> ExportRequest | Refused:
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_DECIDE):
        return refuse(session, actor, Action.REQUEST_READ, not_allowed("look over a redaction", "the Director"), at=at)
    request = requests.get(session, reader(actor), number)
    if request is None:
        return no_such(what)
    too_far = beyond(session, actor, request)
    return request if too_far is None else refuse_about(session, settings, actor, request, too_far, what=Action.REQUEST_READ, at=at)


def _of(session: Session, request: ExportRequest) -> Redaction | None:
    plan = redactions.newest_plan(session, request.id, request.sha256)
    if plan is None:
        return None
    of_it = request.id, request.sha256, plan.plan_sha256
    return Redaction(request, plan, tuple(redactions.sheets(session, *of_it)), redactions.approval(session, *of_it))


def _of_plan(act: RequestAct, plan_sha256: str) -> Step:
    return Step(act, None, f"Plan {plan_sha256[:16]}…", plan=plan_sha256)


def _is_sent_back(session: Session, request: ExportRequest) -> bool:
    """Say whether nobody made another plan since what was made by one was sent back."""
    done = [one.act for one in requests.history(session, request.id) if one.act in _OF_PLANS]
    return bool(done) and done[-1] is RequestAct.REDACTION_BACK


def _read(session: Session, settings: Settings, actor: Actor, request: ExportRequest, what: str, *, at: datetime) -> None:
    write(session, settings, request, actor=actor, action=Action.REQUEST_READ, at=at, detail=named_in_log(request) | {"what": what})


def _content(settings: Settings, request: ExportRequest, stored: StoredPlan) -> RedactionPlan:
    return read_plan(_opened(settings, request, _PLAN_INFO, stored.id, stored.sealed))


def _opened(settings: Settings, request: ExportRequest, info: bytes, row: int, sealed: bytes) -> bytes:
    content = decrypt(_key(settings, request, info), sealed, _bound_to(request, row))
    if content is None:
        not_that = "is not what was kept. Restore the central database and secrets/."
        raise Corrupt(f"The redaction of request {request.number} {not_that}", in_log=f"A redaction {not_that}")
    return content


def _key(settings: Settings, request: ExportRequest, info: bytes) -> bytes:
    return derived_key(matter_keys.read(settings.secrets_dir, request.matter)[1], info)


def _bound_to(request: ExportRequest, row: int) -> bytes:
    return b"custodian redaction v1\n%d\n%d" % (request.id, row)


def _lost(request: ExportRequest) -> Redaction:
    gone = "is gone. Restore the central database from a backup."
    raise Corrupt(f"The redaction plan of request {request.number} {gone}", in_log=f"A redaction plan {gone}")

"""Redaction of an approved request: its plan, the review sheets of what was made by that, and the approval of these before release.

Everything is of one scope and one plan, each by its SHA-256: another scope or a newer plan is looked over anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, derived_key, encrypt
from vms.domain.access import Action
from vms.domain.ids import CameraId, RequestId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.redaction import RedactionPlan, canonical, misfit, read_plan
from vms.domain.request import APPROVED_STATES, UNDECIDED, ExportRequest, RequestState
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import name_of, refuse, together
from vms.services.approvals import advance, to_decide
from vms.services.refusals import no_such, not_allowed
from vms.services.request_acts import begun
from vms.services.request_steps import JOB, named_in_log, not_from, reader, voided, write
from vms.store import matter_keys, redactions, requests
from vms.store.redactions import LookedOver, Sheet, StoredPlan

_PLAN_INFO = b"custodian redaction plan v1"
_SHEET_INFO = b"custodian redaction sheet v1"
_CHANGED = "The plan or the request was changed since you looked at its sheets. Look at them again, then decide."


@dataclass(frozen=True, slots=True)
class Redaction:
    """How the redaction of a request stands."""

    request: ExportRequest
    plan: StoredPlan
    """The newest one of what is asked for now."""
    sheets: tuple[Sheet, ...]
    """Of what was made by it; none as long as no package was."""
    approved: LookedOver | None


def add_plan(session: Session, settings: Settings, actor: Actor, number: RequestId, text: bytes, *, at: datetime) -> Redaction | Refused:
    """Keep a plan for what a request asks for now; from then on it counts, and an approval by which a package was made counts no more.

    InvalidInput when it is none, or not of that footage.
    """
    plan = read_plan(text)
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in UNDECIDED | APPROVED_STATES:
        return not_from(request, "given a redaction plan")
    if fault := misfit(plan, request.scope.footage):
        raise InvalidInput(fault)
    row, sha256 = new_number(), plan.digest.hex()
    sealed = encrypt(_key(settings, request, _PLAN_INFO), canonical(plan).encode(), _bound_to(request, row))
    with together(session):
        if request.state is not RequestState.APPROVED:  # what was made by an earlier plan is not what the approval would let out
            request = voided(session, settings, actor, request, at=at)
        redactions.add_plan(session, number, request.sha256, StoredPlan(row, sha256, sealed, name_of(actor), at), by=actor.label)
        _note(session, settings, actor, request, "redaction-plan", sha256, at=at)
    return _of(session, request) or _lost(request)


def redaction_for(session: Session, actor: Actor, number: RequestId) -> Redaction | Refused:
    """Return how the redaction of a request stands that `actor` sees."""
    request = requests.get(session, reader(actor), number)
    found = None if request is None else _of(session, request)
    return no_such("redaction plan") if found is None else found


def plan_of(session: Session, settings: Settings, request: ExportRequest) -> RedactionPlan | Refused | None:
    """Return by what plan a package of `request` is redacted, None where nothing is; Refused where one is wanted and missing."""
    stored = redactions.newest_plan(session, request.id, request.sha256)
    if stored is not None:
        return read_plan(_opened(settings, request, _PLAN_INFO, stored.id, stored.sealed))
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
    if not isinstance(actor, Person) or not actor.may(Permission.REQUEST_DECIDE):
        return refuse(session, actor, Action.REQUEST_READ, not_allowed("look over a redaction", "the Director"), at=at)
    request = requests.get(session, reader(actor), number)
    sealed = None if request is None else redactions.sealed_sheet(session, number, sheet)
    if request is None or sealed is None:
        return no_such("review sheet")
    png = _opened(settings, request, _SHEET_INFO, sheet, sealed)
    write(
        session, settings, request, actor=actor, action=Action.REQUEST_READ, at=at, detail=named_in_log(request) | {"what": "review sheet"}
    )
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
    found = _of(session, request)
    if request.state not in APPROVED_STATES or found is None or not found.sheets:
        return Refused(Refusal.NOT_ALLOWED, f"Of request {request.number} nothing was redacted yet that could be looked over.")
    if (scope_sha256, plan_sha256) != (request.sha256, found.plan.plan_sha256):
        raise Conflict(_CHANGED)
    with together(session):
        redactions.add_approval(session, number, scope_sha256, plan_sha256, LookedOver(name_of(actor), at), by=actor.label)
        _note(session, settings, actor, request, "redaction-approved", plan_sha256, at=at)
        if request.state is RequestState.REDACTING:
            advanced = advance(session, settings, JOB, number, scope_sha256, RequestState.READY, at=at)
            if isinstance(advanced, Refused):
                return advanced
            request = advanced
    return _of(session, request) or _lost(request)


def _of(session: Session, request: ExportRequest) -> Redaction | None:
    plan = redactions.newest_plan(session, request.id, request.sha256)
    if plan is None:
        return None
    of_it = request.id, request.sha256, plan.plan_sha256
    return Redaction(request, plan, tuple(redactions.sheets(session, *of_it)), redactions.approval(session, *of_it))


def _note(session: Session, settings: Settings, actor: Actor, request: ExportRequest, act: str, plan_sha256: str, *, at: datetime) -> None:
    detail = named_in_log(request) | {"act": act, "state": request.state.value, "plan": plan_sha256}
    write(session, settings, request, actor=actor, action=Action.REQUEST_NOTE, at=at, detail=detail)


def _opened(settings: Settings, request: ExportRequest, info: bytes, row: int, sealed: bytes) -> bytes:
    content = decrypt(_key(settings, request, info), sealed, _bound_to(request, row))
    if content is None:
        raise Corrupt(f"The redaction of request {request.number} is not what was kept. Restore the central database and secrets/.")
    return content


def _key(settings: Settings, request: ExportRequest, info: bytes) -> bytes:
    return derived_key(matter_keys.read(settings.secrets_dir, request.matter)[1], info)


def _bound_to(request: ExportRequest, row: int) -> bytes:
    return b"custodian redaction v1\n%d\n%d" % (request.id, row)


def _lost(request: ExportRequest) -> Redaction:
    raise Corrupt(f"The redaction plan of request {request.number} is gone. Restore the central database from a backup.")

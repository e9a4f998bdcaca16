"""The rules per instrument: their document, a version that somebody proposes, and the Director's yes; as pages and as JSON."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.instrument_rules import MAX_DOCUMENT_BYTES, RulesVersion
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.errors import Conflict, InvalidInput
from vms.services import instrument_rules
from vms.services.rules_documents import look_document, standing_document, version_document
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Text
from web.numbers import PathId
from web.permissions import PolicyReader, PolicySetter, SignedIn
from web.routers.rules import rules_answer
from web.views import shell
from web.words import INSTRUMENTS, RULE_FIELDS, rule_value

router = APIRouter()
MOST_OF_A_DOCUMENT = MAX_DOCUMENT_BYTES + 64 * 1024


class ApproveRules(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    sha256: Text = ""
    """Of the document that was looked at."""


class ProposedRules(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    document: dict[str, object]
    reason: Text = ""


@router.get("/rules/document")
def rules_document(person: SignedIn, rx: Rx) -> Response:  # noqa: ARG001 - the permission is what it is for
    """Hand out the rules in force as a file to edit."""
    found = instrument_rules.standing(rx)
    headers = {"content-disposition": f'attachment; filename="rules-{found.rules.version}.json"'}
    return Response(found.text, media_type="application/json", headers=headers)


@router.post("/rules/versions", max_body_size=MOST_OF_A_DOCUMENT)
def propose_rules(
    person: PolicyReader,
    site: TheSite,
    tx: Tx,
    request: Request,
    document: Annotated[UploadFile, File()],
    reason: Annotated[Text, Form()] = "",
) -> Response:
    content = document.file.read()
    try:
        answer = instrument_rules.propose(tx, person, content, reason, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return rules_answer(site, tx, person, request, reason=reason, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(answer.version)


@router.get("/rules/versions/{version}")
def rules_version_page(version: PathId, person: PolicyReader, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, rx, person, request, version)


@router.post("/rules/versions/{version}/approve")
def approve_rules(
    version: PathId, person: PolicySetter, site: TheSite, tx: Tx, request: Request, form: Annotated[ApproveRules, Form()]
) -> Response:
    try:
        answer = instrument_rules.approve(tx, person, version, form.sha256, at=site.clock.now())
    except Conflict as err:
        return _page(site, tx, person, request, version, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(version)


@router.get("/api/v1/rules")
def list_rules(person: PolicyReader, rx: Rx) -> Response:  # noqa: ARG001 - the permission is what it is for
    return JSONResponse(jsonable_encoder(standing_document(instrument_rules.standing(rx))))


@router.get("/api/v1/rules/{version}")
def show_rules(version: PathId, person: PolicyReader, rx: Rx, request: Request) -> Response:
    found = instrument_rules.look_at(rx, person, version)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return JSONResponse(jsonable_encoder(look_document(found)))


@router.post("/api/v1/rules", status_code=201)
def propose_rules_by_program(entries: ProposedRules, person: PolicyReader, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = instrument_rules.propose(tx, person, json.dumps(entries.document), entries.reason, at=site.clock.now())
    return _told(request, person, answer, 201)


@router.post("/api/v1/rules/{version}/approve")
def approve_rules_by_program(
    version: PathId, entries: ApproveRules, person: PolicySetter, site: TheSite, tx: Tx, request: Request
) -> Response:
    return _told(request, person, instrument_rules.approve(tx, person, version, entries.sha256, at=site.clock.now()), 200)


def _told(request: Request, person: Person, answer: RulesVersion | Refused, status: int) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return JSONResponse(jsonable_encoder(version_document(answer)), status)


def _back_to(version: int) -> Response:
    return RedirectResponse(f"/rules/versions/{version}", 303)


def _page(site: Site, session: Session, person: Person, request: Request, version: int, *, error: str | None = None) -> Response:
    found = instrument_rules.look_at(session, person, version)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    whole = person.may(Permission.POLICY_SET) and person.reach(Permission.POLICY_SET) is None
    context = shell(site, person, path=request.url.path) | {
        "look": found,
        "changes": [
            (INSTRUMENTS[one.instrument], RULE_FIELDS[one.field], rule_value(one.before), rule_value(one.after)) for one in found.changes
        ],
        "may_approve": found.waits and whole and person.label != found.version.by,
        "is_own": found.waits and whole and person.label == found.version.by,
        "error": error,
    }
    return site.pages.render("rules_version.html", context, person=person, status=FAILURES[Conflict] if error else 200)

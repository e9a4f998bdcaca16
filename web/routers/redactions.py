"""The redaction of a request as JSON, through the same services as its page: a plan, review sheets, their approval or sending back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from vms.domain.ids import RequestId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services import redactions
from vms.services.redactions import Redaction
from web.deps import Site, TheSite, Tx
from web.errors import refusal
from web.numbers import PathId
from web.permissions import RequestApprover, RequestDecider
from web.redaction_entries import LookedOverEntries, SentBackEntries
from web.redaction_rows import redaction_document

MOST_OF_A_PLAN = 4 * 1024 * 1024
"""Over the web, with what a browser puts around it: 20,000 keyframes. A larger one is put at the server, `vms request redaction --plan`."""
router = APIRouter(prefix="/api/v1/requests/{number}/redaction")


@router.get("")
def redaction(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    return _told(tx, request, site, person, number)


@router.get("/sheets/{sheet}")
def review_sheet(number: PathId, sheet: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    png = redactions.read_sheet(tx, site.settings, person, RequestId(number), sheet, at=site.clock.now())
    if isinstance(png, Refused):
        return refusal(request, png, person=person)
    return Response(png, media_type="image/png")


@router.post("/plan", status_code=201, max_body_size=MOST_OF_A_PLAN)
def put_plan(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, plan: Annotated[UploadFile, File()]
) -> Response:
    answer = redactions.add_plan(tx, site.settings, person, RequestId(number), plan.file.read(), at=site.clock.now())
    return _answered(tx, request, site, person, number, answer, status=201)


@router.post("/approve")
def approve(number: PathId, entries: LookedOverEntries, person: RequestApprover, site: TheSite, tx: Tx, request: Request) -> Response:
    seen, at = (entries.sha256, entries.plan_sha256), site.clock.now()
    return _answered(tx, request, site, person, number, redactions.approve(tx, site.settings, person, RequestId(number), *seen, at=at))


@router.post("/back")
def send_back(number: PathId, entries: SentBackEntries, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    seen, at = (entries.sha256, entries.plan_sha256), site.clock.now()
    answer = redactions.send_back(tx, site.settings, person, RequestId(number), *seen, words=entries.words, at=at)
    return _answered(tx, request, site, person, number, answer)


def _answered(
    tx: Tx, request: Request, site: Site, person: Person, number: int, answer: Redaction | Refused, *, status: int = 200
) -> Response:
    return (
        refusal(request, answer, person=person) if isinstance(answer, Refused) else _told(tx, request, site, person, number, status=status)
    )


def _told(tx: Tx, request: Request, site: Site, person: Person, number: int, *, status: int = 200) -> Response:
    found = redactions.look(tx, site.settings, person, RequestId(number), at=site.clock.now())
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return JSONResponse(jsonable_encoder(redaction_document(found)), status)

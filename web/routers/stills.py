"""Stills for use within the district: asked for on a form of their own, complete without JavaScript, or as JSON.

What becomes of such a request stands on its page, as of any other (`request_pages`, `requests`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.export_scope import LATEST_UNTIL
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.request import FREE_CAMERAS, MAX_LINE_CHARS, MAX_WORDS_CHARS
from vms.domain.stills import PURPOSES
from vms.errors import InvalidInput
from vms.services import stills
from vms.services.district import zone_of_district
from vms.services.request_documents import standing_document
from vms.services.requests import standing_of
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.permissions import RequestEnterer
from web.request_rows import offered_cameras
from web.still_entries import StillForm, StillOrder
from web.views import shell

router = APIRouter()
MOST = {"line": MAX_LINE_CHARS, "words": MAX_WORDS_CHARS, "cameras": FREE_CAMERAS, "days": LATEST_UNTIL.days}


@router.get("/requests/stills")
def new_stills_page(person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _form(site, shell(site, person, path=request.url.path), rx, person, StillForm())


@router.post("/requests/stills")
def enter(person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[StillForm, Form()]) -> Response:
    around = shell(site, person, path=request.url.path)  # first, because it asks the recorder
    try:
        with tx.begin_nested():
            new = form.new_stills(zone_of_district(tx))
            answer = stills.enter_stills(tx, site.settings, person, new, at=site.clock.now())
    except InvalidInput as err:
        return _form(site, around, tx, person, form, error=str(err))
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return RedirectResponse(f"/requests/{answer.id}?done=stills", 303)


@router.post("/api/v1/requests/stills", status_code=201)
def order_stills(order: StillOrder, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    at = site.clock.now()
    answer = stills.enter_stills(tx, site.settings, person, order.new_stills(zone_of_district(tx)), at=at)
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return JSONResponse(jsonable_encoder(standing_document(standing_of(tx, site.settings, answer), at)), 201)


def _form(
    site: Site, around: Mapping[str, object], session: Session, person: Person, form: StillForm, *, error: str | None = None
) -> Response:
    context = {
        **around,
        "form": form,
        "purposes": [(one.value, label) for one, label in PURPOSES.items()],
        "branches": offered_cameras(session, person),
        "most": MOST,
        "error": error,
    }
    return site.pages.render("still_form.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)

"""The training register, and the cards for line staff and for officers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.training import MAX_NAME_CHARS, MAX_WHAT_CHARS, REFERRAL, Training
from vms.errors import InvalidInput
from vms.services import trainings
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Text
from web.permissions import SignedIn, TrainingKeeper
from web.views import shell

router = APIRouter()


class TrainingEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    name: Text = ""
    what: Text = ""
    refers: bool = False
    """It taught to refer inquiries to the Director."""
    day: Text = ""


@router.get("/training")
def training_page(person: TrainingKeeper, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, rx, person, request, TrainingEntries(what=REFERRAL, refers=True))


@router.post("/training")
def enter_training(person: TrainingKeeper, site: TheSite, tx: Tx, request: Request, form: Annotated[TrainingEntries, Form()]) -> Response:
    try:
        answer = _enter(tx, site, person, form)
    except InvalidInput as err:
        return _page(site, tx, person, request, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/training", 303)


@router.get("/cards")
def cards_page(person: SignedIn, site: TheSite, request: Request) -> Response:
    """Show what line staff say, and what an officer is handed, as a sheet of paper."""
    context = shell(site, person, path=request.url.path) | {"contact": site.settings.notice_contact}
    return site.pages.render("cards.html", context, person=person)


@router.get("/api/v1/training")
def list_training(person: TrainingKeeper, site: TheSite, rx: Rx, request: Request) -> Response:
    found = trainings.register(rx, site.settings, person, at=site.clock.now())
    return refusal(request, found, person=person) if isinstance(found, Refused) else JSONResponse(jsonable_encoder(found))


@router.post("/api/v1/training", status_code=201)
def enter_training_by_program(entries: TrainingEntries, person: TrainingKeeper, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = _enter(tx, site, person, entries)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else JSONResponse(jsonable_encoder(answer), 201)


def _enter(session: Session, site: Site, person: Person, new: TrainingEntries) -> Training | Refused:
    at = site.clock.now()
    return trainings.enter(session, person, name=new.name, what=new.what, refers=new.refers, day=new.day, at=at)


def _page(site: Site, session: Session, person: Person, request: Request, form: TrainingEntries, *, error: str | None = None) -> Response:
    register = trainings.register(session, site.settings, person, at=site.clock.now())
    if isinstance(register, Refused):
        return refusal(request, register, person=person)
    context = shell(site, person, path=request.url.path) | {
        "register": register,
        "form": form,
        "error": error,
        "most": {"name": MAX_NAME_CHARS, "what": MAX_WHAT_CHARS},
    }
    return site.pages.render("training.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)

"""A search warrant at the door: one page for whoever is signed in, complete without JavaScript, and the same for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.ids import PersonId, RequestId
from vms.domain.instruments import QUESTIONS
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.request import UNDECIDED, ExportRequest, Requester
from vms.errors import Conflict, InvalidInput
from vms.services import door, requests
from vms.services.district import zone_of_district
from vms.services.door import LookedOver, Warrant
from vms.services.request_documents import request_document
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Ids, Text
from web.numbers import PathId
from web.permissions import RequestDecider, RequestEnterer
from web.request_entries import span_between, spans
from web.request_rows import offered_cameras, request_page
from web.routers.request_pages import MOST
from web.routers.requests import MOST_OF_A_SCAN
from web.views import shell

router = APIRouter()


class DoorEntries(BaseModel):
    """What the form and a program have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Text = ""
    agency: Text = ""
    badge: Text = ""
    court: Text = ""
    docket: Text = ""
    camera: Ids = []
    scan: UploadFile | None = None

    def _warrant(self, start: datetime, end: datetime) -> Warrant:
        officer = Requester(self.name, self.agency, self.badge, "")
        content = b"" if self.scan is None else self.scan.file.read()
        photograph = (self.scan.filename or "photograph", content) if self.scan is not None and content else None
        return Warrant(officer, self.court, self.docket, spans(self.camera, start, end), photograph)


class DoorForm(DoorEntries):
    start: Text = ""
    end: Text = ""

    def warrant(self, zone: str) -> Warrant:
        return self._warrant(*span_between(self.start, self.end, zone))


class DoorOrder(DoorEntries):
    start: AwareDatetime
    end: AwareDatetime

    def warrant(self) -> Warrant:
        return self._warrant(self.start, self.end)


class CallEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    person: int = 0
    reached: bool = False


class LookOverEntries(BaseModel):
    """What a deputy says who holds the paper in the hand."""

    model_config = ConfigDict(hide_input_in_errors=True)

    in_form: bool = False
    verified: Text = ""
    counsel: Text = ""
    board: Text = ""

    @property
    def said(self) -> LookedOver:
        if not self.in_form:
            raise InvalidInput("Say that every line is so. Where one is not, answer the lines one by one on the request’s page.")
        return LookedOver(self.verified, self.counsel, self.board)


@router.get("/door")
def door_page(person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _form(site, shell(site, person, path=request.url.path), rx, person, DoorForm())


@router.post("/door", max_body_size=MOST_OF_A_SCAN)
def take_in(
    person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[DoorForm, Form(media_type="multipart/form-data")]
) -> Response:
    around = shell(site, person, path=request.url.path)  # first, because it asks the recorder
    try:
        with tx.begin_nested():
            answer = door.take_in(tx, site.settings, person, form.warrant(zone_of_district(tx)), at=site.clock.now())
    except InvalidInput as err:
        return _form(site, around, tx, person, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse(f"/door/{answer.id}", 303)


@router.get("/door/{number}")
def warrant_page(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, shell(site, person, path=request.url.path), rx, person, request, RequestId(number))


@router.post("/door/{number}/calls")
def note_call(
    number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[CallEntries, Form()]
) -> Response:
    at = site.clock.now()
    answer = door.note_call(tx, site.settings, person, RequestId(number), PersonId(form.person), reached=form.reached, at=at)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse(f"/door/{number}", 303)


@router.post("/door/{number}/form")
def look_over(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[LookOverEntries, Form()]
) -> Response:
    around, at = shell(site, person, path=request.url.path), site.clock.now()
    try:
        with tx.begin_nested():
            answer = door.look_over(tx, site.settings, person, RequestId(number), form.said, at=at)
    except (InvalidInput, Conflict) as err:
        return _page(site, around, tx, person, request, RequestId(number), form=form, error=str(err), status=FAILURES[type(err)])
    return (
        refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse(f"/requests/{number}?done=done", 303)
    )


@router.post("/api/v1/door", status_code=201, max_body_size=MOST_OF_A_SCAN)
def take_in_by_program(
    person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[DoorOrder, Form(media_type="multipart/form-data")]
) -> Response:
    at = site.clock.now()
    answer = door.take_in(tx, site.settings, person, form.warrant(), at=at)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(answer, at, 201)


@router.post("/api/v1/door/{number}/calls", status_code=201)
def note_call_by_program(number: PathId, entries: CallEntries, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    at = site.clock.now()
    answer = door.note_call(tx, site.settings, person, RequestId(number), PersonId(entries.person), reached=entries.reached, at=at)
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return JSONResponse({"name": answer.name, "reached": answer.reached, "at": answer.at.isoformat()}, 201)


@router.post("/api/v1/door/{number}/form")
def look_over_by_program(
    number: PathId, entries: LookOverEntries, person: RequestDecider, site: TheSite, tx: Tx, request: Request
) -> Response:
    at = site.clock.now()
    answer = door.look_over(tx, site.settings, person, RequestId(number), entries.said, at=at)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(answer, at)


def _json(request: ExportRequest, at: datetime, status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(request_document(request, at)), status)


def _form(
    site: Site, around: Mapping[str, object], session: Session, person: Person, form: DoorForm, *, error: str | None = None
) -> Response:
    context = {**around, "form": form, "branches": offered_cameras(session, person), "most": MOST, "error": error}
    return site.pages.render("door.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)


def _page(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    request: Request,
    number: RequestId,
    *,
    form: LookOverEntries | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    at = site.clock.now()
    standing = requests.request_for(session, site.settings, person, number)
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    to_call = door.to_call(session, person, number, at=at)
    if isinstance(to_call, Refused):
        return refusal(request, to_call, person=person)
    context = {
        **around,
        "page": request_page(standing, person, at),
        "to_call": to_call,
        "mails": site.settings.smtp_host is not None,
        "wait": site.settings.deputy_minutes,
        "contact": site.settings.notice_contact,
        "decides": person.may(Permission.REQUEST_DECIDE) and standing.request.state in UNDECIDED and bool(standing.faults),
        "questions": [QUESTIONS[line] for line in standing.rule.form],
        "form": form or LookOverEntries(board="A search warrant is carried out at once; the Board is told afterwards."),
        "most": MOST,
        "error": error,
    }
    return site.pages.render("warrant.html", context, person=person, status=status)

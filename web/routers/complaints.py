"""Complaints: entered by whoever is signed in, read and answered by whom they are not about; complete without JavaScript."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.camera import Camera
from vms.domain.complaint import (
    MAX_ADDRESS_CHARS,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    MOST_CAMERAS,
    About,
    Complaint,
    Way,
)
from vms.domain.ids import ComplaintId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.errors import InvalidInput
from vms.services import complaints
from vms.services.access_log import LIST_LIMIT as MOST_ENTRIES
from vms.services.complaint_documents import complaint_document
from vms.services.district import zone_of_district
from web.complaint_entries import AnswerEntries, ComplaintForm, ComplaintOrder
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.log_rows import Place, log_row
from web.numbers import PathId
from web.permissions import HoldPlacer, ProvedPerson, SignedIn
from web.views import shell
from web.words import COMPLAINT_ABOUT, COMPLAINT_WAYS

router = APIRouter()
NOTICES = {
    "entered": "Entered. Print the receipt for who complained.",
    "answered": "Answered. Print the letter and send it.",
    "kept": "A legal hold keeps the footage that it is about.",
}
MOST = {"name": MAX_NAME_CHARS, "address": MAX_ADDRESS_CHARS, "text": MAX_TEXT_CHARS, "cameras": MOST_CAMERAS}


@router.get("/complaints")
def complaints_page(person: SignedIn, site: TheSite, rx: Rx, request: Request) -> Response:
    found, at = complaints.list_complaints(rx, person), site.clock.now()
    context = shell(site, person, path=request.url.path) | {
        "complaints": [(one, one.state(at).value) for one in found],
        "about": COMPLAINT_ABOUT,
        "full": len(found) == complaints.LIST_LIMIT,
    }
    return site.pages.render("complaints.html", context, person=person)


@router.get("/complaints/new")
def new_complaint_page(person: SignedIn, site: TheSite, rx: Rx, request: Request) -> Response:
    return _form(site, rx, person, request, ComplaintForm())


@router.post("/complaints/new")
def enter_complaint(person: SignedIn, site: TheSite, tx: Tx, request: Request, form: Annotated[ComplaintForm, Form()]) -> Response:
    try:
        answer = complaints.enter(tx, site.settings, person, form.new_complaint(zone_of_district(tx)), at=site.clock.now())
    except InvalidInput as err:
        return _form(site, tx, person, request, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _to(answer.id, "entered")


@router.get("/complaints/{number}")
def complaint_page(number: PathId, person: SignedIn, site: TheSite, tx: Tx, request: Request, done: str = "") -> Response:
    return _page(site, tx, person, request, ComplaintId(number), "complaint.html", notice=NOTICES.get(done))


@router.get("/complaints/{number}/receipt")
def complaint_receipt(number: PathId, person: SignedIn, site: TheSite, tx: Tx, request: Request) -> Response:
    """Show what who complained takes along, as a sheet of paper."""
    return _page(site, tx, person, request, ComplaintId(number), "complaint_receipt.html")


@router.get("/complaints/{number}/letter")
def complaint_letter(number: PathId, person: SignedIn, site: TheSite, tx: Tx, request: Request) -> Response:
    """Show the answer as a letter."""
    return _page(site, tx, person, request, ComplaintId(number), "complaint_letter.html")


@router.get("/complaints/{number}/watched")
def complaint_watched(number: PathId, person: SignedIn, site: TheSite, tx: Tx, request: Request) -> Response:
    """Show who watched the footage that it is about, as a sheet to put to the complaint; looking it up is an entry of the log."""
    events = complaints.who_watched(tx, person, ComplaintId(number), at=site.clock.now())
    if isinstance(events, Refused):
        return refusal(request, events, person=person)
    places = {one.camera.id: Place(one.camera.name, one.branch.timezone) for one in complaints.offered(tx, person)}
    zone = zone_of_district(tx)
    rows = [log_row(event, places, zone) for event in events]
    return _page(site, tx, person, request, ComplaintId(number), "complaint_watched.html", rows=rows, full=len(rows) >= MOST_ENTRIES)


@router.post("/complaints/{number}/answer")
def answer_complaint(
    number: PathId, person: ProvedPerson, site: TheSite, tx: Tx, request: Request, form: Annotated[AnswerEntries, Form()]
) -> Response:
    try:
        answer = complaints.answer(tx, person, ComplaintId(number), form.answer, at=site.clock.now())
    except InvalidInput as err:
        status = FAILURES[InvalidInput]
        return _page(site, tx, person, request, ComplaintId(number), "complaint.html", typed=form.answer, error=str(err), status=status)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _to(answer.id, "answered")


@router.post("/complaints/{number}/hold")
def keep_footage(number: PathId, person: HoldPlacer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = complaints.keep_footage(tx, site.settings, person, ComplaintId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _to(ComplaintId(number), "kept")


@router.get("/api/v1/complaints")
def list_complaints(person: SignedIn, site: TheSite, tx: Tx) -> Response:
    at = site.clock.now()
    return _json({"complaints": [complaint_document(one, at) for one in complaints.read_complaints(tx, person, at=at)]})


@router.post("/api/v1/complaints", status_code=201)
def enter_complaint_by_program(order: ComplaintOrder, person: SignedIn, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = complaints.enter(tx, site.settings, person, order.new_complaint(), at=site.clock.now())
    return _told(site, request, person, answer, status=201)


@router.post("/api/v1/complaints/{number}/answer")
def answer_complaint_by_program(
    number: PathId, entries: AnswerEntries, person: ProvedPerson, site: TheSite, tx: Tx, request: Request
) -> Response:
    answer = complaints.answer(tx, person, ComplaintId(number), entries.answer, at=site.clock.now())
    return _told(site, request, person, answer)


def _told(site: Site, request: Request, person: Person, answer: Complaint | Refused, *, status: int = 200) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json(complaint_document(answer, site.clock.now()), status)


def _json(document: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(document), status)


def _to(number: ComplaintId, done: str) -> Response:
    return RedirectResponse(f"/complaints/{number}?done={done}", 303)


def _form(site: Site, session: Session, person: Person, request: Request, form: ComplaintForm, *, error: str | None = None) -> Response:
    offered = groupby(complaints.offered(session, person), key=lambda one: one.branch.name)
    context = shell(site, person, path=request.url.path) | {
        "form": form,
        "ways": [(way.value, COMPLAINT_WAYS[way]) for way in Way],
        "abouts": [(about.value, COMPLAINT_ABOUT[about]) for about in About],
        "branches": [(branch, [(one.camera.id, _name(one.camera)) for one in found]) for branch, found in offered],
        "error": error,
        "most": MOST,
    }
    return site.pages.render("complaint_form.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)


def _name(camera: Camera) -> str:
    return camera.name if camera.removed_at is None else f"{camera.name} (removed)"


def _page(
    site: Site,
    session: Session,
    person: Person,
    request: Request,
    number: ComplaintId,
    template: str,
    *,
    status: int = 200,
    **more: object,
) -> Response:
    complaint = complaints.read_complaint(session, person, number, at=site.clock.now())
    if isinstance(complaint, Refused):
        return refusal(request, complaint, person=person)
    context = shell(site, person, path=request.url.path) | {
        "complaint": complaint,
        "state": complaint.state(site.clock.now()).value,
        "cameras": complaints.cameras_of(session, complaint),
        "way": COMPLAINT_WAYS[complaint.way],
        "about": COMPLAINT_ABOUT[complaint.about],
        "may_answer": complaint.answer is None and complaint.may_answer(person),
        "may_hold": complaint.time is not None and complaint.hold_id is None and person.may(Permission.HOLD_PLACE),
        "may_read_log": person.may(Permission.LOG_READ),
        "board": site.settings.outside_address,
        "most": MOST,
    }
    return site.pages.render(template, context | more, person=person, status=status)

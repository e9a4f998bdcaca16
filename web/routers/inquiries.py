"""Inquiries: a public form for whoever has no account, where the district has one, and the list for staff; complete without JavaScript.

What whoever asks is answered depends on nothing but as what they ask: no camera, recording or hold is looked up on the way.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.ids import InquiryId, RequestId
from vms.domain.inquiry import MAX_LINE_CHARS, MAX_REASON_CHARS, MAX_TEXT_CHARS, AskedBy, Inquiry
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.errors import Conflict, InvalidInput, Unavailable, reason_of
from vms.log import get_logger
from vms.services import inquiries
from vms.services.inquiry_documents import inquiry_document, inquiry_row
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, REFUSALS, problem, refusal
from web.inquiry_entries import AsideEntries, InquiryEntries
from web.numbers import PathId
from web.permissions import ANYBODY, RequestEnterer
from web.routers.session import address_of, after_pause
from web.views import shell
from web.words import INQUIRERS, INQUIRY_ASKED_BY, INQUIRY_STATES

router = APIRouter()
MOST = {"line": MAX_LINE_CHARS, "text": MAX_TEXT_CHARS, "reason": MAX_REASON_CHARS}
NOTICES = {"aside": "Set aside. It is deleted on its day, as every inquiry is."}
NOT_NOW = "No inquiry can be taken in here at the moment. Hand yours in on paper, at any library of the district."
"""To strangers: why is for whoever runs the server."""

log = get_logger(__name__)


def _require_on(site: TheSite) -> None:
    """Answer as an address that is none before what was sent is looked at."""
    inquiries.require_on(site.settings)


OF_THE_FORM = [ANYBODY, Depends(_require_on)]


@router.get("/inquiry", dependencies=OF_THE_FORM)
def inquiry_form_page(site: TheSite, request: Request) -> Response:
    return _public(site, request, InquiryEntries())


@router.post("/inquiry", dependencies=OF_THE_FORM)
def submit_inquiry(site: TheSite, request: Request, form: Annotated[InquiryEntries, Form()]) -> Response:
    """Take an inquiry in, and show its number with what confirms nothing."""
    try:
        answer = _submitted(site, request, form)
    except (InvalidInput, Unavailable) as err:
        return _public(site, request, form, error=str(err), status=FAILURES[type(err)])
    if isinstance(answer, Refused):
        return _public(site, request, form, error=answer.sentence, status=REFUSALS[answer.refusal])
    inquiry, sentences = answer
    return _public(site, request, form, number=inquiry.id, sentences=sentences, status=201)


@router.post("/api/v1/inquiries", dependencies=OF_THE_FORM, status_code=201)
def submit_inquiry_by_program(site: TheSite, request: Request, entries: InquiryEntries) -> Response:
    answer = _submitted(site, request, entries)
    if isinstance(answer, Refused):
        return problem(REFUSALS[answer.refusal], answer.sentence)
    return _json({"id": answer[0].id, "answer": list(answer[1])}, 201)


@router.get("/inquiries")
def inquiries_page(person: RequestEnterer, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    found = inquiries.list_inquiries(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    context = shell(site, person, path=request.url.path) | {
        "inquiries": found,
        "asked_by": INQUIRERS,
        "states": INQUIRY_STATES,
        "open": site.settings.public_inquiry == "on",
        "full": len(found) == inquiries.LIST_LIMIT,
        "notice": NOTICES.get(done),
    }
    return site.pages.render("inquiries.html", context, person=person)


@router.get("/inquiries/{number}")
def inquiry_page(number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    return _page(site, tx, person, request, InquiryId(number))


@router.post("/inquiries/{number}/aside")
def set_inquiry_aside(
    number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[AsideEntries, Form()]
) -> Response:
    try:
        answer = inquiries.set_aside(tx, person, InquiryId(number), form.reason, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _page(site, tx, person, request, InquiryId(number), typed=form.reason, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/inquiries?done=aside", 303)


@router.get("/api/v1/inquiries")
def list_inquiries(person: RequestEnterer, rx: Rx, request: Request) -> Response:
    found = inquiries.list_inquiries(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _json({"inquiries": [inquiry_row(one) for one in found]})


@router.get("/api/v1/inquiries/{number}")
def show_inquiry(number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    return _told(request, person, inquiries.read_inquiry(tx, person, InquiryId(number), at=site.clock.now()))


@router.post("/api/v1/inquiries/{number}/aside")
def set_inquiry_aside_by_program(
    number: PathId, entries: AsideEntries, person: RequestEnterer, site: TheSite, tx: Tx, request: Request
) -> Response:
    return _told(request, person, inquiries.set_aside(tx, person, InquiryId(number), entries.reason, at=site.clock.now()))


def _submitted(site: Site, request: Request, entries: InquiryEntries) -> tuple[Inquiry, tuple[str, ...]] | Refused:
    """Take an inquiry in at the pace of guesses, counted for each address by itself: nobody's many hold up another's one."""
    new, at = entries.new_inquiry(), site.clock.now()
    inquiries.checked(new, at=at)  # what is mistyped does not count

    def act() -> tuple[Inquiry, tuple[str, ...]] | Refused:
        with site.central.writing() as session:
            taken = inquiries.submit(session, site.settings, new, at=at)
            return taken if isinstance(taken, Refused) else (taken, inquiries.answer_to(session, site.settings, taken))

    try:
        return after_pause(site, request, f"inquiry from {address_of(request)}", act)
    except Unavailable as err:
        log.error("inquiry not taken in", reason=reason_of(err))
        raise Unavailable(NOT_NOW) from err


def _public(
    site: Site,
    request: Request,
    form: InquiryEntries,
    *,
    number: InquiryId | None = None,
    sentences: tuple[str, ...] = (),
    error: str | None = None,
    status: int = 200,
) -> Response:
    context = shell(site, None, path=request.url.path) | {
        "form": form,
        "asks": [(one.value, INQUIRY_ASKED_BY[one]) for one in AskedBy],
        "number": number,
        "sentences": sentences,
        "contact": site.settings.notice_contact,
        "kept_days": site.settings.record_days.inquiries,
        "error": error,
        "most": MOST,
    }
    return site.pages.render("inquiry_form.html", context, person=None, status=status)


def _page(
    site: Site,
    session: Session,
    person: Person,
    request: Request,
    number: InquiryId,
    *,
    typed: str = "",
    error: str | None = None,
    status: int = 200,
) -> Response:
    inquiry = inquiries.read_inquiry(session, person, number, at=site.clock.now())
    if isinstance(inquiry, Refused):
        return refusal(request, inquiry, person=person)
    context = shell(site, person, path=request.url.path) | {
        "inquiry": inquiry,
        "asked_by": INQUIRERS[inquiry.asked_by],
        "state": INQUIRY_STATES[inquiry.state],
        "made": _made(inquiry, person),
        "typed": typed,
        "error": error,
        "most": MOST,
    }
    return site.pages.render("inquiry.html", context, person=person, status=status)


def _made(inquiry: Inquiry, person: Person) -> RequestId | None:
    """Return the request that was made of an inquiry, for whoever finds it: who made it, and whoever reads the register."""
    told = inquiry.outcome
    return told.request if told is not None and (told.by == person.label or person.may(Permission.REQUEST_READ)) else None


def _told(request: Request, person: Person, answer: Inquiry | Refused) -> Response:
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(inquiry_document(answer))


def _json(document: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(document), status)

"""Requests for footage: the register, entering one, one with all that is done to it, its letter; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import InquiryId, RequestId
from vms.domain.made_package import MadePackage
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.request import FREE_CAMERAS, FREE_MINUTES, MAX_LINE_CHARS, MAX_WORDS_CHARS, ExportRequest, Paper, RequestAct
from vms.domain.showing import Showing
from vms.errors import Conflict, InvalidInput
from vms.services import (
    approvals,
    inquiries,
    package_jobs,
    package_tickets,
    request_acts,
    request_papers,
    requests,
    sealed_requests,
    showings,
    stills,
)
from vms.services.district import load_district, zone_of_district
from vms.services.passkeys import passkeys_of
from vms.services.request_letters import letter_of
from vms.services.request_receipt import Receipt, receipt_of, receipt_pdf
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId, QueryId
from web.permissions import RequestAdviser, RequestApprover, RequestDecider, RequestEnterer, RequestSigner
from web.relying_party import relying_party
from web.request_entries import (
    ActEntries,
    AdviceEntries,
    ApproveEntries,
    CheckEntries,
    DenyEntries,
    NameEntries,
    RequestForm,
    ShowingEntries,
    TicketEntries,
    UnsealEntries,
)
from web.request_rows import (
    asked_for,
    delivery_choices,
    deny_choices,
    instrument_choices,
    offered_cameras,
    offered_people,
    request_page,
    request_row,
)
from web.routers.requests import MOST_OF_A_SCAN
from web.scope_entries import ScopeForm
from web.views import shell

router = APIRouter(prefix="/requests")
MOST = {"line": MAX_LINE_CHARS, "words": MAX_WORDS_CHARS, "minutes": FREE_MINUTES, "cameras": FREE_CAMERAS}
NOTICES = {
    "entered": "Taken down. What it asks for is kept from now on, and the Director decides. Hand out the letter as a receipt.",
    "done": "Done, and in its history.",
    "paper": "Kept, encrypted. Its SHA-256 stands below.",
    "approved": "Approved, exactly as it stands here. Any change voids that.",
    "denied": "Refused. The letter says so; what it asks for is kept for 30 days more.",
    "asked": "The package is being made. Look at this page again in some minutes.",
    "named": "It is known to them from now on.",
    "taken-back": "Its tickets open nothing any more, and what was being downloaded has ended.",
    "unsealed": "Its seal is lifted: it is a request like any other from now on.",
    "showing": "Written down. What was approved opens from here now, and nothing else.",
    "shown": "Ended. What was on the screen is in its history; print the receipt and have it signed.",
    "stills": "Taken down. What it asks for is kept from now on, and the Director decides.",
    "changed": "Changed. An approval of what it was counts no more.",
}


@router.get("")
def requests_page(person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    found = requests.list_requests(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    names = requests.cameras_in(rx, found)
    context = shell(site, person, path=request.url.path) | {
        "requests": [(request_row(one, site.clock.now()), asked_for(one, names)) for one in found],
        "copies": stills.copies_due(rx, person, at=site.clock.now()),
        "inquiries": inquiries.waiting(rx, person),
        "public_inquiry": site.settings.public_inquiry == "on",
        "register": person.may(Permission.REQUEST_READ),
        "full": len(found) == requests.LIST_LIMIT,
    }
    return site.pages.render("requests.html", context, person=person)


@router.get("/new")
def new_request_page(person: RequestEnterer, site: TheSite, rx: Rx, request: Request, inquiry: QueryId = None) -> Response:
    """Show the empty form, or one that is filled with what an inquiry says, which is a reading of it."""
    around = shell(site, person, path=request.url.path)
    if inquiry is None:
        return _form(site, around, rx, person, RequestForm())
    with site.central.writing() as session:
        found = inquiries.read_inquiry(session, person, InquiryId(inquiry), at=site.clock.now())
    return refusal(request, found, person=person) if isinstance(found, Refused) else _form(site, around, rx, person, RequestForm.of(found))


@router.post("/new")
def enter(person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[RequestForm, Form()]) -> Response:
    around = shell(site, person, path=request.url.path)  # first, because it asks the recorder
    try:
        with tx.begin_nested():
            answer = requests.enter(tx, site.settings, person, form.new_request(zone_of_district(tx)), at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _form(site, around, tx, person, form, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(answer.id, "entered")


@router.get("/{number}")
def request_status_page(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    return _page(site, shell(site, person, path=request.url.path), rx, person, request, RequestId(number), notice=NOTICES.get(done))


@router.get("/{number}/letter")
def letter_page(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    """Show what whoever asked is told as a sheet of paper."""
    standing = requests.request_for(rx, site.settings, person, RequestId(number))
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    context = shell(site, person, path=request.url.path) | {"request": standing.request, "letter": letter_of(standing, at=site.clock.now())}
    return site.pages.render("request_letter.html", context, person=person)


@router.get("/{number}/receipt")
def receipt_page(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    """Show what whoever took the package, or was shown it, signs, as a sheet of paper."""
    found = _receipt(site, rx, person, number)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    context = shell(site, person, path=request.url.path) | {"number": number, "receipt": found}
    return site.pages.render("request_receipt.html", context, person=person)


@router.get("/{number}/receipt.pdf")
def receipt_on_paper(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    found = _receipt(site, rx, person, number)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    district = load_district(rx)
    headers = {"content-disposition": 'attachment; filename="receipt.pdf"'}
    return Response(receipt_pdf(found, district.name if district else ""), media_type="application/pdf", headers=headers)


@router.post("/{number}/acts")
def act(number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[ActEntries, Form()]) -> Response:
    def carry_out() -> ExportRequest | Refused:
        return request_acts.act_on(tx, site.settings, person, RequestId(number), form.request_act, form.words, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="done")


@router.post("/{number}/form")
def check_form(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[CheckEntries, Form()]
) -> Response:
    def carry_out() -> ExportRequest | Refused:
        return request_acts.check_form(tx, site.settings, person, RequestId(number), form.answers, form.words, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="done")


@router.get("/{number}/scope")
def scope_page(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _scope_form(site, shell(site, person, path=request.url.path), rx, person, request, RequestId(number))


@router.post("/{number}/scope")
def change_scope(
    number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, form: Annotated[ScopeForm, Form()]
) -> Response:
    around, at = shell(site, person, path=request.url.path), site.clock.now()
    try:
        with tx.begin_nested():
            now = requests.request_for(tx, site.settings, person, RequestId(number))
            if isinstance(now, Refused):
                return refusal(request, now, person=person)
            scope = form.scope(now.request.scope, zone_of_district(tx))
            if form.narrows:
                answer = approvals.narrow(tx, site.settings, person, RequestId(number), scope.footage, scope.terms, form.words, at=at)
            else:
                answer = approvals.change_scope(tx, site.settings, person, RequestId(number), scope, form.words, at=at)
    except (InvalidInput, Conflict) as err:
        return _scope_form(site, around, tx, person, request, RequestId(number), form=form, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(answer.id, "changed")


@router.post("/{number}/approve")
def approve(
    number: PathId, person: RequestSigner, site: TheSite, tx: Tx, request: Request, form: Annotated[ApproveEntries, Form()]
) -> Response:
    signed = form.by_passkey(relying_party(request))

    def carry_out() -> ExportRequest | Refused:
        at = site.clock.now()
        return approvals.approve(tx, site.settings, person, RequestId(number), form.sha256, form.words, at=at, by_passkey=signed)

    return _done(site, tx, person, request, number, carry_out, notice="approved")


@router.post("/{number}/deny")
def deny(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[DenyEntries, Form()]) -> Response:
    def carry_out() -> ExportRequest | Refused:
        return request_acts.deny(tx, site.settings, person, RequestId(number), form.deny_reason, form.words, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="denied")


@router.post("/{number}/named")
def name(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[NameEntries, Form()]) -> Response:
    """Let a sealed request exist for more people."""

    def carry_out() -> ExportRequest | Refused:
        return sealed_requests.name_more(tx, site.settings, person, RequestId(number), form.people, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="named")


@router.post("/{number}/unseal")
def unseal(
    number: PathId, person: RequestApprover, site: TheSite, tx: Tx, request: Request, form: Annotated[UnsealEntries, Form()]
) -> Response:
    def carry_out() -> ExportRequest | Refused:
        return sealed_requests.unseal(tx, site.settings, person, RequestId(number), form.ended, form.words, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="unsealed")


@router.post("/{number}/papers", max_body_size=MOST_OF_A_SCAN)
def add_paper(
    number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, scan: Annotated[UploadFile, File()]
) -> Response:
    name, content = scan.filename or "", scan.file.read()

    def carry_out() -> Paper | Refused:
        return request_papers.add_paper(tx, site.settings, person, RequestId(number), name, content, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="paper")


@router.post("/{number}/package")
def ask_package(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    def carry_out() -> MadePackage | Refused:
        return package_jobs.ask_package(tx, site.settings, person, RequestId(number), at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="asked")


@router.post("/{number}/tickets")
def hand_out_ticket(
    number: PathId, person: RequestApprover, site: TheSite, tx: Tx, request: Request, form: Annotated[TicketEntries, Form()]
) -> Response:
    """Let a package go by download, and show the passphrase this once."""
    around = shell(site, person, path=request.url.path)
    try:
        with tx.begin_nested():
            answer = package_tickets.hand_out(tx, site.settings, person, RequestId(number), form.recipient, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _page(site, around, tx, person, request, RequestId(number), error=str(err), status=FAILURES[type(err)])
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _page(site, {**around, "new_ticket": answer}, tx, person, request, RequestId(number))


@router.post("/{number}/tickets/take-back")
def take_back_tickets(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    def carry_out() -> int | Refused:
        return package_tickets.take_back(tx, site.settings, person, RequestId(number), at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="taken-back")


@router.post("/{number}/showings")
def begin_showing(
    number: PathId, person: RequestApprover, site: TheSite, tx: Tx, request: Request, form: Annotated[ShowingEntries, Form()]
) -> Response:
    """Let an outsider sit down at a screen; a form with what was wrong keeps what was typed."""

    def carry_out() -> Showing | Refused:
        return showings.begin_showing(tx, site.settings, person, RequestId(number), form.viewer, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="showing", typed=form)


@router.post("/{number}/showings/end")
def end_showing(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    def carry_out() -> Showing | Refused:
        return showings.end_showing(tx, site.settings, person, RequestId(number), at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="shown")


@router.get("/{number}/papers/{paper}")
def take_paper(number: PathId, paper: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    """Hand a scan out as a file of no kind: no browser opens it, whatever it says to be."""
    found = request_papers.read_paper(tx, site.settings, person, RequestId(number), paper, at=site.clock.now())
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    told, content = found
    headers = {"content-disposition": f'attachment; filename="paper-{told.id}.bin"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/{number}/advice")
def advice_page(number: PathId, person: RequestAdviser, site: TheSite, tx: Tx, request: Request) -> Response:
    return _advice(site, shell(site, person, path=request.url.path), tx, person, request, RequestId(number), form=AdviceEntries())


@router.post("/{number}/advice")
def advise(
    number: PathId, person: RequestAdviser, site: TheSite, tx: Tx, request: Request, form: Annotated[AdviceEntries, Form()]
) -> Response:
    around = shell(site, person, path=request.url.path)
    try:
        answer = request_papers.advise(tx, site.settings, person, RequestId(number), form.words, at=site.clock.now())
    except InvalidInput as err:
        return _advice(site, around, tx, person, request, RequestId(number), form=form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(answer.id, "done")


def _receipt(site: Site, rx: Session, person: Person, number: int) -> Receipt | Refused:
    standing = requests.request_for(rx, site.settings, person, RequestId(number))
    return standing if isinstance(standing, Refused) else receipt_of(standing, zone_of_district(rx))


def _done(
    site: Site,
    tx: Session,
    person: Person,
    request: Request,
    number: int,
    carry_out: Callable[[], object],
    *,
    notice: str,
    typed: ShowingEntries | None = None,
) -> Response:
    """Do an act, and show the request again: with what it came to, or with what was wrong, and what was typed then."""
    around = shell(site, person, path=request.url.path) | ({} if typed is None else {"typed": typed})
    try:
        with tx.begin_nested():
            answer = carry_out()
    except (InvalidInput, Conflict) as err:
        return _page(site, around, tx, person, request, RequestId(number), error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(RequestId(number), notice)


def _back_to(number: RequestId, done: str) -> Response:
    return RedirectResponse(f"/requests/{number}?done={done}", 303)


def _page(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    request: Request,
    number: RequestId,
    *,
    notice: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    standing = requests.request_for(session, site.settings, person, number)
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    page, rp = request_page(standing, person, site.clock.now()), relying_party(request)
    signs = page["may_approve"] and rp is not None and any(one.rp_id == rp.id for one in passkeys_of(session, person.id))
    context = {"typed": ShowingEntries(), **around, "page": page, "signs": signs, "reasons": deny_choices(), "most": MOST}
    context |= {"notice": notice, "error": error, "showing_minutes": site.settings.showing_minutes}
    if page["may_unseal"]:
        context["people"] = offered_people(session, person, site.clock.now(), standing.request)
    return site.pages.render("request.html", context, person=person, status=status)


def _form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    form: RequestForm,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    context = {
        **around,
        "form": form,
        "instruments": instrument_choices(),
        "deliveries": delivery_choices(),
        "branches": offered_cameras(session, person),
        "people": offered_people(session, person, site.clock.now()),
        "may_seal": person.may(Permission.REQUEST_DECIDE),
        "most": MOST,
        "error": error,
    }
    return site.pages.render("request_form.html", context, person=person, status=status)


def _scope_form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    request: Request,
    number: RequestId,
    *,
    form: ScopeForm | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    standing = requests.request_for(session, site.settings, person, number)
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    filled = form or ScopeForm.of(standing.request.scope, zone_of_district(session))
    context = {
        **around,
        "page": request_page(standing, person, site.clock.now()),
        "form": filled,
        "rows": filled.rows(standing.names),
        "deliveries": delivery_choices(),
        "branches": offered_cameras(session, person),
        "acts": [act.value for act in (RequestAct.NARROW, RequestAct.SCOPE)],
        "most": MOST,
        "error": error,
    }
    return site.pages.render("request_scope.html", context, person=person, status=status)


def _advice(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    request: Request,
    number: RequestId,
    *,
    form: AdviceEntries,
    error: str | None = None,
) -> Response:
    found = request_papers.read_advice(session, site.settings, person, number, at=site.clock.now())
    standing = requests.request_for(session, site.settings, person, number)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    page, rp = request_page(standing, person, site.clock.now()), relying_party(request)
    signs = page["may_approve"] and rp is not None and any(one.rp_id == rp.id for one in passkeys_of(session, person.id))
    context = {**around, "page": page, "signs": signs, "advice": found, "form": form, "most": MOST, "error": error}
    return site.pages.render("request_advice.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)

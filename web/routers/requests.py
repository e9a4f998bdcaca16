"""Requests for footage as JSON: the same documents as `vms request … --json`, as far as they are the reader's to see."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from starlette.responses import JSONResponse, Response

from vms.domain.ids import RequestId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.request import ExportRequest
from vms.services import approvals, package_jobs, package_tickets, request_acts, request_papers, requests, sealed_requests, showings
from vms.services.district import zone_of_district
from vms.services.request_documents import request_document, showing_document, standing_document, ticket_document
from vms.services.requests import RequestStanding
from web.deps import Rx, Site, TheSite, Tx
from web.errors import REFUSALS, problem, refusal
from web.numbers import PathId
from web.permissions import RequestAdviser, RequestApprover, RequestDecider, RequestEnterer, RequestSigner
from web.relying_party import NO_PASSKEYS, relying_party
from web.request_entries import (
    ActEntries,
    AdviceEntries,
    ApproveEntries,
    CheckEntries,
    DenyEntries,
    NameEntries,
    RequestOrder,
    ShowingEntries,
    TicketEntries,
    UnsealEntries,
)
from web.scope_entries import ScopeOrder

MOST_OF_A_SCAN = request_papers.MAX_PAPER_BYTES + 64 * 1024
"""With what a browser puts around it."""
router = APIRouter(prefix="/api/v1/requests")


@router.get("")
def list_requests(person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    found = requests.list_requests(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    at = site.clock.now()
    return _json({"requests": [request_document(one, at) for one in found]})


@router.post("", status_code=201)
def enter(order: RequestOrder, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = requests.enter(tx, site.settings, person, order.new_request(zone_of_district(tx)), at=site.clock.now())
    return _answered(tx, request, site, person, answer, status=201)


@router.get("/{number}")
def show(number: PathId, person: RequestEnterer, site: TheSite, rx: Rx, request: Request) -> Response:
    return _standing(request, site, person, requests.request_for(rx, site.settings, person, RequestId(number)))


@router.post("/{number}/acts")
def act(number: PathId, entries: ActEntries, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = request_acts.act_on(tx, site.settings, person, RequestId(number), entries.request_act, entries.words, at=site.clock.now())
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/form")
def check_form(number: PathId, entries: CheckEntries, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = request_acts.check_form(tx, site.settings, person, RequestId(number), entries.answers, entries.words, at=site.clock.now())
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/scope")
def change(number: PathId, order: ScopeOrder, person: RequestEnterer, site: TheSite, tx: Tx, request: Request) -> Response:
    scope, at = order.scope(zone_of_district(tx)), site.clock.now()
    if order.narrows:
        answer = approvals.narrow(tx, site.settings, person, RequestId(number), scope.footage, scope.terms, order.words, at=at)
    else:
        answer = approvals.change_scope(tx, site.settings, person, RequestId(number), scope, order.words, at=at)
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/challenge")
def ask_passkey(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    """Hand out what a passkey is to sign so that the request is approved as it is now."""
    rp = relying_party(request)
    if rp is None:  # no refusal: its event would name the request
        return problem(REFUSALS[NO_PASSKEYS.refusal], NO_PASSKEYS.sentence)
    answer = approvals.ask_passkey(tx, site.settings, person, RequestId(number), rp, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else Response(answer, media_type="application/json")


@router.post("/{number}/approve")
def approve(number: PathId, entries: ApproveEntries, person: RequestSigner, site: TheSite, tx: Tx, request: Request) -> Response:
    at, signed = site.clock.now(), entries.by_passkey(relying_party(request))
    answer = approvals.approve(tx, site.settings, person, RequestId(number), entries.sha256, entries.words, at=at, by_passkey=signed)
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/deny")
def deny(number: PathId, entries: DenyEntries, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = request_acts.deny(tx, site.settings, person, RequestId(number), entries.deny_reason, entries.words, at=site.clock.now())
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/named")
def name(number: PathId, entries: NameEntries, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    """Let a sealed request exist for more people."""
    answer = sealed_requests.name_more(tx, site.settings, person, RequestId(number), entries.people, at=site.clock.now())
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/unseal")
def unseal(number: PathId, entries: UnsealEntries, person: RequestApprover, site: TheSite, tx: Tx, request: Request) -> Response:
    at = site.clock.now()
    answer = sealed_requests.unseal(tx, site.settings, person, RequestId(number), entries.ended, entries.words, at=at)
    return _answered(tx, request, site, person, answer)


@router.post("/{number}/papers", status_code=201, max_body_size=MOST_OF_A_SCAN)
def add_paper(
    number: PathId, person: RequestEnterer, site: TheSite, tx: Tx, request: Request, scan: Annotated[UploadFile, File()]
) -> Response:
    at, content = site.clock.now(), scan.file.read()
    answer = request_papers.add_paper(tx, site.settings, person, RequestId(number), scan.filename or "", content, at=at)
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json({"id": answer.id, "name": answer.name, "sha256": answer.sha256, "size_bytes": answer.size_bytes}, 201)


@router.post("/{number}/package", status_code=202)
def ask_package(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = package_jobs.ask_package(tx, site.settings, person, RequestId(number), at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _standing(request, site, person, requests.request_for(tx, site.settings, person, RequestId(number)), 202)


@router.post("/{number}/tickets", status_code=201)
def hand_out_ticket(number: PathId, entries: TicketEntries, person: RequestApprover, site: TheSite, tx: Tx, request: Request) -> Response:
    """Let a package go by download; the passphrase is in this answer alone."""
    answer = package_tickets.hand_out(tx, site.settings, person, RequestId(number), entries.recipient, at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json(ticket_document(answer.ticket) | {"passphrase": answer.passphrase}, 201)


@router.delete("/{number}/tickets")
def take_back_tickets(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = package_tickets.take_back(tx, site.settings, person, RequestId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json({"taken_back": answer})


@router.post("/{number}/showings", status_code=201)
def begin_showing(number: PathId, entries: ShowingEntries, person: RequestApprover, site: TheSite, tx: Tx, request: Request) -> Response:
    """Let an outsider sit down at a screen: what was approved opens for who began it, and nothing else, until it ends."""
    answer = showings.begin_showing(tx, site.settings, person, RequestId(number), entries.viewer, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(showing_document(answer), 201)


@router.delete("/{number}/showings")
def end_showing(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = showings.end_showing(tx, site.settings, person, RequestId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(showing_document(answer))


@router.get("/{number}/advice")
def read_advice(number: PathId, person: RequestAdviser, site: TheSite, tx: Tx, request: Request) -> Response:
    found = request_papers.read_advice(tx, site.settings, person, RequestId(number), at=site.clock.now())
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    return _json({"advice": [{"words": one.words, "by": one.by_name, "at": one.at} for one in found]})


@router.post("/{number}/advice")
def advise(number: PathId, entries: AdviceEntries, person: RequestAdviser, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = request_papers.advise(tx, site.settings, person, RequestId(number), entries.words, at=site.clock.now())
    return _answered(tx, request, site, person, answer)


def _answered(tx: Tx, request: Request, site: Site, person: Person, answer: ExportRequest | Refused, *, status: int = 200) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _standing(request, site, person, requests.standing_of(tx, site.settings, answer), status)


def _standing(request: Request, site: Site, person: Person, standing: RequestStanding | Refused, status: int = 200) -> Response:
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    return _json(standing_document(standing, site.clock.now()), status)


def _json(document: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(document), status)

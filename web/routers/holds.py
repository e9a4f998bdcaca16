"""Legal holds as JSON: the same documents as `vms hold … --json`, as far as they are within the reader's reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from vms.domain.ids import CameraId, HoldId
from vms.domain.legal_hold import HoldStanding, LegalHold
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services import hold_acts, holds
from vms.services.district import zone_of_district
from vms.services.hold_documents import hold_document, node_documents, standing_document
from vms.services.sealed_holds import opened
from web.deps import Rx, Site, TheSite, Tx
from web.errors import refusal
from web.hold_entries import HoldOrder, ReleaseEntries
from web.numbers import PathId
from web.permissions import HoldPlacer, HoldReader, HoldReleaser

router = APIRouter(prefix="/api/v1/holds")


@router.get("")
def list_holds(person: HoldReader, site: TheSite, rx: Rx, request: Request) -> Response:
    found, at = holds.list_overviews(rx, person), site.clock.now()
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    documents = _documents(rx, site, person, [one.hold for one in found], at)
    told = [document | {"nodes": node_documents(one.nodes, at)} for document, one in zip(documents, found, strict=True)]
    return _json({"holds": told})


@router.post("", status_code=201)
def place_hold(order: HoldOrder, person: HoldPlacer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = hold_acts.place_hold(tx, site.settings, person, order.new_hold(zone_of_district(tx)), at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    standing, at = holds.hold_for(tx, person, answer.hold.id), site.clock.now()
    return _standing(tx, request, site, person, standing, at, status=201, resumed=[one.camera.id for one in answer.resumed])


@router.get("/{number}")
def show_hold(number: PathId, person: HoldReader, site: TheSite, rx: Rx, request: Request) -> Response:
    return _standing(rx, request, site, person, holds.hold_for(rx, person, HoldId(number)), site.clock.now())


@router.post("/{number}/release")
def propose_release(number: PathId, entries: ReleaseEntries, person: HoldReleaser, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = hold_acts.propose_release(tx, site.settings, person, HoldId(number), entries.reason, at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _json({"hold": answer.subject, "proposed_at": answer.at, "alone_at": answer.alone_at})


@router.post("/{number}/confirm")
def confirm_release(number: PathId, person: HoldReleaser, site: TheSite, tx: Tx, request: Request) -> Response:
    at = site.clock.now()
    return _ended(tx, request, site, person, hold_acts.confirm_release(tx, site.settings, person, HoldId(number), at=at), at)


@router.post("/{number}/undo")
def undo_release(number: PathId, person: HoldPlacer, site: TheSite, tx: Tx, request: Request) -> Response:
    at = site.clock.now()
    return _ended(tx, request, site, person, hold_acts.undo_release(tx, site.settings, person, HoldId(number), at=at), at)


def _ended(session: Session, request: Request, site: Site, person: Person, answer: LegalHold | Refused, at: datetime) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    (document,) = _documents(session, site, person, [answer], at)
    return _json(document)


def _standing(
    session: Session,
    request: Request,
    site: Site,
    person: Person,
    standing: HoldStanding | Refused,
    at: datetime,
    *,
    status: int = 200,
    resumed: Sequence[CameraId] | None = None,
) -> Response:
    """Answer with a hold; of one that was just placed, with the cameras whose pause it ended."""
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    (document,) = _documents(session, site, person, [standing.hold], at)
    told = {} if resumed is None else {"resumed": [*resumed]}
    return _json(standing_document(standing, at) | document | told, status)


def _documents(session: Session, site: Site, person: Person, known: Sequence[LegalHold], at: datetime) -> list[dict[str, object]]:
    """Return holds without what they name beyond the reader's reach."""
    found = holds.within_reach(session, person, known)
    return [hold_document(opened(site.settings, hold), at) | {"beyond": beyond} for hold, beyond in found]


def _json(document: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(jsonable_encoder(document), status)

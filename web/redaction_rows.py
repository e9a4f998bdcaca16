"""Redactions as pages and JSON show them."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from vms.domain.people import Permission, Person
from vms.domain.redaction import WHOLE, Box, Region, plan_document, uncovered
from vms.domain.request import APPROVED_STATES, UNDECIDED, RequestState, askers
from vms.domain.timespan import datetime_of_ms
from vms.services.redactions import Look
from vms.services.requests import RequestStanding
from web.words import BETWEENS, COVERS


class RegionRow(TypedDict):
    camera: int
    name: str
    number: int
    """From 1, within its camera."""
    cover: str
    between: str
    start: datetime
    until: datetime
    places: int
    first: str
    """Its first box, in percent."""


class SheetRow(TypedDict):
    id: int
    number: int
    name: str


class RedactionPage(TypedDict):
    """The redaction of one request as its page draws it."""

    plan_sha256: str
    """Empty when there is no plan."""
    by: str
    at: datetime | None
    regions: list[RegionRow]
    sheets: list[SheetRow]
    approved_by: str
    approved_at: datetime | None
    sent_back: bool
    wanted: str
    """What is to be made unrecognisable, as the request says it."""
    uncovered: list[str]
    """Cameras of which nothing is covered, though a plan is kept."""
    may_plan: bool
    may_approve: bool
    """What was made was shown, and the reader approves what somebody else asked for."""
    may_send_back: bool
    voids: bool
    """Another plan voids the approval, since something was made by the one that counts."""


def redaction_page(look: Look, standing: RequestStanding, person: Person, at: datetime) -> RedactionPage:
    request, found, state = look.request, look.redaction, look.request.state_at(at)
    decides, asks = person.may(Permission.REQUEST_DECIDE), person.label in askers(request, standing.history)
    waits = state is RequestState.REDACTING and found is not None and bool(found.sheets)
    return RedactionPage(
        plan_sha256="" if found is None else found.plan.plan_sha256,
        by="" if found is None else found.plan.by_name,
        at=None if found is None else found.plan.at,
        regions=_regions(look, standing),
        sheets=_sheets(look, standing),
        approved_by="" if found is None or found.approved is None else found.approved.by_name,
        approved_at=None if found is None or found.approved is None else found.approved.at,
        sent_back=look.sent_back,
        wanted=request.scope.terms.redact,
        uncovered=[] if look.plan is None else [standing.names.get(one, "") for one in uncovered(look.plan, request.scope.footage)],
        may_plan=decides and state in UNDECIDED | APPROVED_STATES,
        may_approve=decides and not asks and waits,
        may_send_back=decides and waits,
        voids=state in APPROVED_STATES - {RequestState.APPROVED},
    )


def redaction_document(look: Look) -> dict[str, object]:
    """Return the same for a program."""
    found, request = look.redaction, look.request
    told: dict[str, object] = {"request": request.id, "state": request.state.value, "sha256": request.sha256, "plan": None}
    if found is None or look.plan is None:
        return told
    approved = None if found.approved is None else {"by": found.approved.by_name, "at": found.approved.at}
    return told | {
        "plan": plan_document(look.plan),
        "plan_sha256": found.plan.plan_sha256,
        "by": found.plan.by_name,
        "at": found.plan.at,
        "uncovered": uncovered(look.plan, request.scope.footage),
        "sheets": [{"id": one.id, "number": one.number, "camera": one.camera_id} for one in found.sheets],
        "approved": approved,
        "sent_back": look.sent_back,
    }


def _sheets(look: Look, standing: RequestStanding) -> list[SheetRow]:
    made = () if look.redaction is None else look.redaction.sheets
    return [SheetRow(id=one.id, number=one.number, name=standing.names.get(one.camera_id, "")) for one in made]


def _regions(look: Look, standing: RequestStanding) -> list[RegionRow]:
    if look.plan is None:
        return []
    return [
        RegionRow(
            camera=one.camera,
            name=standing.names.get(one.camera, ""),
            number=number,
            cover=COVERS[region.cover],
            between=BETWEENS[region.between],
            start=datetime_of_ms(region.from_ms),
            until=datetime_of_ms(region.until_ms),
            places=len(region.keyframes),
            first=_percent(_first(region)),
        )
        for one in look.plan.cameras
        for number, region in enumerate(one.regions, 1)
    ]


def _first(region: Region) -> Box:
    return region.keyframes[0].box


def _percent(box: Box) -> str:
    left, top, width, height = (f"{100 * side / WHOLE:g}" for side in (box.x, box.y, box.width, box.height))
    return f"left {left}, top {top}, width {width}, height {height}"

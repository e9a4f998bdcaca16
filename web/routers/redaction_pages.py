"""The redaction of a request on its page: what is covered, the review sheets of what was made, approved or sent back; without JavaScript.

No recording leaves by these routes: a sheet shows small pictures of the covered copy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import CameraId, RequestId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.redaction import MAX_KEYFRAMES, canonical, without_region
from vms.domain.request import MAX_WORDS_CHARS
from vms.domain.timespan import datetime_of_ms
from vms.errors import Conflict, InvalidInput
from vms.services import redactions, requests
from vms.services.district import zone_of_district
from vms.services.redactions import Look, Redaction
from web.deps import Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId
from web.permissions import RequestApprover, RequestDecider
from web.redaction_entries import LookedOverEntries, RegionForm, SentBackEntries, WithoutRegion
from web.redaction_rows import redaction_page
from web.request_rows import request_page
from web.routers.redactions import MOST_OF_A_PLAN
from web.views import shell
from web.words import BETWEENS, COVERS

router = APIRouter(prefix="/requests/{number}/redaction")
NOTICES = {
    "plan": "The plan is kept. It counts from now on.",
    "approved": "Approved: what these sheets show may leave.",
    "back": "Sent back. The approval and its package count no more: change the plan, then have the request approved again.",
}
CHOICES = {
    "covers": [(one.value, label) for one, label in COVERS.items()],
    "betweens": [(one.value, label) for one, label in BETWEENS.items()],
    "units": [("percent", "Percent of the picture"), ("pixels", "Pixels")],
}


@router.get("")
def redaction(number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, done: str = "") -> Response:
    around = shell(site, person, path=request.url.path)
    return _page(site, around, tx, person, request, RequestId(number), notice=NOTICES.get(done))


@router.get("/sheets/{sheet}")
def review_sheet(number: PathId, sheet: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request) -> Response:
    png = redactions.read_sheet(tx, site.settings, person, RequestId(number), sheet, at=site.clock.now())
    if isinstance(png, Refused):
        return refusal(request, png, person=person)
    return Response(png, media_type="image/png")


@router.post("/plan", max_body_size=MOST_OF_A_PLAN)
def put_plan(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, plan: Annotated[UploadFile, File()]
) -> Response:
    text = plan.file.read()

    def carry_out() -> Redaction | Refused:
        return redactions.add_plan(tx, site.settings, person, RequestId(number), text, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="plan")


@router.post("/regions")
def add_region(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[RegionForm, Form()]
) -> Response:
    def change(found: Look) -> bytes:
        return canonical(form.added_to(found.plan, found.request.scope.footage, zone_of_district(tx))).encode()

    return _changed(site, tx, person, request, number, change, seen=form.plan_sha256, form=form)


@router.post("/regions/out")
def take_region_out(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[WithoutRegion, Form()]
) -> Response:
    def change(found: Look) -> bytes:
        if found.plan is None:
            raise InvalidInput("There is no plan to take a region out of.")
        return canonical(without_region(found.plan, CameraId(form.camera), form.region)).encode()

    return _changed(site, tx, person, request, number, change, seen=form.plan_sha256)


@router.post("/approve")
def approve(
    number: PathId, person: RequestApprover, site: TheSite, tx: Tx, request: Request, form: Annotated[LookedOverEntries, Form()]
) -> Response:
    def carry_out() -> Redaction | Refused:
        return redactions.approve(tx, site.settings, person, RequestId(number), form.sha256, form.plan_sha256, at=site.clock.now())

    return _done(site, tx, person, request, number, carry_out, notice="approved")


@router.post("/back")
def send_back(
    number: PathId, person: RequestDecider, site: TheSite, tx: Tx, request: Request, form: Annotated[SentBackEntries, Form()]
) -> Response:
    def carry_out() -> Redaction | Refused:
        seen, at = (form.sha256, form.plan_sha256), site.clock.now()
        return redactions.send_back(tx, site.settings, person, RequestId(number), *seen, words=form.words, at=at)

    return _done(site, tx, person, request, number, carry_out, notice="back")


def _changed(
    site: Site,
    tx: Session,
    person: Person,
    request: Request,
    number: int,
    change: Callable[[Look], bytes],
    *,
    seen: str,
    form: RegionForm | None = None,
) -> Response:
    """Put a plan that was made out of the one that counts, as long as that is the one which was `seen`."""

    def carry_out() -> Redaction | Refused:
        at = site.clock.now()
        found = redactions.look(tx, site.settings, person, RequestId(number), at=at)
        if isinstance(found, Refused):
            return found
        return redactions.add_plan(tx, site.settings, person, RequestId(number), change(found), at=at, instead_of=seen)

    return _done(site, tx, person, request, number, carry_out, notice="plan", form=form)


def _done(
    site: Site,
    tx: Session,
    person: Person,
    request: Request,
    number: int,
    carry_out: Callable[[], object],
    *,
    notice: str,
    form: RegionForm | None = None,
) -> Response:
    """Do an act, and show the redaction again: with what it came to, or with what was wrong and what was typed."""
    around = shell(site, person, path=request.url.path)
    try:
        with tx.begin_nested():
            answer = carry_out()
    except (InvalidInput, Conflict) as err:
        return _page(site, around, tx, person, request, RequestId(number), form=form, error=str(err), status=FAILURES[type(err)])
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return RedirectResponse(f"/requests/{number}/redaction?done={notice}", 303)


def _page(
    site: Site,
    around: Mapping[str, object],
    tx: Session,
    person: Person,
    request: Request,
    number: RequestId,
    *,
    form: RegionForm | None = None,
    notice: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    at = site.clock.now()
    found = redactions.look(tx, site.settings, person, number, at=at)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    standing = requests.standing_of(tx, site.settings, found.request)
    footage = found.request.scope.footage
    first, last = (
        datetime_of_ms(pick(ends)) for pick, ends in ((min, [one.start_ms for one in footage]), (max, [one.end_ms for one in footage]))
    )
    context = {
        **around,
        **CHOICES,
        "page": request_page(standing, person, at),
        "redaction": redaction_page(found, standing, person, at),
        "cameras": [(number, standing.names.get(number, "")) for number in sorted(found.request.scope.cameras)],
        "form": form or RegionForm.of(footage, first, last, zone_of_district(tx)),
        "most": {"words": MAX_WORDS_CHARS, "keyframes": MAX_KEYFRAMES},
        "notice": notice,
        "error": error,
    }
    return site.pages.render("request_redaction.html", context, person=person, status=status)

"""Spot checks of deletion: pick or draw a camera's day, and a sheet to print that says what became of it; complete without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import CameraId, SpotCheckId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import Conflict, InvalidInput
from vms.services import spot_checks
from vms.services.deletion_certificates import list_certificates
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Text
from web.numbers import PathId, id_of
from web.permissions import DeletionChecker
from web.views import shell
from web.words import DAY_VERDICTS

router = APIRouter(prefix="/spot-checks")
ASKS_AGAIN = timedelta(minutes=1)
"""So long the sheet loads itself again; a page that stands open must not keep somebody signed in."""


class Pick(BaseModel):
    """The form's fields as they were typed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    camera: Text = ""
    day: Text = ""


@router.get("")
def spot_checks_page(person: DeletionChecker, site: TheSite, rx: Rx, request: Request) -> Response:
    return _page(site, rx, person, request, Pick())


@router.post("")
def pick_day(person: DeletionChecker, site: TheSite, tx: Tx, request: Request, form: Annotated[Pick, Form()]) -> Response:
    camera = id_of(form.camera)
    try:
        answer = spot_checks.pick(tx, person, None if camera is None else CameraId(camera), form.day, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        return _page(site, tx, person, request, form, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _to(answer)


@router.post("/draw")
def draw_day(person: DeletionChecker, site: TheSite, tx: Tx, request: Request) -> Response:
    try:
        return _to(spot_checks.draw(tx, person, at=site.clock.now()))
    except Conflict as err:
        return _page(site, tx, person, request, Pick(), error=str(err), status=FAILURES[Conflict])


@router.get("/{number}")
def spot_check_sheet(number: PathId, person: DeletionChecker, site: TheSite, rx: Rx, request: Request) -> Response:
    check = spot_checks.check_for(rx, person, SpotCheckId(number))
    if isinstance(check, Refused):
        return refusal(request, check, person=person)
    context = shell(site, person, path=request.url.path) | {
        "check": check,
        "proof": check.proof,
        "lapsed": check.has_lapsed(site.clock.now()),
        "asks_again": check.proof is None and site.clock.now() < check.asked_at + ASKS_AGAIN,
    }
    return site.pages.render("spot_check.html", context, person=person)


def _to(number: SpotCheckId) -> Response:
    return RedirectResponse(f"/spot-checks/{number}", 303)


def _page(
    site: Site, session: Session, person: Person, request: Request, form: Pick, *, error: str | None = None, status: int = 200
) -> Response:
    checks = spot_checks.list_checks(session, person)
    context = shell(site, person, path=request.url.path) | {
        "form": form,
        "cameras": spot_checks.checkable(session, person),
        "checks": checks,
        "now": site.clock.now(),
        "certificates": list_certificates(session, person),
        "verdicts": DAY_VERDICTS,
        "error": error,
        "full": len(checks) == spot_checks.LIST_LIMIT,
    }
    return site.pages.render("spot_checks.html", context, person=person, status=status)

"""Legal holds: list, one hold with its printed sheet, placing one, and its end by two people; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import HoldId
from vms.domain.legal_hold import MAX_AUTHORITY_CHARS, MAX_MATTER_CHARS, MAX_REASON_CHARS, LegalHold
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Permission, Person
from vms.errors import Conflict, InvalidInput
from vms.services import hold_acts, holds
from vms.services.district import zone_of_district
from vms.services.holds import may_know_sealed
from vms.services.refusals import no_such
from vms.services.sealed_holds import opened
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, REFUSALS, refusal
from web.hold_entries import HoldForm, ReleaseEntries
from web.hold_rows import HoldPage, hold_page, overview_row, places, report_rows
from web.numbers import PathId, id_of
from web.permissions import HoldDrafter, HoldPlacer, HoldReader, HoldReleaser
from web.views import shell
from web.words import HOLD_KINDS

router = APIRouter(prefix="/holds")
NOTICES = {
    "placed": "Placed. Each recorder puts it into force when it next asks; what it found stands below once it has answered.",
    "placed-resumed": "Placed, and the pauses of cameras under it have ended: they are recorded again. Each recorder puts it into force "
    "when it next asks; what it found stands below once it has answered.",
    "proposed": "Proposed. Nothing changes until somebody else confirms it.",
    "released": "Confirmed. The hold protects until it has cooled off; till then the release can be undone here.",
    "kept": "Undone. The hold stays in force.",
}


@router.get("")
def holds_page(person: HoldReader, site: TheSite, rx: Rx, request: Request) -> Response:
    found = holds.list_overviews(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    context = shell(site, person, path=request.url.path) | {
        "holds": [overview_row(replace(one, hold=opened(site.settings, one.hold)), site.clock.now()) for one in found],
        "may_place": person.may(Permission.HOLD_PLACE),
        "full": len(found) == holds.LIST_LIMIT,
    }
    return site.pages.render("holds.html", context, person=person)


@router.get("/new")
def new_hold_page(person: HoldPlacer, site: TheSite, rx: Rx, request: Request, of: str = "") -> Response:
    """Show the form: empty, or filled with what the hold `of` keeps, in whose stead the new one is to stand."""
    around = shell(site, person, path=request.url.path)
    if not of:
        return _form(site, around, rx, person, HoldForm())
    number = id_of(of)
    standing = no_such("legal hold") if number is None else holds.hold_for(rx, person, HoldId(number))
    if isinstance(standing, Refused):
        return refusal(request, standing, person=person)
    return _form(site, around, rx, person, HoldForm.in_stead_of(opened(site.settings, standing.hold), zone_of_district(rx)))


@router.post("/new")
def place_hold(person: HoldDrafter, site: TheSite, tx: Tx, request: Request, form: Annotated[HoldForm, Form()]) -> Response:
    # First, because it asks the recorder: a transaction that has begun holds up every writer.
    around = shell(site, person, path=request.url.path)
    if not person.proved_lately(site.clock.now()):
        return _form(site, around, tx, person, form, prove=True)
    try:
        answer = hold_acts.place_hold(tx, site.settings, person, form.new_hold(zone_of_district(tx)), at=site.clock.now())
    except InvalidInput as err:
        return _form(site, around, tx, person, form, error=str(err))
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _back_to(answer.hold.id, "placed-resumed" if answer.resumed else "placed")


@router.get("/report")
def hold_report(person: HoldReader, site: TheSite, rx: Rx, request: Request) -> Response:
    """Show all holds as a sheet of paper, for a review or the Board."""
    found = holds.report(rx, person)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    rows = report_rows(found, site.clock.now())
    protecting = [one for one in rows if one["row"]["protecting"]]
    context = shell(site, person, path=request.url.path) | {
        "protecting": protecting,
        "ended": [one for one in rows if not one["row"]["protecting"]],
        "overdue": sum(one["row"]["review_due"] for one in protecting),
        "segments": sum(one["segments"] for one in protecting),
        "size_bytes": sum(line.size_bytes for line in found if line.overview.hold.released_at is None),
        "full": len(found) == holds.LIST_LIMIT,
    }
    return site.pages.render("hold_report.html", context, person=person)


@router.get("/{number}")
def hold_status_page(number: PathId, person: HoldReader, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    row = _row(rx, site, person, number)
    if isinstance(row, Refused):
        return refusal(request, row, person=person)
    context = shell(site, person, path=request.url.path) | {"row": row, "notice": NOTICES.get(done)}
    return site.pages.render("hold.html", context, person=person)


@router.get("/{number}/sheet")
def hold_sheet(number: PathId, person: HoldReader, site: TheSite, rx: Rx, request: Request) -> Response:
    """Show the same as a sheet of paper, to be printed and filed."""
    row = _row(rx, site, person, number)
    if isinstance(row, Refused):
        return refusal(request, row, person=person)
    return site.pages.render("hold_sheet.html", shell(site, person, path=request.url.path) | {"row": row}, person=person)


@router.get("/{number}/release")
def release_page(number: PathId, person: HoldReleaser, site: TheSite, rx: Rx, request: Request) -> Response:
    around, row = shell(site, person, path=request.url.path), _row(rx, site, person, number)
    return _release_form(site, around, request, person, row, ReleaseEntries())


@router.post("/{number}/release")
def propose_release(
    number: PathId, person: HoldReleaser, site: TheSite, tx: Tx, request: Request, form: Annotated[ReleaseEntries, Form()]
) -> Response:
    around = shell(site, person, path=request.url.path)
    try:
        with tx.begin_nested():
            answer = hold_acts.propose_release(tx, site.settings, person, HoldId(number), form.reason, at=site.clock.now())
    except (InvalidInput, Conflict) as err:
        row = _row(tx, site, person, number)
        return _release_form(site, around, request, person, row, form, error=str(err), status=FAILURES[type(err)])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(HoldId(number), "proposed")


@router.post("/{number}/confirm")
def confirm_release(number: PathId, person: HoldReleaser, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = hold_acts.confirm_release(tx, site.settings, person, HoldId(number), at=site.clock.now())
    return _ended(request, person, answer, "released")


@router.post("/{number}/undo")
def undo_release(number: PathId, person: HoldPlacer, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = hold_acts.undo_release(tx, site.settings, person, HoldId(number), at=site.clock.now())
    return _ended(request, person, answer, "kept")


def _ended(request: Request, person: Person, answer: LegalHold | Refused, done: str) -> Response:
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _back_to(answer.id, done)


def _back_to(number: HoldId, done: str) -> Response:
    return RedirectResponse(f"/holds/{number}?done={done}", 303)


def _row(session: Session, site: Site, person: Person, number: int) -> HoldPage | Refused:
    standing = holds.hold_for(session, person, HoldId(number))
    if isinstance(standing, Refused):
        return standing
    return hold_page(session, replace(standing, hold=opened(site.settings, standing.hold)), person, site.clock.now())


def _form(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    form: HoldForm,
    *,
    error: str | None = None,
    prove: bool = False,
) -> Response:
    status = REFUSALS[Refusal.PROVE] if prove else FAILURES[InvalidInput] if error else 200
    context = {
        **around,
        "form": form,
        "kinds": [(kind.value, label) for kind, label in HOLD_KINDS.items()],
        "may_seal": may_know_sealed(person),
        "places": places(session, person),
        "most": {"matter": MAX_MATTER_CHARS, "reason": MAX_REASON_CHARS, "authority": MAX_AUTHORITY_CHARS},
        "error": error,
        "prove": prove,
    }
    return site.pages.render("hold_form.html", context, person=person, status=status)


def _release_form(
    site: Site,
    around: Mapping[str, object],
    request: Request,
    person: Person,
    row: HoldPage | Refused,
    form: ReleaseEntries,
    *,
    error: str | None = None,
    status: int = 200,
) -> Response:
    if isinstance(row, Refused):
        return refusal(request, row, person=person)
    context = {**around, "row": row, "form": form, "most": MAX_REASON_CHARS, "error": error}
    return site.pages.render("hold_release.html", context, person=person, status=status)

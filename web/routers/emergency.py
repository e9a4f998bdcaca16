"""Emergency access: the pages of who opens one and of who reviews it; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Annotated, TypedDict

from fastapi import APIRouter, Form, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.emergency import LOOKS_BACK, MAX_NOTE_CHARS, MAX_OFFICER_CHARS, MAX_REASON_CHARS, EmergencyAccess, Officer, State, Watched
from vms.domain.ids import EmergencyId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services import emergency
from vms.services.cameras import list_cameras
from vms.services.footage import emergency_from
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId, id_of
from web.permissions import EmergencyOpener, EmergencyReviewer, ProvedEmergencyOpener, ProvedEmergencyReviewer, SessionOwner
from web.schemas.requests import EmergencyForm, EmergencyReviewForm, ShownForm
from web.views import shell

router = APIRouter(prefix="/emergency")
api = APIRouter(prefix="/api/v1/emergency")
NOTICES = {
    "closed": "Ended. What was open closes within seconds.",
    "shown": "Written down.",
}


class AccessRow(TypedDict):
    """One emergency access, as the tables of both pages show it."""

    access: EmergencyAccess
    state: State
    cameras: list[tuple[str, list[str]]]
    """What was watched under it, by branch."""
    watched: list[Watched]
    """All that was watched in its session meanwhile."""
    may_review: bool
    may_show: bool


@router.get("")
def emergency_page(person: EmergencyOpener, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    return _own_page(site, shell(site, person, path=request.url.path), rx, person, notice=_notice(site, done))


@router.get("/new")
def new_emergency_page(person: ProvedEmergencyOpener, site: TheSite, request: Request) -> Response:
    return _form(site, shell(site, person, path=request.url.path), person, EmergencyForm())


@router.post("/new")
def open_emergency(
    person: ProvedEmergencyOpener, site: TheSite, tx: Tx, request: Request, form: Annotated[EmergencyForm, Form()]
) -> Response:
    around = shell(site, person, path=request.url.path)
    try:
        answer = emergency.open_emergency(tx, site.settings, person, reason=form.reason, at=site.clock.now())
    except InvalidInput as err:
        return _form(site, around, person, form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/emergency?done=opened", 303)


@router.post("/{number}/close")
def close_emergency(number: PathId, person: SessionOwner, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = emergency.close_emergency(tx, person, EmergencyId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/emergency?done=closed", 303)


@router.post("/{number}/shown")
def show_emergency(
    number: PathId, person: EmergencyOpener, site: TheSite, tx: Tx, request: Request, form: Annotated[ShownForm, Form()]
) -> Response:
    """Keep to whom the screen was shown."""
    around = shell(site, person, path=request.url.path)
    try:
        answer = emergency.show_to(tx, person, EmergencyId(number), _officer(form), at=site.clock.now())
    except InvalidInput as err:
        return _own_page(site, around, tx, person, error=str(err), typed={number: form}, status=FAILURES[InvalidInput])
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/emergency?done=shown", 303)


@api.post("/{number}/shown")
def show_emergency_to(number: PathId, person: EmergencyOpener, site: TheSite, tx: Tx, request: Request, order: ShownForm) -> Response:
    """Keep to whom the screen was shown, for a program."""
    answer = emergency.show_to(tx, person, EmergencyId(number), _officer(order), at=site.clock.now())
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return JSONResponse({"id": answer.id, "shown_to": answer.shown_to})


@router.get("/reviews")
def emergency_reviews_page(person: EmergencyReviewer, site: TheSite, rx: Rx, request: Request, skip: str = "", done: str = "") -> Response:
    skipped = id_of(skip) or 0
    found = emergency.list_accesses(rx, person, skip=skipped)
    if isinstance(found, Refused):
        return refusal(request, found, person=person)
    context = shell(site, person, path=request.url.path) | {
        "rows": [_row(rx, one, person, site.clock.now()) for one in found],
        "notice": "Reviewed." if done == "reviewed" else None,
        "older": f"/emergency/reviews?skip={skipped + emergency.LIST_LIMIT}" if len(found) == emergency.LIST_LIMIT else None,
        "newer": "/emergency/reviews" if skipped else None,
    }
    return site.pages.render("emergency_reviews.html", context, person=person)


@router.get("/{number}/review")
def emergency_review_page(number: PathId, person: ProvedEmergencyReviewer, site: TheSite, rx: Rx, request: Request) -> Response:
    access = emergency.reviewable(rx, person, EmergencyId(number), at=site.clock.now())
    if isinstance(access, Refused):
        return refusal(request, access, person=person)
    row = _row(rx, access, person, site.clock.now())
    return _review_form(site, shell(site, person, path=request.url.path), row, person, EmergencyReviewForm())


@router.post("/{number}/review")
def review_emergency(
    number: PathId, person: ProvedEmergencyReviewer, site: TheSite, tx: Tx, request: Request, form: Annotated[EmergencyReviewForm, Form()]
) -> Response:
    around, at = shell(site, person, path=request.url.path), site.clock.now()
    access = emergency.reviewable(tx, person, EmergencyId(number), at=at)
    if isinstance(access, Refused):
        return refusal(request, access, person=person)
    try:
        answer = _reviewed(tx, person, access, form, at)
    except InvalidInput as err:
        return _review_form(site, around, _row(tx, access, person, at), person, form, error=str(err))
    return (
        refusal(request, answer, person=person)
        if isinstance(answer, Refused)
        else RedirectResponse("/emergency/reviews?done=reviewed", 303)
    )


def _officer(form: ShownForm) -> Officer:
    return Officer(form.officer, form.badge, form.agency)


def _reviewed(
    session: Session, person: Person, access: EmergencyAccess, form: EmergencyReviewForm, at: datetime
) -> EmergencyAccess | Refused:
    if not form.right:
        raise InvalidInput("Say whether it was right: yes or no.")
    right = form.right == "yes"
    return emergency.review_emergency(session, person, access.id, was_for=form.was_for, right=right, note=form.note, at=at)


def _own_page(
    site: Site,
    around: Mapping[str, object],
    session: Session,
    person: Person,
    *,
    notice: str | None = None,
    error: str | None = None,
    typed: Mapping[int, ShownForm] | None = None,
    status: int = 200,
) -> Response:
    at = site.clock.now()
    own = emergency.own_accesses(session, person, at=at)
    here = own.opened is not None and person.emergency is not None
    context = {
        **around,
        "opened": own.opened,
        "here": here,
        "barred": own.barred.sentence if own.barred else None,
        "more": emergency.opens_more(session, person),
        "branches": _branches(session, person) if here else [],
        "rows": [_row(session, one, person, at) for one in own.accesses],
        "typed": typed or {},
        "most": MAX_OFFICER_CHARS,
        "look_back": LOOKS_BACK,
        "notice": notice,
        "error": error,
        "reviews": emergency.reviews_others(person),
        "told_to": emergency.told_by_mail(site.settings),
    }
    return site.pages.render("emergency.html", context, person=person, status=status)


def _notice(site: Site, done: str) -> str | None:
    if done != "opened":
        return NOTICES.get(done)
    told = emergency.told_by_mail(site.settings)
    mail = f"A mail goes to {', '.join(told)}" if told else "No mail is set up, so nobody is told by mail: call them"
    return f"Open. It stands on each page of the Director and the Auditor. {mail}."


def _branches(session: Session, person: Person) -> list[tuple[str, list[dict[str, object]]]]:
    """Return the cameras that only the emergency shows, live or recorded, by branch."""
    known = [one for one in list_cameras(session, person) if emergency_from(person, one) is not None]
    return [
        (name, [{"id": one.camera.id, "name": one.camera.name} for one in cameras])
        for name, cameras in groupby(known, key=lambda one: one.branch.name)
    ]


def _form(site: Site, around: Mapping[str, object], person: Person, form: EmergencyForm, *, error: str | None = None) -> Response:
    context = {**around, "form": form, "error": error, "most": MAX_REASON_CHARS}
    return site.pages.render("emergency_form.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)


def _review_form(
    site: Site, around: Mapping[str, object], row: AccessRow, person: Person, form: EmergencyReviewForm, *, error: str | None = None
) -> Response:
    context = {**around, "row": row, "form": form, "error": error, "most": MAX_REASON_CHARS, "most_note": MAX_NOTE_CHARS}
    return site.pages.render("emergency_review.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)


def _row(session: Session, access: EmergencyAccess, person: Person, at: datetime) -> AccessRow:
    own, seen = not access.is_for(person.id), emergency.cameras_seen(session, access)
    unreviewed = access.review is None
    return AccessRow(
        access=access,
        state=access.state(at),
        cameras=[(branch, [camera for _, camera in cameras]) for branch, cameras in groupby(seen, key=lambda one: one[0])],
        watched=emergency.watched(session, access),
        may_review=unreviewed and not own and not access.is_open(at) and emergency.reviews_others(person),
        may_show=unreviewed and own,
    )

"""Enrolled screens: the page on which they are added and ended, the one on which a browser becomes one, and the wall."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import BranchId, ScreenId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.screens import ScreenKind, SessionKind
from vms.errors import Conflict, InvalidInput
from vms.services import screens
from vms.services.branches import list_whole_branches
from vms.services.screens import Enrolled, NewScreen
from vms.services.sessions import digest, screen_of_browser
from web.deps import Site, TheSite, Tx
from web.errors import FAILURES, REFUSALS, refusal
from web.numbers import PathId
from web.permissions import ANYBODY, LiveViewer, ScreenManager, ScreenReader
from web.routers.session import address_of, after_pause
from web.schemas.requests import CodeForm, ScreenForm
from web.screen_cookie import screen_sha256, with_screen_cookie
from web.views import cameras_now, live_data, shell

router = APIRouter()
KINDS = {ScreenKind.WORKSTATION: "Workstation", ScreenKind.WALL: "Wall"}
ENDED = "Ended. Whoever was signed in there is out within seconds."


@router.get("/screens")
def screens_page(person: ScreenReader, site: TheSite, request: Request, done: str = "") -> Response:
    return _list(site, request, person, ScreenForm(), notice=ENDED if done == "ended" else None)


@router.post("/screens")
def add_screen(person: ScreenManager, site: TheSite, request: Request, form: Annotated[ScreenForm, Form()]) -> Response:
    """Add a screen and show the code that enrols its browser, this once."""
    try:
        answer = _added(site, person, form)
    except (InvalidInput, Conflict) as err:
        return _list(site, request, person, form, error=str(err), status=FAILURES[type(err)])
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return _list(site, request, person, ScreenForm(), new=answer)


@router.post("/screens/{number}/end")
def end_screen(number: PathId, person: ScreenManager, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = screens.end_screen(tx, person, ScreenId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/screens?done=ended", 303)


@router.get("/screens/enrol", dependencies=[ANYBODY])
def enrolment_page(site: TheSite, request: Request) -> Response:
    return _enrolment(site, request)


@router.post("/screens/enrol", dependencies=[ANYBODY])
def enrol(site: TheSite, request: Request, form: Annotated[CodeForm, Form()]) -> Response:
    """Make this browser the screen whose code somebody typed here."""
    code = form.code.get_secret_value()

    def act() -> Enrolled | Refused:
        with site.central.writing() as session:
            return screens.enrol_screen(session, code, at=site.clock.now(), address=address_of(request))

    # Each code counts by itself, and all those of an address together: nobody's wrong codes hold up another screen's.
    answer = after_pause(site, request, f"screen {digest(code).hex()}", act)
    if isinstance(answer, Refused):
        return _enrolment(site, request, error=answer.sentence, status=REFUSALS[answer.refusal])
    return with_screen_cookie(RedirectResponse("/screens/enrol", 303), answer.token)


@router.get("/wall")
def wall_page(person: LiveViewer, site: TheSite, request: Request) -> Response:
    """Show live pictures without controls; to whom no wall was opened, the ordinary live page."""
    if person.kind is not SessionKind.WALL:
        return RedirectResponse("/live", 303)
    context = shell(site, person, path=request.url.path)
    data = live_data(cameras_now(site, person), person, str(context["zone"])) | {"wall": True}
    return site.pages.render("wall.html", context | {"data": data, "theme": "control"}, person=person)


@router.post("/wall")
def show_wall(person: LiveViewer, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = screens.show_wall(tx, person, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/wall", 303)


def _added(site: Site, person: Person, form: ScreenForm) -> NewScreen | Refused:
    if form.kind not in set(ScreenKind):
        raise InvalidInput("Choose what it is: a workstation or a wall.")
    if form.branch is None:
        raise InvalidInput("Choose the branch in which it stands.")
    with site.central.writing() as session:
        branch, kind = BranchId(form.branch), ScreenKind(form.kind)
        return screens.add_screen(session, person, name=form.name, branch=branch, kind=kind, at=site.clock.now())


def _list(
    site: Site,
    request: Request,
    person: Person,
    form: ScreenForm,
    *,
    new: NewScreen | None = None,
    notice: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    with site.central.reading() as session:
        known = screens.list_screens(session, person)
        places = {branch.id: branch.name for branch in list_whole_branches(session, person, Permission.SCREEN_MANAGE)}
    if isinstance(known, Refused):
        return refusal(request, known, person=person)
    context = shell(site, person, path=request.url.path) | {
        "screens": known,
        "kinds": KINDS,
        "places": places,
        "form": form,
        "new": new,
        "notice": notice,
        "error": error,
    }
    return site.pages.render("screens.html", context, person=person, status=status)


def _enrolment(site: Site, request: Request, *, error: str | None = None, status: int = 200) -> Response:
    with site.central.reading() as session:
        here = screen_of_browser(session, screen_sha256(request))
    context = shell(site, None, path=request.url.path) | {"here": here, "kinds": KINDS, "error": error}
    return site.pages.render("enrol.html", context, person=None, status=status)

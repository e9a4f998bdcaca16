"""The cameras pages of IT: list and form, complete without JavaScript; entries are kept when something is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vms.domain.camera import CameraDetails, Pause
from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services import cameras, pauses, placements
from vms.services.areas import offered_areas
from vms.services.branches import list_branches
from vms.services.refusals import no_such
from web import camera_acts
from web.camera_acts import Faults
from web.camera_entries import CameraEntries
from web.camera_views import brands, fits, form_of, row, trusted
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.numbers import PathId
from web.permissions import CameraManager
from web.schemas.requests import CameraForm, PauseForm
from web.verdicts import Certificate, Verdict
from web.views import cameras_now, room_left, shell

router = APIRouter(prefix="/cameras")
NOTICES = {
    "added": "Camera added. Recording starts within seconds.",
    "saved": "Saved. The recorder takes the change over within seconds.",
    "paused": "Paused. It is recorded again by itself.",
    "resumed": "Recorded again within seconds.",
    "removed": "Removed. Recording of this camera has stopped; its footage stays until its own day.",
}
Entries = Annotated[CameraForm, Form()]


@router.get("")
def cameras_page(
    *, person: CameraManager, site: TheSite, rx: Rx, request: Request, q: str = "", branch: str = "", state: str = "", done: str = ""
) -> Response:
    shown = [row(one) for one in cameras_now(site, person) if fits(one, text=q, branch=branch, state=state)]
    context = shell(site, person, path=request.url.path) | {
        "cameras": shown,
        "branches": list_branches(rx, person),
        "filter": {"q": q, "branch": branch, "state": state},
        "notice": NOTICES.get(done),
        "room": room_left(site),
        "unapproved": [one.camera.name for one in placements.waiting(rx, person)],
    }
    return site.pages.render("cameras.html", context, person=person)


@router.get("/new")
def new_camera_page(person: CameraManager, site: TheSite, request: Request) -> Response:
    return _form(site, person, request, None, CameraEntries().shown())


@router.post("/new")
async def add_camera(person: CameraManager, site: TheSite, request: Request, form: Entries) -> Response:
    if form.act == "test":
        tried = await camera_acts.try_out(site, person, form, None)
        return await run_in_threadpool(_shown, site, person, request, None, form, tried)
    answer = await run_in_threadpool(camera_acts.add, site, person, form)
    if isinstance(answer, CameraDetails):
        return RedirectResponse("/cameras?done=added", 303)
    return await run_in_threadpool(_shown, site, person, request, None, form, answer)


@router.get("/{camera}")
def camera_page(camera: PathId, person: CameraManager, site: TheSite, rx: Rx, request: Request) -> Response:
    details = _in_service(cameras.camera_for(rx, person, CameraId(camera)))
    if isinstance(details, Refused):
        return refusal(request, details, person=person)
    return _form(site, person, request, details, form_of(details))


@router.post("/{camera}")
async def change_camera(camera: PathId, person: CameraManager, site: TheSite, request: Request, form: Entries) -> Response:
    details = await run_in_threadpool(_find, site, person, CameraId(camera))
    if isinstance(details, Refused):
        return await run_in_threadpool(refusal, request, details, person=person)
    if form.act == "test":
        tried = await camera_acts.try_out(site, person, form, CameraId(camera))
        return await run_in_threadpool(_shown, site, person, request, details, form, tried)
    password = form.password.get_secret_value() or None
    answer = await run_in_threadpool(camera_acts.change, site, person, CameraId(camera), form, version=form.version, password=password)
    if isinstance(answer, CameraDetails):
        return RedirectResponse("/cameras?done=saved", 303)
    return await run_in_threadpool(_shown, site, person, request, details, form, answer)


@router.post("/{camera}/remove")
def remove_camera(camera: PathId, person: CameraManager, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = cameras.remove_camera(tx, person, CameraId(camera), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/cameras?done=removed", 303)


@router.post("/{camera}/pause")
def pause_camera(camera: PathId, person: CameraManager, site: TheSite, request: Request, form: Annotated[PauseForm, Form()]) -> Response:
    try:
        with site.central.writing() as session:
            answer = pauses.pause_camera(session, person, CameraId(camera), form.pause(site.clock.now()), at=site.clock.now())
    except InvalidInput as err:
        details = _find(site, person, CameraId(camera))
        if isinstance(details, Refused):
            return refusal(request, details, person=person)
        errors, status = {"pause_reason": str(err)}, FAILURES[InvalidInput]
        return _form(site, person, request, details, form_of(details), pause=form, errors=errors, status=status)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/cameras?done=paused", 303)


@router.post("/{camera}/resume")
def resume_camera(camera: PathId, person: CameraManager, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = pauses.resume_camera(tx, person, CameraId(camera), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/cameras?done=resumed", 303)


def _find(site: Site, person: Person, camera: CameraId) -> CameraDetails | Refused:
    with site.central.reading() as session:
        return _in_service(cameras.camera_for(session, person, camera))


def _in_service(found: CameraDetails | Refused) -> CameraDetails | Refused:
    return no_such("camera") if isinstance(found, CameraDetails) and found.camera.removed_at else found


def _shown(
    site: Site, person: Person, request: Request, details: CameraDetails | None, form: CameraForm, answer: Verdict | Refused | Faults
) -> Response:
    """Show the form again with what was entered: a verdict beside it, or what stands in the way."""
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    if isinstance(answer, Faults):
        return _form(site, person, request, details, form.shown(), errors=answer.fields, status=answer.status)
    return _form(site, person, request, details, form.shown(), verdict=answer)


def _form(
    site: Site,
    person: Person,
    request: Request,
    details: CameraDetails | None,
    form: Mapping[str, object],
    *,
    errors: Mapping[str, str] | None = None,
    verdict: Verdict | None = None,
    pause: PauseForm | None = None,
    status: int = 200,
) -> Response:
    with site.central.reading() as session:
        branches = [details.branch] if details else list_branches(session, person)
        areas = offered_areas(session, person, {branch.id for branch in branches})
    version = form.get("version") or (details.camera.version if details else 0)
    context = shell(site, person, path=request.url.path) | {
        "camera": {"id": details.camera.id, "version": version} if details else None,
        "form": form,
        "errors": errors or {},
        "paused": _pause_of(details, site.clock.now()),
        "pause": {} if pause is None else {"minutes": pause.minutes, "pause_reason": pause.reason},
        "branches": branches,
        "areas": areas,
        "brands": brands(),
        "verdict": verdict,
        "has_password": bool(details and details.device.password_sealed),
        "trusted": trusted(details) if details else None,
        "offered": _offered(form, verdict),
    }
    return site.pages.render("camera_form.html", context, person=person, status=status)


def _pause_of(details: CameraDetails | None, at: datetime) -> Pause | None:
    pause = None if details is None else details.camera.pause
    return pause if pause is not None and pause.lasts(at) else None


def _offered(form: Mapping[str, object], verdict: Verdict | None) -> Certificate | None:
    """Return the certificate to offer for trust: the one a test has just seen, else the one that was ticked before."""
    if verdict is not None and verdict["certificate"] is not None:
        return verdict["certificate"]
    ticked = form.get("certificate")
    return Certificate(fingerprint=str(ticked), claim="") if ticked else None

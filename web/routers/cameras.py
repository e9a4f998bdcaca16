"""Cameras as JSON: listed for everybody who reaches them, set up by IT."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from vms.domain.camera import CameraDetails
from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services import cameras, pauses
from web import camera_acts
from web.camera_acts import Faults
from web.camera_entries import CameraEntries
from web.camera_views import document, form_of
from web.cameras_now import now
from web.deps import Rx, Site, TheSite, Tx
from web.errors import problem, refusal
from web.numbers import PathId
from web.permissions import CameraLister, CameraManager
from web.schemas.requests import CameraPatch, CameraTest, PauseOrder
from web.views import cameras_now

router = APIRouter(prefix="/api/v1/cameras")
FAULTY = "Some entries can't be used."


@router.get("")
def list_cameras(person: CameraLister, site: TheSite) -> dict[str, object]:
    return {"cameras": [document(one, person) for one in cameras_now(site, person)]}


@router.post("", status_code=201)
def add_camera(entries: CameraEntries, person: CameraManager, site: TheSite, request: Request) -> Response:
    return _answer(request, site, person, camera_acts.add(site, person, entries), status=201)


@router.post("/test")
async def test_camera(entries: CameraTest, person: CameraManager, site: TheSite, request: Request) -> Response:
    camera = None if entries.camera is None else CameraId(entries.camera)
    answer = await camera_acts.try_out(site, person, entries, camera)
    if isinstance(answer, dict):
        return JSONResponse(answer)
    return await run_in_threadpool(_not_done, request, person, answer)


@router.patch("/{camera}")
def edit_camera(camera: PathId, patch: CameraPatch, person: CameraManager, site: TheSite, rx: Rx, request: Request) -> Response:
    before = cameras.camera_for(rx, person, CameraId(camera))
    if isinstance(before, Refused):
        return refusal(request, before, person=person)
    given = patch.model_dump(exclude={"version", "password"}, exclude_none=True)
    entries = CameraEntries.model_validate(form_of(before) | given)
    password = None if patch.password is None else patch.password.get_secret_value()
    answer = camera_acts.change(site, person, CameraId(camera), entries, version=patch.version, password=password)
    return _answer(request, site, person, answer, status=200)


@router.delete("/{camera}", status_code=204)
def remove_camera(camera: PathId, person: CameraManager, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = cameras.remove_camera(tx, person, CameraId(camera), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else Response(status_code=204)


@router.put("/{camera}/pause")
def pause_camera(camera: PathId, entries: PauseOrder, person: CameraManager, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = pauses.pause_camera(tx, person, CameraId(camera), entries.pause(site.clock.now()), at=site.clock.now())
    return _answer(request, site, person, answer, status=200)


@router.delete("/{camera}/pause")
def resume_camera(camera: PathId, person: CameraManager, tx: Tx, site: TheSite, request: Request) -> Response:
    return _answer(request, site, person, pauses.resume_camera(tx, person, CameraId(camera), at=site.clock.now()), status=200)


def _answer(request: Request, site: Site, person: Person, answer: CameraDetails | Refused | Faults, *, status: int) -> Response:
    if isinstance(answer, CameraDetails):
        states = site.node.states(site.service_token())
        return JSONResponse(document(now(answer, states), person), status)
    return _not_done(request, person, answer)


def _not_done(request: Request, person: Person, answer: Refused | Faults) -> Response:
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    return problem(answer.status, next(iter(answer.fields.values())) if len(answer.fields) == 1 else FAULTY, answer.fields)

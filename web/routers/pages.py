"""The start, Live and Playback pages, and the files that pages are made of."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Permission
from vms.domain.screens import SessionKind
from vms.services.cameras import camera_for
from vms.services.district import load_district
from vms.services.footage import readable_for, showing_of
from web.deps import Rx, Site, TheSite, site_of
from web.errors import refusal
from web.numbers import id_of
from web.permissions import ANYBODY, LiveViewer, RecordedViewer, SessionOwner
from web.views import cameras_now, home, live_data, moment_ms, playback_data, shell

router = APIRouter()
FOREVER = "public, max-age=31536000, immutable"
"""For files whose name carries a hash of what they hold."""


@router.get("/")
def start(person: SessionOwner) -> Response:
    return RedirectResponse(home(person), 303)


@router.get("/live")
def live_page(person: LiveViewer, site: TheSite, request: Request) -> Response:
    if person.kind is SessionKind.WALL:
        return RedirectResponse("/wall", 303)
    context = shell(site, person, path=request.url.path)
    data = live_data(cameras_now(site, person), person, str(context["zone"]))
    return site.pages.render("live.html", context | {"data": data, "theme": "control"}, person=person)


@router.get("/playback")
def playback_page(
    *, person: RecordedViewer, site: TheSite, rx: Rx, request: Request, camera: str = "", t: str = "", replay: str = ""
) -> Response:
    number = id_of(camera)
    chosen = None if number is None else camera_for(rx, person, CameraId(number), Permission.RECORDED_VIEW)
    if isinstance(chosen, Refused):
        return refusal(request, chosen, person=person)
    context = shell(site, person, path=request.url.path)
    at = site.clock.now()
    readable = None if chosen is None else readable_for(rx, chosen, at=at)
    offered = cameras_now(site, person, Permission.RECORDED_VIEW)
    data = playback_data(offered, person, chosen=chosen, readable=readable, t_ms=moment_ms(t), at=at)
    data["replay"] = bool(replay)
    shown = showing_of(rx, person, at)
    data["showing"] = "" if shown is None else shown.number
    zone = chosen.branch.timezone if chosen else context["zone"]
    return site.pages.render("playback.html", context | {"data": data, "zone": zone}, person=person)


@router.get("/static/{path:path}", dependencies=[ANYBODY])
def static_file(path: str, site: TheSite) -> Response:
    caching = FOREVER if path.startswith("assets/") else "no-cache"
    return FileResponse(site.pages.file(path), headers={"Cache-Control": caching})


@router.get("/healthz", dependencies=[ANYBODY])
async def healthz(request: Request) -> Response:
    """Answer when the pages can be served; says nothing more to whoever asks."""
    site = site_of(request)
    await to_thread.run_sync(_read_something, site, limiter=site.liveness)
    return PlainTextResponse("ok")


def _read_something(site: Site) -> None:
    with site.central.reading() as session:
        load_district(session)

"""The access log, for Director and Auditor; reading it is an entry too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from vms.domain.ids import CameraId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services.access_log import LogPage, list_events
from vms.services.cameras import Removed, list_cameras
from vms.services.district import zone_of_district
from web.deps import Site, TheSite, Tx
from web.errors import refusal
from web.log_rows import ACTIONS, PURPOSES, Kind, Place, day_span, line_row, span_of_minutes
from web.numbers import id_of
from web.permissions import LogReader
from web.views import shell

router = APIRouter()
PAGE = 100


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What the address narrows the log by; what can't be read narrows nothing."""

    camera: str = ""
    person: str = ""
    day: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""
    """Both: who watched what of this time; clock readings of the camera's branch."""
    before: str = ""

    @property
    def of_kind(self) -> Kind:
        return Kind(self.kind) if self.kind in set(Kind) else Kind.ALL

    @property
    def actor_label(self) -> str | None:
        return f"person:{self.person}" if self.person.isdecimal() else self.person or None

    def address(self, before: int | None) -> str:
        """Return the address of the page before entry `before`, or of the newest."""
        query = {"camera": self.camera, "person": self.person, "day": self.day, "kind": self.kind}
        query |= {"since": self.since, "until": self.until, "before": str(before or "")}
        kept = urlencode({name: value for name, value in query.items() if value})
        return f"/log?{kept}" if kept else "/log"


Wanted = Annotated[LogFilter, Depends()]


@router.get("/log")
def log_page(person: LogReader, tx: Tx, site: TheSite, wanted: Wanted, request: Request) -> Response:
    # First, because it asks the recorder: a transaction that has begun holds up every writer.
    around = shell(site, person, path=request.url.path)
    zone = zone_of_district(tx)
    known = list_cameras(tx, person, removed=Removed.INCLUDED)
    places = {one.camera.id: Place(one.camera.name, one.branch.timezone) for one in known}
    page = _events(tx, site, person, wanted, zone, places)
    if isinstance(page, Refused):
        return refusal(request, page, person=person)
    chosen = places.get(CameraId(id_of(wanted.camera) or 0))
    context = around | {
        "entries": [line_row(line, places, zone) for line in page.lines],
        "filter": {"camera": wanted.camera, "kind": wanted.of_kind.value, "person": wanted.person, "day": wanted.day}
        | {"since": wanted.since, "until": wanted.until},
        "chosen": chosen.name if chosen else None,
        "chosen_zone": chosen.zone if chosen else zone,
        "cameras": [{"id": one.camera.id, "name": one.camera.name} for one in known],
        "older": wanted.address(page.lines[-1].number) if len(page.lines) == PAGE else None,
        "newer": wanted.address(None) if wanted.before else None,
        "own_number": page.own_number,
    }
    return site.pages.render("log.html", context, person=person)


@router.get("/api/v1/log")
def log_entries(person: LogReader, tx: Tx, site: TheSite, wanted: Wanted, request: Request) -> Response:
    zone = zone_of_district(tx)
    places = {one.camera.id: Place(one.camera.name, one.branch.timezone) for one in list_cameras(tx, person, removed=Removed.INCLUDED)}
    page = _events(tx, site, person, wanted, zone, places)
    if isinstance(page, Refused):
        return refusal(request, page, person=person)
    rows = [line_row(line, places, zone) for line in page.lines]
    entries = [{**entry, "at": entry["at"].isoformat() if entry["at"] else None} for entry in rows]
    return JSONResponse({"entries": entries, "next_before": rows[-1]["number"] if len(rows) == PAGE else None, "own": page.own_number})


def _events(
    session: Session, site: Site, person: Person, wanted: LogFilter, zone: str, places: Mapping[CameraId, Place]
) -> LogPage | Refused:
    camera = id_of(wanted.camera)
    chosen = places.get(CameraId(camera or 0))
    return list_events(
        session,
        person,
        at=site.clock.now(),
        before=id_of(wanted.before),
        camera_id=None if camera is None else CameraId(camera),
        actions=ACTIONS[wanted.of_kind],
        purposes=PURPOSES[wanted.of_kind],
        actor_label=wanted.actor_label,
        during=day_span(wanted.day, zone) if wanted.day else None,
        watched=span_of_minutes(wanted.since, wanted.until, chosen.zone if chosen else zone),
        limit=PAGE,
    )

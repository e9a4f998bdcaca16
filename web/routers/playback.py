"""Recorded footage: views, playlists, octets and timelines. No octet leaves before its access event is committed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import httpx
from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Send

from vms.domain.access import View
from vms.domain.camera import StreamRole
from vms.domain.ids import CameraId, SegmentId, ViewId
from vms.domain.outcome import Refused
from vms.domain.timespan import TICKS_PER_MS, Timespan, ms_of
from vms.services import footage
from web import playlist, reading
from web.deps import Site, TheSite, Tx
from web.errors import problem, refusal
from web.live_gateway import LOOK_SECONDS
from web.numbers import PathId
from web.permissions import Player, RecordedPlayer, RecordedViewer
from web.schemas.node import NodeGap
from web.schemas.requests import CloseView, OpenView
from web.security import COOKIE
from web.words import GAP_SENTENCES

router = APIRouter(prefix="/api/v1")
MAX_OCTETS = 16 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})")


@router.post("/views", status_code=201)
def open_view(order: OpenView, person: RecordedPlayer, tx: Tx, site: TheSite, request: Request) -> Response:
    span = reading.view_span(order.start, order.end)
    camera, at = CameraId(order.camera), site.clock.now()
    answer = footage.open_view(
        tx, person, camera_id=camera, purpose=order.purpose, span=span, at=at, incident=order.incident, around=order.around
    )
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else JSONResponse(_view(answer), 201)


@router.post("/views/{view}/extend")
def extend_view(view: str, person: RecordedPlayer, tx: Tx, site: TheSite, request: Request) -> Response:
    answer = footage.extend_view(tx, person, ViewId(view), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else JSONResponse(_view(answer))


@router.post("/views/{view}/close", status_code=204)
def close_view(view: str, told: CloseView, person: Player, tx: Tx, site: TheSite, request: Request) -> Response:
    intervals = [Timespan(start, end) for start, end in told.intervals if start.tzinfo and end.tzinfo and start < end]
    answer = footage.close_view(tx, person, ViewId(view), intervals=intervals, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else Response(status_code=204)


@router.get("/views/{view}/main.m3u8")
def media_playlist(
    *,
    view: str,
    person: RecordedPlayer,
    site: TheSite,
    request: Request,
    stream: StreamRole = StreamRole.MAIN,
    start: AwareDatetime | None = None,
    end: AwareDatetime | None = None,
) -> Response:
    window = reading.Part(start, end)
    answer = reading.playlist(site, person, ViewId(view), role=stream, part=window)
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else Response(answer, media_type=playlist.CONTENT_TYPE)


@router.get("/views/{view}/segments/{segment}")
async def segment_octets(
    view: str, segment: str, person: RecordedPlayer, site: TheSite, request: Request, range_: Annotated[str, Header(alias="range")] = ""
) -> Response:
    """Send one range of a segment. Its event is committed by `open_segment`; only then is the node asked."""
    asked = _RANGE.fullmatch(range_)
    if asked is None:
        return problem(416, "Ask for one range of octets, as the playlist names it.")
    first, last = int(asked[1]), int(asked[2])
    if not first <= last < first + MAX_OCTETS:
        return problem(416, f"Ask for at most {MAX_OCTETS} octets at once.")
    name = SegmentId(segment.removesuffix(playlist.SUFFIX))
    answer = await run_in_threadpool(reading.open_segment, site, person, ViewId(view), name)
    if isinstance(answer, Refused):
        return await run_in_threadpool(refusal, request, answer, person=person)
    octets = await site.node.octets(answer.token, name, first, last - first + 1)
    sending = _Sending(site, request.cookies.get(COOKIE, ""), answer.view.id, answer.view.deadline, site.clock.monotonic())
    headers = {"Content-Range": f"bytes {first}-{last}/*", "Content-Length": str(last - first + 1), "Accept-Ranges": "bytes"}
    return _Octets(sending.passed_on(octets), 206, headers=headers, media_type="video/mp4")


@router.get("/cameras/{camera}/timeline")
def timeline(camera: PathId, start: datetime, end: datetime, person: RecordedViewer, site: TheSite, request: Request) -> Response:
    window = reading.timeline_window(start, end)
    answer = reading.timeline_of(site, person, CameraId(camera), window)
    if isinstance(answer, Refused):
        return refusal(request, answer, person=person)
    if answer.window is None:
        return JSONResponse({"recorded": [], "gaps": [], "now_ms": ms_of(site.clock.now())})
    told = site.node.timeline(site.service_token(), answer.stream, answer.window)
    recorded = [[span.start // TICKS_PER_MS, span.end // TICKS_PER_MS] for span in told.recorded]
    return JSONResponse({"recorded": recorded, "gaps": [_gap(gap) for gap in told.gaps], "now_ms": ms_of(site.clock.now())})


class _Over(Exception):
    """What is being sent may be sent no longer."""


class _Octets(StreamingResponse):
    """Octets that may end early: the connection is cut, so that nobody takes a part for the whole."""

    async def stream_response(self, send: Send) -> None:
        with suppress(_Over):
            await super().stream_response(send)


@dataclass(slots=True)
class _Sending:
    """One range on its way to a browser that may read as slowly as it likes."""

    site: Site
    cookie: str
    view: ViewId
    deadline: datetime
    looked_at: float
    """Monotonic."""

    async def passed_on(self, octets: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in octets.aiter_raw():
                await self._look()
                yield chunk
        finally:
            await octets.aclose()

    async def _look(self) -> None:
        """Ask again, `LOOK_SECONDS` after the last time or at the deadline, whether sending may go on."""
        clock = self.site.clock
        if clock.monotonic() - self.looked_at < LOOK_SECONDS and clock.now() < self.deadline:
            return
        self.looked_at = clock.monotonic()
        until = await run_in_threadpool(reading.goes_on_until, self.site, self.cookie, self.view)
        if until is None:
            raise _Over
        self.deadline = until


def _view(view: View) -> dict[str, str]:
    """Return a view as its player knows it; its span is what was asked for, or less."""
    told = {"view": view.id, "deadline": view.deadline.isoformat()}
    return told if view.span is None else told | {"start": view.span.start.isoformat(), "end": view.span.end.isoformat()}


def _gap(gap: NodeGap) -> dict[str, object]:
    end_ms = None if gap.end is None else gap.end // TICKS_PER_MS
    return {"start_ms": gap.start // TICKS_PER_MS, "end_ms": end_ms, "reason": gap.reason.value, "sentence": GAP_SENTENCES[gap.reason]}

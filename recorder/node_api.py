"""The node API: footage, timelines, states and live pictures of this machine, shown to the hub under its signed grants.

It opens index and keys to read, writes nothing, and shows nothing without a grant. It listens on a Unix socket only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from recorder.footage import Footage, Playable, expected_and_recorded
from recorder.grants import Denied, Gate
from recorder.live_proxy import show_live
from recorder.probe import examine
from recorder.process import die_with_the_parent
from recorder.volumes import open_those_there
from recorder.worker_client import WorkerClient, ask_socket
from vms.clock import Clock, SystemClock
from vms.config import Settings, load_settings
from vms.crypto import KeySource, open_with, verifying_key
from vms.domain.access import Grant
from vms.domain.camera import address, password_aad, stream_path
from vms.domain.certificate import fingerprint
from vms.domain.footage import Gap
from vms.domain.ids import DeviceId, SegmentId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, datetime_of, ticks_of
from vms.errors import Corrupt, InvalidInput, NotFound, Unavailable, VmsError
from vms.log import configure, get_logger
from vms.store.database import make_engines
from vms.store.key_credential import footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore

MAX_BYTES = 16 * 1024 * 1024
MAX_WINDOW = timedelta(days=1)
"""Of a list of fragments: a playlist's day."""
MAX_TIMELINE = timedelta(days=100)
"""Of a timeline, which is drawn from runs and gaps: the longest window plus what holds may keep in sight."""
HEALTH_WINDOW = timedelta(hours=1)
log = get_logger(__name__)
_STATUS: dict[type[Exception], int] = {NotFound: 404, InvalidInput: 422, Unavailable: 503, Corrupt: 503}


class TestOrder(BaseModel):
    """A camera to try; the password stays sealed until it is here."""

    __test__ = False

    scheme: str = "rtsp"
    host: str
    port: int = 554
    path: str
    username: str = ""
    password_sealed: str = ""
    device_id: int = 0
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes work with."""

    settings: Settings
    clock: Clock
    gate: Gate
    footage: Footage
    workers: WorkerClient
    node_key: KeySource


def create_app(desk: Desk) -> FastAPI:
    """Return the application; `desk` is closed by whoever opened it."""
    app = FastAPI(title="Custodian node", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.add_exception_handler(Denied, _refuse)
    app.add_exception_handler(VmsError, _fail)
    app.get("/v1/streams/{stream_id}/fragments")(fragments)
    app.get("/v1/segments/{segment_id}/bytes")(segment_bytes)
    app.get("/v1/timeline")(timeline)
    app.get("/v1/states")(states)
    app.post("/v1/test")(test)
    app.websocket("/v1/live/{stream_id}")(live)
    return app


def desk_of(request: Request) -> Desk:
    desk = request.app.state.desk
    if not isinstance(desk, Desk):
        raise TypeError("the application was made without its desk")
    return desk


def grant_of(desk: Annotated[Desk, Depends(desk_of)], authorization: Annotated[str, Header()] = "") -> Grant:
    return desk.gate.admit(authorization)


TheDesk = Annotated[Desk, Depends(desk_of)]
TheGrant = Annotated[Grant, Depends(grant_of)]
Ticks = Annotated[int, Query(ge=0, lt=1 << 62)]


async def fragments(stream_id: int, start: Ticks, end: Ticks, desk: TheDesk, grant: TheGrant) -> dict[str, object]:
    """List what can be played of a stream, the open segment at its end, and why the rest is missing."""
    stream = StreamId(stream_id)
    span = desk.gate.footage_span(grant, stream, _window(start, end, MAX_WINDOW))
    listed = await desk.footage.listed(stream)
    found = await run_in_threadpool(desk.footage.find_sync, stream, span, listed, now=desk.clock.now())
    missing = await run_in_threadpool(desk.footage.gaps_sync, stream, span, now=desk.clock.now())
    return {"segments": [_segment(segment) for segment in found], "gaps": [_gap(gap) for gap in missing]}


async def segment_bytes(
    segment_id: str,
    offset: Annotated[int, Query(ge=0)],
    length: Annotated[int, Query(ge=1, le=MAX_BYTES)],
    desk: TheDesk,
    grant: TheGrant,
) -> Response:
    """Return plaintext octets of a segment, as far as the grant's span reaches."""
    stream = desk.gate.stream_of(SegmentId(segment_id))
    span = desk.gate.footage_span(grant, stream, None)
    listed = await desk.footage.listed(stream)
    segment = await run_in_threadpool(desk.footage.segment_sync, SegmentId(segment_id), listed, now=desk.clock.now())
    desk.gate.check_range(segment, span, offset, length)
    octets = await run_in_threadpool(desk.footage.read_sync, segment, offset, length)
    return Response(octets, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


async def timeline(stream: int, start: Ticks, end: Ticks, desk: TheDesk, grant: TheGrant) -> dict[str, object]:
    """Return recorded and missing time of a stream; no picture."""
    desk.gate.check_stream(grant, StreamId(stream))
    listed = await desk.footage.listed(StreamId(stream))
    coverage = await run_in_threadpool(
        desk.footage.timeline_sync, StreamId(stream), _window(start, end, MAX_TIMELINE), listed, now=desk.clock.now()
    )
    recorded = [{"start": ticks_of(span.start), "end": ticks_of(span.end)} for span in coverage.recorded]
    return {"stream_id": stream, "recorded": recorded, "gaps": [_gap(gap) for gap in coverage.gaps]}


async def states(desk: TheDesk, grant: TheGrant) -> dict[str, object]:
    """Return what every stream does now, with expected and recorded seconds of the last hour, and what room the volumes have left."""
    desk.gate.check_service(grant)
    told = await _told(desk)
    return {"states": await _with_seconds(desk, told.get("states", [])), "room": told.get("room")}


async def _told(desk: Desk) -> dict[str, object]:
    return await ask_socket(desk.settings.supervisor_socket, {"ask": "states"})


async def _with_seconds(desk: Desk, told: object) -> list[dict[str, object]]:
    listed = await desk.workers.listed_segments()
    now = desk.clock.now()
    span = Timespan(now - HEALTH_WINDOW, now)
    described = []
    for state in told if isinstance(told, list) else []:
        stream = StreamId(state["stream_id"])
        mine = [segment for segment in listed if segment.stream_id == stream]
        coverage = await run_in_threadpool(desk.footage.timeline_sync, stream, span, mine, now=now)
        expected, recorded = expected_and_recorded(coverage, now)
        described.append({**state, "expected_s": round(expected, 1), "recorded_s": round(recorded, 1)})
    return described


async def test(order: TestOrder, desk: TheDesk, grant: TheGrant) -> dict[str, object]:
    """Try a camera from this machine; the sealed password is opened here and nowhere else."""
    desk.gate.check_service(grant)
    try:
        target = address(order.scheme, order.host, order.port, allow_loopback=desk.settings.allow_loopback_cameras)
        path = stream_path(order.path)
        sealed = base64.b64decode(order.password_sealed, validate=True)
        certificate = fingerprint(order.certificate) if order.certificate else None
    except (ValueError, binascii.Error) as err:
        raise InvalidInput(str(err)) from err
    password = open_with(desk.node_key, sealed, password_aad(DeviceId(order.device_id), target)).decode() if sealed else ""
    verdict = await examine(
        target,
        path,
        username=order.username,
        password=password,
        allow_loopback=desk.settings.allow_loopback_cameras,
        clock=desk.clock,
        certificate=certificate,
    )
    return verdict.document()


async def live(socket: WebSocket, stream_id: int) -> None:
    """Show a stream's live pictures until the viewer leaves or the grant's deadline."""
    desk = socket.app.state.desk
    try:
        grant = desk.gate.admit(socket.headers.get("authorization", ""))
        desk.gate.check_live(grant, StreamId(stream_id))
    except Denied as err:
        await socket.accept()
        await socket.close(4403 if err.status == 403 else 4401, err.sentence[:120])
        return
    await socket.accept()
    with suppress(WebSocketDisconnect):  # the hub's side of the view was closed
        await show_live(socket, StreamId(stream_id), grant, desk.workers, desk.gate, desk.clock)


def serve(settings: Settings, clock: Clock) -> None:
    """Answer on `run/node.sock` until SIGTERM."""
    index = make_engines(settings.index_path)
    node_key = KeyFiles(settings.node_key_path)
    node_key.fresh()  # what is missing is said now, not at the first test of a camera
    keys = KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings))
    workers = WorkerClient(settings.run_dir)
    volumes = open_those_there((setting.path, setting.max_bytes) for setting in settings.volumes)
    desk = Desk(
        settings=settings,
        clock=clock,
        gate=Gate(verifying_key(settings.grant_key_path.read_bytes()), clock),
        footage=Footage(index, keys, volumes, workers),
        workers=workers,
        node_key=node_key,
    )
    _serve_metrics(desk)
    # Deflating video costs twenty times the forwarding itself; the pictures don't get smaller.
    config = uvicorn.Config(
        create_app(desk),
        uds=str(settings.node_socket),
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        keys.close()
        index.dispose()


def _serve_metrics(desk: Desk) -> None:
    """Serve the metrics beside, if they are wanted; footage is shown without them too."""
    if desk.settings.metrics_listen is None:
        return
    from recorder.metrics import Told, serve_metrics  # noqa: PLC0415 - whoever asks for no metrics needs no Prometheus

    async def tell() -> Told:
        told = await _told(desk)
        volumes, room = told.get("volumes", []), told.get("room")
        states = await _with_seconds(desk, told.get("states", []))
        return Told(states, volumes if isinstance(volumes, list) else [], room if isinstance(room, dict) else None)

    try:
        serve_metrics(desk.settings.metrics_listen, lambda: asyncio.run(tell()))
    except OSError as err:
        log.error("metrics can't be served", listen=desk.settings.metrics_listen, reason=err.strerror)


def main(arguments: Sequence[str]) -> int:
    """Run the node API of a data directory; arguments: the directory, and the process id of the supervisor."""
    die_with_the_parent(int(arguments[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor ends this process last
    settings = load_settings(Path(arguments[0]))
    configure(settings.log_format, settings.log_level)
    serve(settings, SystemClock())
    return 0


def _window(start: int, end: int, longest: timedelta) -> Timespan:
    if not start < end or end - start > longest // timedelta(seconds=1) * TICKS_PER_SECOND:
        raise InvalidInput(f"The window ends after it starts and covers at most {longest.days} days.")
    return Timespan(datetime_of(start), datetime_of(end))


def _segment(segment: Playable) -> dict[str, object]:
    init, *rest = segment.fragments
    return {
        "id": segment.id,
        "start_ticks": segment.start_ticks,
        "duration": sum(entry.duration for entry in rest),
        "init_size": init.size,
        "codec": segment.codec,
        "width": segment.width,
        "height": segment.height,
        "open": segment.is_open,
        "run_start_ms": segment.run_start_ms,
        "fragments": [[entry.size, entry.duration, int(entry.starts_with_keyframe), entry.keyframe_size] for entry in rest],
    }


def _gap(gap: Gap) -> dict[str, object]:
    return {
        "start": ticks_of(gap.start),
        "end": None if gap.end is None else ticks_of(gap.end),
        "reason": str(gap.reason),
        "detail": gap.detail,
    }


async def _refuse(_request: Request, err: Exception) -> JSONResponse:
    status, sentence = (err.status, err.sentence) if isinstance(err, Denied) else (403, str(err))
    return JSONResponse({"detail": sentence}, status)


async def _fail(_request: Request, err: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(err)}, _STATUS.get(type(err), 500))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

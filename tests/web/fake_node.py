"""A node API made of memory: footage, states and live pictures that a test puts in. It checks grants as the real one does.

`tests/recorder/test_node_api.py` tests the real one; `test_with_recorder.py` here is the contract between the two.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from fastapi import FastAPI, Header, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from vms.clock import Clock
from vms.domain.access import Grant
from vms.domain.ids import SegmentId, StreamId, split_segment_id
from vms.domain.outcome import Refused
from vms.domain.timespan import Timespan, datetime_of
from vms.services.grants import is_service, verify

NodeDocument = dict[str, object]


@dataclass(slots=True)
class FakeNode:
    """What a test puts in and looks at. Live pictures are sent from any thread."""

    public_key: bytes
    clock: Clock
    segments: dict[StreamId, list[NodeDocument]] = field(default_factory=lambda: defaultdict(list))
    octets: dict[SegmentId, bytes] = field(default_factory=dict)
    states: list[NodeDocument] = field(default_factory=list)
    room: NodeDocument | None = None
    timelines: dict[StreamId, NodeDocument] = field(default_factory=dict)
    verdicts: dict[str, NodeDocument] = field(default_factory=dict)
    """By path of the stream."""
    tests: list[NodeDocument] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Paths of every question, in order."""
    live: dict[StreamId, list[str | bytes]] = field(default_factory=lambda: defaultdict(list))
    """What a new live connection is sent first."""
    renewed: list[Grant] = field(default_factory=list)
    connected: dict[StreamId, int] = field(default_factory=lambda: defaultdict(int))
    """Live connections ever made."""
    away: bool = False
    free: threading.Event = field(default_factory=threading.Event)
    """Answers to states and timelines wait while this is clear."""
    _loop: asyncio.AbstractEventLoop | None = None
    _queues: dict[StreamId, set[asyncio.Queue[str | bytes | None]]] = field(default_factory=lambda: defaultdict(set))

    def send(self, stream: StreamId, *messages: str | bytes | None) -> None:
        """Send to every live connection of `stream`; None ends them."""

        def put() -> None:
            for queue in self._queues[stream]:
                for message in messages:
                    queue.put_nowait(message)

        assert self._loop is not None
        self._loop.call_soon_threadsafe(put)

    def watched(self, stream: StreamId) -> int:
        """Return how many live connections are open now."""
        return len(self._queues[stream])

    def app(self) -> FastAPI:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.state.node = self
        app.get("/v1/streams/{stream}/fragments")(_fragments)
        app.get("/v1/segments/{segment}/bytes")(_octets)
        app.get("/v1/timeline")(_timeline)
        app.get("/v1/states")(_states)
        app.post("/v1/test")(_test)
        app.websocket("/v1/live/{stream}")(_live)
        return app

    def __post_init__(self) -> None:
        self.free.set()

    async def hang(self) -> None:
        await asyncio.to_thread(self.free.wait)

    def admit(self, authorization: str) -> Grant | None:
        grant = verify(authorization.removeprefix("Grant "), self.public_key, at=self.clock.now())
        return None if isinstance(grant, Refused) else grant

    async def show(self, socket: WebSocket, stream: StreamId) -> None:
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        for first in self.live[stream]:
            queue.put_nowait(first)
        self._queues[stream].add(queue)
        self.connected[stream] += 1
        try:
            while (message := await queue.get()) is not None:
                await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))
            await socket.close()
        finally:
            self._queues[stream].discard(queue)

    async def hear(self, socket: WebSocket) -> None:
        while True:
            grant = self.admit(json.loads(await socket.receive_text())["grant"])
            assert grant is not None
            self.renewed.append(grant)


def _denied(node: FakeNode, authorization: str, *, stream: StreamId | None, asked: str) -> Response | None:
    node.asked.append(asked)
    grant = node.admit(authorization)
    if node.away:
        return JSONResponse({"detail": "the disk is gone"}, 503)
    if grant is None:
        return JSONResponse({"detail": "no grant"}, 401)
    covered = is_service(grant) if stream is None else stream in grant.streams and grant.span is not None
    return None if covered else JSONResponse({"detail": "not covered"}, 403)


async def _fragments(stream: int, start: int, end: int, request: Request, authorization: str = Header("")) -> Response:
    node: FakeNode = request.app.state.node
    if denied := _denied(node, authorization, stream=StreamId(stream), asked="fragments"):
        return denied
    window = Timespan(datetime_of(start), datetime_of(end))
    return JSONResponse({"segments": [one for one in node.segments[StreamId(stream)] if _span(one).overlaps(window)], "gaps": []})


async def _octets(segment: str, offset: int, length: int, request: Request, authorization: str = Header("")) -> Response:
    node: FakeNode = request.app.state.node
    if denied := _denied(node, authorization, stream=split_segment_id(SegmentId(segment))[0], asked="octets"):
        return denied
    whole = node.octets.get(SegmentId(segment))
    if whole is None:
        return JSONResponse({"detail": "no such segment"}, 404)
    if offset + length > len(whole):
        return JSONResponse({"detail": f"The segment holds {len(whole)} octets."}, 416)
    return Response(whole[offset : offset + length], media_type="application/octet-stream")


async def _timeline(stream: int, request: Request, authorization: str = Header("")) -> Response:
    node: FakeNode = request.app.state.node
    if denied := _denied(node, authorization, stream=None, asked="timeline"):
        return denied
    await node.hang()
    return JSONResponse(node.timelines.get(StreamId(stream), {"recorded": [], "gaps": []}))


async def _states(request: Request, authorization: str = Header("")) -> Response:
    node: FakeNode = request.app.state.node
    denied = _denied(node, authorization, stream=None, asked="states")
    await node.hang()
    return denied or JSONResponse({"states": node.states, "room": node.room})


async def _test(order: dict[str, object], request: Request, authorization: str = Header("")) -> Response:
    node: FakeNode = request.app.state.node
    if denied := _denied(node, authorization, stream=None, asked="test"):
        return denied
    node.tests.append({**order, "password_sealed": base64.b64decode(str(order["password_sealed"]))})
    return JSONResponse(node.verdicts.get(str(order["path"]), GOOD))


async def _live(socket: WebSocket, stream: int) -> None:
    node: FakeNode = socket.app.state.node
    await socket.accept()
    grant = node.admit(socket.headers.get("authorization", ""))
    if node.away or grant is None or grant.span is not None or StreamId(stream) not in grant.streams:
        await socket.close(4403)
        return
    showing = asyncio.ensure_future(node.show(socket, StreamId(stream)))
    hearing = asyncio.ensure_future(node.hear(socket))
    await asyncio.wait((showing, hearing), return_when=asyncio.FIRST_COMPLETED)
    for task in (showing, hearing):
        task.cancel()
    for ended in await asyncio.gather(showing, hearing, return_exceptions=True):
        if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
            raise ended


def _span(segment: NodeDocument) -> Timespan:
    start, duration = segment["start_ticks"], segment["duration"]
    assert isinstance(start, int)
    assert isinstance(duration, int)
    return Timespan(datetime_of(start), datetime_of(start + duration))


GOOD: NodeDocument = {
    "ok": True,
    "kind": "ok",
    "sentence": "The camera works and can be recorded.",
    "codec": "avc1.640028",
    "width": 1920,
    "height": 1080,
    "fps": 15.0,
    "gop_seconds": 2.0,
    "bitrate": 3_200_000,
    "clock_offset_ms": 40,
    "jitter_ms": 3.0,
    "server": "",
    "warnings": [],
}

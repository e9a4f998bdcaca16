"""Ask the node for footage, timelines, states, tests and live pictures, over its Unix socket and under signed grants."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from vms.clock import Clock
from vms.domain.camera import StreamConfig
from vms.domain.ids import SegmentId, StreamId
from vms.domain.timespan import Timespan, ticks_of
from vms.errors import NotFound, Unavailable
from web.schemas.node import NodeFragments, NodeRoom, NodeState, NodeStates, NodeTimeline, NodeVerdict

ANSWER_SECONDS = 10.0
TEST_SECONDS = 40.0
STATES_ANSWER_SECONDS = 2.0
"""Every page waits for the states: a node that hangs must not hold them for long."""
STATES_SECONDS = 1.0
"""Pages and their chips ask at the same moment; one answer serves them all."""
STATES_WHILE_ASKED_SECONDS = 5.0
"""While one thread asks anew, the others make do with an answer that is at most so old."""
MAX_LIVE_MESSAGE_BYTES = 16 * 1024 * 1024
AWAY = "The recorder does not answer. Recordings and live pictures come back when it runs again."
_BASE = "http://node"

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A stream's live pictures: iterate for messages, bytes for pictures and text for the rest."""

    connection: ClientConnection

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return aiter(self.connection)

    async def renew(self, token: str) -> None:
        with suppress(ConnectionClosed):  # whoever iterates learns it too, and connects again
            await self.connection.send(json.dumps({"grant": token}))


@dataclass(frozen=True, slots=True)
class _States:
    """What the node told, or that it told nothing, which is an answer too."""

    at: float
    """Monotonic."""
    told: NodeStates | None


@dataclass(slots=True)
class NodeClient:
    """One node. The blocking calls are for threads; `aclose` and `close` end both kinds."""

    socket: Path
    clock: Clock
    _blocking: httpx.Client = field(init=False)
    _async: httpx.AsyncClient = field(init=False)
    _states: _States | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        # Over a Unix socket nothing is TLS: reading the system's authorities would only take time.
        tls, path = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), str(self.socket)
        self._blocking = httpx.Client(
            transport=httpx.HTTPTransport(uds=path, verify=tls), base_url=_BASE, timeout=ANSWER_SECONDS, trust_env=False
        )
        self._async = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=path, verify=tls), base_url=_BASE, timeout=ANSWER_SECONDS, trust_env=False
        )

    async def aclose(self) -> None:
        self._blocking.close()
        await self._async.aclose()

    def fragments(self, token: str, stream: StreamId, window: Timespan) -> NodeFragments:
        """Return what can be played of `window`, the open segment at its end; NotFound when the grant doesn't cover it."""
        return self._get(f"/v1/streams/{stream}/fragments", NodeFragments, token, _window(window))

    def timeline(self, token: str, stream: StreamId, window: Timespan) -> NodeTimeline:
        return self._get("/v1/timeline", NodeTimeline, token, {"stream": stream, **_window(window)})

    def states(self, token: str) -> dict[StreamId, NodeState] | None:
        """Return what each stream does now; None when the recorder doesn't answer. One thread at a time waits for it."""
        told = self._told(token)
        return None if told is None else {StreamId(state.stream_id): state for state in told.states}

    def room(self, token: str) -> NodeRoom | None:
        """Return what room the volumes have left; None when the recorder doesn't answer, or has not measured it. Asked with the states."""
        told = self._told(token)
        return None if told is None else told.room

    def _told(self, token: str) -> NodeStates | None:
        if (known := self._states_within(STATES_SECONDS)) is not None:
            return known.told
        last = self._states_within(STATES_WHILE_ASKED_SECONDS)
        if not self._lock.acquire(blocking=last is None):
            return last.told if last is not None else None
        try:
            if (known := self._states_within(STATES_SECONDS)) is None:
                told = self._ask_states(token)
                known = self._states = _States(self.clock.monotonic(), told)
            return known.told
        finally:
            self._lock.release()

    def _states_within(self, seconds: float) -> _States | None:
        known = self._states
        return known if known is not None and self.clock.monotonic() - known.at <= seconds else None

    def _ask_states(self, token: str) -> NodeStates | None:
        try:
            return self._get("/v1/states", NodeStates, token, {}, timeout=STATES_ANSWER_SECONDS)
        except Unavailable:
            return None

    async def test(self, token: str, config: StreamConfig) -> NodeVerdict:
        """Have the node try a camera for some seconds; the password stays sealed on the way."""
        order = {
            "scheme": config.address.scheme.value,
            "host": config.address.host,
            "port": config.address.port,
            "path": config.path,
            "username": config.username,
            "password_sealed": base64.b64encode(config.password_sealed).decode(),
            "device_id": config.device_id,
            "certificate": (config.certificate_sha256 or b"").hex(),
        }
        try:
            answer = await self._async.post("/v1/test", json=order, headers=_grant(token), timeout=TEST_SECONDS)
        except httpx.TransportError as err:
            raise Unavailable(AWAY) from err
        return _read(answer, NodeVerdict)

    async def octets(self, token: str, segment: SegmentId, offset: int, length: int) -> httpx.Response:
        """Open a stream of a segment's octets; whoever gets it iterates `aiter_raw` and calls `aclose`."""
        url = f"/v1/segments/{segment}/bytes"
        request = self._async.build_request("GET", url, params={"offset": offset, "length": length}, headers=_grant(token))
        try:
            answer = await self._async.send(request, stream=True)
            if not answer.is_success:
                await answer.aread()
        except httpx.TransportError as err:
            raise Unavailable(AWAY) from err
        _raise_for(answer)
        return answer

    @asynccontextmanager
    async def live(self, token: str, stream: StreamId) -> AsyncIterator[LiveLink]:
        """Open a stream's live pictures. Unavailable when the node is away or goes away."""
        try:
            async with unix_connect(
                str(self.socket),
                f"ws://node/v1/live/{stream}",
                additional_headers=_grant(token),
                compression=None,
                max_size=MAX_LIVE_MESSAGE_BYTES,
                max_queue=64,
                ping_interval=None,
                close_timeout=1,
            ) as connection:
                yield LiveLink(connection)
        except (OSError, InvalidHandshake, TimeoutError, WebSocketException) as err:
            raise Unavailable(AWAY) from err

    def _get(self, path: str, shape: type[Answer], token: str, params: dict[str, int], *, timeout: float | None = None) -> Answer:
        try:
            answer = self._blocking.get(path, params=params, headers=_grant(token), timeout=timeout or ANSWER_SECONDS)
        except httpx.TransportError as err:
            raise Unavailable(AWAY) from err
        return _read(answer, shape)


def _read(answer: httpx.Response, shape: type[Answer]) -> Answer:
    _raise_for(answer)
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError as err:
        raise Unavailable(f"The recorder's answer to {answer.request.url.path} can't be read. Do both run the same version?") from err


def _raise_for(answer: httpx.Response) -> None:
    """Translate the node's refusals: what a grant doesn't cover does not exist for whoever holds it."""
    if answer.is_success:
        return
    if answer.status_code in (403, 404, 416):
        raise NotFound("There is no footage here, or none that this view covers.")
    raise Unavailable(f"The recorder could not answer ({answer.status_code}): {_sentence(answer)}")


def _sentence(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError:
        return "no reason given"
    return str(document.get("detail", "no reason given")) if isinstance(document, dict) else "no reason given"


def _grant(token: str) -> dict[str, str]:
    return {"Authorization": f"Grant {token}"}


def _window(window: Timespan) -> dict[str, int]:
    return {"start": ticks_of(window.start), "end": ticks_of(window.end)}

"""Carry a stream's live frames from its worker to a viewer's socket, and end with the grant."""

from __future__ import annotations

import asyncio
import json
from typing import Protocol

from recorder.grants import Denied, Gate
from recorder.worker_client import WorkerClient
from vms.clock import Clock
from vms.domain.access import Grant
from vms.domain.ids import StreamId

RETRY_SECONDS = 0.5
GRANT_ENDED = 4401
_LOOK_SECONDS = 1.0


class ViewerSocket(Protocol):
    """The hub's end of a live view."""

    async def send_text(self, data: str) -> None: ...

    async def send_bytes(self, data: bytes) -> None: ...

    async def receive_text(self) -> str: ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None: ...


class _Deadline:
    """Until when the view is granted; a grant for the same stream that lasts longer moves it."""

    def __init__(self, grant: Grant, stream: StreamId, gate: Gate, clock: Clock) -> None:
        self._grant = grant
        self._stream = stream
        self._gate = gate
        self._clock = clock

    def extend(self, token: str) -> None:
        grant = self._gate.admit_token(token)
        self._gate.check_live(grant, self._stream)
        # One connection serves all windows of a stream: one that may watch shorter takes nothing from the others.
        if grant.deadline > self._grant.deadline:
            self._grant = grant

    async def passed(self) -> None:
        """Return when the grant has ended. Looked at each second: the deadline moves, and the wall clock may step."""
        while self._clock.now() < self._grant.deadline:  # noqa: ASYNC110 - it is the time that is waited for
            await asyncio.sleep(_LOOK_SECONDS)


async def show_live(socket: ViewerSocket, stream: StreamId, grant: Grant, workers: WorkerClient, gate: Gate, clock: Clock) -> None:
    """Forward until the viewer leaves (its exception passes on) or the grant ends (then the socket is closed with 4401)."""
    deadline = _Deadline(grant, stream, gate, clock)
    tasks = [
        asyncio.create_task(_forward(socket, stream, workers)),
        asyncio.create_task(_listen(socket, deadline)),
        asyncio.create_task(deadline.passed()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await socket.close(GRANT_ENDED, "The grant has ended.")
    except Denied as err:
        await socket.close(GRANT_ENDED, err.sentence[:120])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(socket: ViewerSocket, stream: StreamId, workers: WorkerClient) -> None:
    """Send frames; when the stream's worker ends, look for the one that takes it over."""
    while True:
        async for frame in workers.live(stream):
            if frame.is_text:
                await socket.send_text(frame.payload.decode())
            else:
                await socket.send_bytes(frame.payload)
        await asyncio.sleep(RETRY_SECONDS)


async def _listen(socket: ViewerSocket, deadline: _Deadline) -> None:
    """Take extended grants from the hub."""
    while True:
        try:
            message = json.loads(await socket.receive_text())
        except ValueError as err:
            raise Denied(401, "That is no grant.") from err
        deadline.extend(str(message.get("grant", "")) if isinstance(message, dict) else "")

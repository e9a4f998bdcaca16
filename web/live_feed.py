"""One stream from the node, shared by every window that watches it: one connection, one GOP in memory, any number of viewers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from pydantic import ValidationError

from vms.clock import Clock
from vms.domain.camera import CameraState
from vms.domain.ids import StreamId
from vms.domain.timespan import ms_of
from vms.errors import Unavailable, reason_of
from vms.log import get_logger
from web.live_outbox import Channel, Picture
from web.schemas.node import NodeInit, NodeLiveState
from web.words import RECORDER_AWAY, STATE_SENTENCES

MAX_GOP_BYTES = 8 * 1024 * 1024
"""Beyond this a new viewer waits for the next keyframe."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0

log = get_logger(__name__)


class LiveConnection(Protocol):
    """The node's end of a stream."""

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...

    async def renew(self, token: str) -> None:
        """Hand over a grant with a later deadline."""
        ...


class LiveSource(Protocol):
    """Where live pictures come from: the node, under a grant."""

    def live(self, token: str, stream: StreamId) -> AbstractAsyncContextManager[LiveConnection]: ...


class Feed:
    """All calls on the web server's event loop. The task that reads the node runs while there are viewers."""

    def __init__(self, stream: StreamId, source: LiveSource, clock: Clock) -> None:
        self.stream = stream
        self._source = source
        self._clock = clock
        self._viewers: dict[Channel, None] = {}
        self._init: Mapping[str, object] | None = None
        self._gop: list[Picture] = []
        self._gop_bytes = 0
        self._state: Mapping[str, object] = self._told(CameraState.CONNECTING, None, STATE_SENTENCES[CameraState.CONNECTING])
        self._connection: LiveConnection | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def watched(self) -> bool:
        return bool(self._viewers)

    def join(self, channel: Channel) -> None:
        """Add a viewer: it is told the state, and finds the pictures since the last keyframe in its queue."""
        self._viewers[channel] = None
        channel.tell(self._state)
        if self._init is not None:
            channel.start(self._init, self._gop)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"live feed {self.stream}")

    def leave(self, channel: Channel) -> None:
        self._viewers.pop(channel, None)

    async def stop(self) -> None:
        """Part from the node; called when the last viewer has left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def renew(self, token: str) -> None:
        """Hand the node a grant with a later deadline."""
        if self._connection is not None:
            await self._connection.renew(token)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._viewers:
            began = self._clock.monotonic()
            try:
                async with self._source.live(self._newest_token(), self.stream) as connection:
                    self._connection = connection
                    async for message in connection:
                        self._take(message)
            except Unavailable as err:
                log.info("live feed interrupted", stream=self.stream, reason=reason_of(err))
            self._interrupted()
            pause = (
                FIRST_PAUSE_SECONDS if self._clock.monotonic() - began > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            )
            await asyncio.sleep(pause)

    def _newest_token(self) -> str:
        return next(reversed(self._viewers)).token

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._picture(Picture(message))
        elif '"init"' in message:
            self._begin(_init(message))
        else:
            self._tell_state(message)

    def _picture(self, picture: Picture) -> None:
        if picture.keyframe:
            self._gop = []
            self._gop_bytes = 0
        if picture.keyframe or self._gop:
            self._gop.append(picture)
            self._gop_bytes += len(picture)
        if self._gop_bytes > MAX_GOP_BYTES:
            self._gop = []
            self._gop_bytes = 0
        for channel in self._viewers:
            channel.offer(picture)

    def _begin(self, init: NodeInit) -> None:
        self._gop, self._gop_bytes = [], 0
        self._init = {
            "t": "init",
            "codec": init.codec,
            "w": init.width,
            "h": init.height,
            "epoch": str(init.epoch),
            "wall_at_zero_ms": init.wall_at_zero_ms,
            "init": init.init,
        }
        for channel in self._viewers:
            channel.start(self._init, ())

    def _tell_state(self, message: str) -> None:
        try:
            state = NodeLiveState.model_validate_json(message)
        except ValidationError:
            return  # a newer node says more than this hub knows
        self._state = self._told(state.state, state.since_ms, STATE_SENTENCES[state.state])
        self._tell_all()

    def _interrupted(self) -> None:
        """The node went away: what comes next is a new epoch, and nobody is started with old pictures."""
        self._connection = None
        self._init, self._gop, self._gop_bytes = None, [], 0
        self._state = self._told(CameraState.CONNECTING, ms_of(self._clock.now()), RECORDER_AWAY)
        self._tell_all()

    def _tell_all(self) -> None:
        for channel in self._viewers:
            channel.tell(self._state)

    @staticmethod
    def _told(state: CameraState, since_ms: int | None, sentence: str) -> Mapping[str, object]:
        return {"t": "state", "state": state.value, "since": since_ms, "sentence": sentence}


def _init(message: str) -> NodeInit:
    try:
        return NodeInit.model_validate_json(message)
    except ValidationError as err:
        raise Unavailable("The recorder's live pictures begin in a way that this version can't read.") from err

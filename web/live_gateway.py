"""Live pictures for browsers: one WebSocket per window, many numbered channels in it, every view in the log before its first picture.

Messages are described in web/README.md. A window has three tasks: hear the browser, carry out what it asked, send. One task
for all windows looks at sessions, roles and reach again. Nothing here decides who may watch: `web.live_views` asks the
services.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from vms.clock import Clock
from vms.domain.ids import CameraId, StreamId, ViewId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.timespan import Timespan, ms_of
from web.live_feed import Feed, LiveSource
from web.live_outbox import Channel, Outbox, Streamed
from web.live_views import Glance, LiveView, LiveViews, Looked
from web.numbers import BodyId

LOOK_SECONDS = 4.0
"""A session that ended, a role or a camera taken away: so long at most until the pictures stop."""
THREADS = 4
"""For opening and closing views. The look has a thread of its own: pages that wait for the recorder must not keep pictures going."""
MAX_CHANNELS = 64
MAX_WAITING = 512
MAX_ANSWERS = 256
"""A window that asks on and does not read what it is answered is let go."""
MAX_WINDOWS = 16
"""Of one sign-in."""
MAX_REFUSALS = 20
REFUSALS_SECONDS = 60.0
"""A window that is refused more often in this time is no window of ours."""
MAX_MESSAGE_CHARS = 4096

NOT_UNDERSTOOD = 4400
SESSION_ENDED = 4401
TOO_MANY = 4429
REASONS = {TOO_MANY: f"At most {MAX_WINDOWS} live windows of one sign-in, and {MAX_REFUSALS} refusals a minute in each."}


class Subscribe(BaseModel):
    t: Literal["sub"]
    ch: int = Field(ge=1, le=65535)
    camera: BodyId
    stream: Literal["main", "sub", "auto"] = "auto"


class Unsubscribe(BaseModel):
    t: Literal["unsub"]
    ch: int


class Ping(BaseModel):
    t: Literal["ping"]


Message = Annotated[Subscribe | Unsubscribe | Ping, Field(discriminator="t")]
_MESSAGES: TypeAdapter[Subscribe | Unsubscribe | Ping] = TypeAdapter(Message)


@dataclass(slots=True)
class LiveGateway:
    """One per process; owns the feeds. All calls on the event loop."""

    source: LiveSource
    views: LiveViews
    clock: Clock
    look_seconds: float = LOOK_SECONDS
    max_channels: int = MAX_CHANNELS
    _feeds: dict[StreamId, Feed] = field(default_factory=dict)
    _windows: dict[_Window, None] = field(default_factory=dict)
    _look: asyncio.Task[int | None] | None = None
    _look_thread: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))

    async def serve(self, websocket: WebSocket, person: Person, cookie: str) -> None:
        """Show live pictures to one window until it leaves or its session ends."""
        await websocket.accept()
        if sum(window.cookie == cookie for window in self._windows) >= MAX_WINDOWS:
            return await websocket.close(TOO_MANY, REASONS[TOO_MANY])
        window = _Window(self, websocket, person, cookie)
        self._windows[window] = None
        duties = [asyncio.create_task(duty) for duty in (window.hear(), window.carry_out(), window.send())]
        try:
            # A window that nobody looks after any more must not go on: it ends with the look itself.
            ends: list[asyncio.Future[int | None]] = [*duties, window.over, self._looking()]
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._windows[window]
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await window.end()
        for code in [task.result() for task in done]:
            if code is not None:
                return await _tell(websocket, code)
        return None

    def _looking(self) -> asyncio.Task[int | None]:
        """Return the task that looks at every window again and again."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._look_after_windows(), name="live windows")
        return self._look

    async def _look_after_windows(self) -> int | None:
        while self._windows:
            await asyncio.sleep(self.look_seconds)
            windows = list(self._windows)
            found = await to_thread.run_sync(self.views.look, [window.glance() for window in windows], limiter=self._look_thread)
            # Together, so that no window's end waits for what another has to close.
            await asyncio.gather(*(window.heed(looked) for window, looked in zip(windows, found, strict=True)))
        return None

    async def open_views(self, person: Person, cameras: Sequence[CameraId]) -> list[LiveView | Refused]:
        return await to_thread.run_sync(self.views.open, person, cameras, limiter=self._threads)

    async def close_views(self, person: Person, views: Mapping[ViewId, Sequence[Timespan]]) -> None:
        await to_thread.run_sync(self.views.close, person, views, limiter=self._threads)

    async def join(self, channel: Channel) -> None:
        feed = self._feeds.get(channel.stream)
        if feed is None:
            feed = self._feeds[channel.stream] = Feed(channel.stream, self.source, self.clock)
        feed.join(channel)
        await feed.renew(channel.token)

    async def leave(self, channel: Channel) -> None:
        channel.close()
        feed = self._feeds.get(channel.stream)
        if feed is None:
            return
        feed.leave(channel)
        if not feed.watched:
            del self._feeds[channel.stream]
            await feed.stop()

    async def renew(self, stream: StreamId, token: str) -> None:
        if (feed := self._feeds.get(stream)) is not None:
            await feed.renew(token)


@dataclass(slots=True)
class _Watched:
    """One camera in one window: one view, however many of its streams are shown."""

    live: LiveView
    streamed: Streamed = field(default_factory=Streamed)
    channels: dict[int, Channel] = field(default_factory=dict)


class _Window:
    """One browser window. Duties return a close code, or None when the browser has left; `over` is set from outside."""

    def __init__(self, gateway: LiveGateway, websocket: WebSocket, person: Person, cookie: str) -> None:
        self._gateway = gateway
        self._websocket = websocket
        self._person = person
        self.cookie = cookie
        self._outbox = Outbox(gateway.clock)
        self._asked: list[Subscribe | Unsubscribe] = []
        self._something_asked = asyncio.Event()
        self._watched: dict[CameraId, _Watched] = {}
        self._changing = asyncio.Lock()
        self._refused_at: list[float] = []
        self.over: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def hear(self) -> int | None:
        """Take the browser's messages."""
        while True:
            try:
                text = await self._websocket.receive_text()
            except (WebSocketDisconnect, KeyError):  # Starlette raises KeyError for a binary message
                return None
            message = _read(text)
            if message is None or len(self._asked) >= MAX_WAITING or self._outbox.answers >= MAX_ANSWERS:
                return NOT_UNDERSTOOD
            if isinstance(message, Ping):
                self._outbox.tell({"t": "pong", "now": ms_of(self._gateway.clock.now())})
            else:
                self._asked.append(message)
                self._something_asked.set()

    async def carry_out(self) -> int | None:
        """Subscribe and unsubscribe; what was asked together is one transaction, and the last word about a channel counts."""
        while True:
            await self._something_asked.wait()
            self._something_asked.clear()
            asked = {message.ch: message for message in self._asked}
            self._asked = []
            async with self._changing:
                await self._change([*asked.values()])
            if self._refused_too_often():
                return TOO_MANY

    async def _change(self, asked: Sequence[Subscribe | Unsubscribe]) -> None:
        wanted = self._within_room([message for message in asked if isinstance(message, Subscribe)])
        refused = await self._open_views(wanted)
        self._refused_at += [self._gateway.clock.monotonic()] * len(refused)
        # First what comes, then what goes: a camera that changes from sub to main stays one view.
        for message in wanted:
            await self._detach(message.ch)
            await self._show(message, refused)
        for number in {message.ch for message in asked if isinstance(message, Unsubscribe)}:
            await self._detach(number)
        await self._close_unwatched()

    def _within_room(self, wanted: Sequence[Subscribe]) -> list[Subscribe]:
        """Return what still has room in this window; the rest is denied before a view of it is opened."""
        taken = {number for watched in self._watched.values() for number in watched.channels}
        found = []
        for message in wanted:
            if message.ch in taken or len(taken) < self._gateway.max_channels:
                taken.add(message.ch)
                found.append(message)
            else:
                self._deny(message.ch, f"One window shows at most {self._gateway.max_channels} pictures.")
        return found

    def _refused_too_often(self) -> bool:
        now = self._gateway.clock.monotonic()
        self._refused_at = [at for at in self._refused_at if now - at < REFUSALS_SECONDS]
        return len(self._refused_at) > MAX_REFUSALS

    async def send(self) -> int | None:
        clock, websocket = self._gateway.clock, self._websocket
        try:
            while True:
                message, streamed = await self._outbox.take()
                if isinstance(message, str):
                    await websocket.send_text(message)
                    continue
                await websocket.send_bytes(message)
                if streamed is not None:
                    streamed.sent(clock.now())
        except WebSocketDisconnect:
            return None

    def glance(self) -> Glance:
        return Glance(self.cookie, [watched.live for watched in self._watched.values()])

    async def heed(self, looked: Looked | Refused) -> None:
        """End with the session, follow a changed role or reach, take over what was renewed."""
        if self.over.done():
            return
        if isinstance(looked, Refused):
            self.over.set_result(SESSION_ENDED)
            return
        self._person = looked.person
        async with self._changing:
            for watched in self._watched.values():
                await self._follow(watched, looked.renewed.get(watched.live.view.id), looked.ended.get(watched.live.view.id))
            await self._close_unwatched()

    async def end(self) -> None:
        """Close every view with what was really streamed."""
        for watched in self._watched.values():
            for channel in watched.channels.values():
                await self._gateway.leave(channel)
            watched.channels.clear()
        await self._close_unwatched()

    async def _follow(self, watched: _Watched, renewed: LiveView | None, ended: Refused | None) -> None:
        if renewed is not None:
            watched.live = renewed
            for channel in watched.channels.values():
                channel.token = renewed.token
                await self._gateway.renew(channel.stream, renewed.token)
        if ended is not None:
            for number in list(watched.channels):
                await self._detach(number)
                self._deny(number, ended.sentence)

    async def _open_views(self, wanted: Sequence[Subscribe]) -> dict[CameraId, Refused]:
        """Open the views that are needed and not open yet: their events are committed when this returns."""
        missing = list({CameraId(message.camera) for message in wanted} - self._watched.keys())
        answers = await self._gateway.open_views(self._person, missing) if missing else []
        refused = {}
        for camera, answer in zip(missing, answers, strict=True):
            if isinstance(answer, Refused):
                refused[camera] = answer
            else:
                self._watched[camera] = _Watched(answer)
        return refused

    async def _show(self, message: Subscribe, refused: Mapping[CameraId, Refused]) -> None:
        camera = CameraId(message.camera)
        if camera in refused:
            return self._deny(message.ch, refused[camera].sentence)
        watched = self._watched[camera]
        stream = watched.live.stream(message.stream)
        if stream is None:
            return self._deny(message.ch, "This camera has no stream.")
        channel = Channel(message.ch, stream, watched.live.token, self._outbox, watched.streamed)
        watched.channels[message.ch] = channel
        return await self._gateway.join(channel)

    async def _detach(self, number: int) -> None:
        for watched in self._watched.values():
            channel = watched.channels.pop(number, None)
            if channel is not None:
                await self._gateway.leave(channel)

    async def _close_unwatched(self) -> None:
        """With a camera's last channel its view ends."""
        gone = [camera for camera, watched in self._watched.items() if not watched.channels]
        closed = [self._watched.pop(camera) for camera in gone]
        if closed:
            intervals = {watched.live.view.id: watched.streamed.intervals() for watched in closed}
            await self._gateway.close_views(self._person, intervals)

    def _deny(self, number: int, sentence: str) -> None:
        self._outbox.tell({"t": "state", "ch": number, "state": "denied", "since": None, "sentence": sentence})


async def _tell(websocket: WebSocket, code: int) -> None:
    """Say why a window ends, to a browser that is still there."""
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect):
            await websocket.close(code, REASONS.get(code))


def _read(text: str) -> Subscribe | Unsubscribe | Ping | None:
    if len(text) > MAX_MESSAGE_CHARS:
        return None
    try:
        return _MESSAGES.validate_json(text)
    except ValidationError:
        return None

"""What waits to be sent to one browser window: bounded per channel in size and time, dropping to the next keyframe where it lags."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vms.clock import Clock
from vms.domain.ids import StreamId
from vms.domain.timespan import Timespan

MAX_CHANNEL_BYTES = 4 * 1024 * 1024
MAX_WAIT_SECONDS = 2.0
"""A viewer who gets pictures later than this does not watch live."""
KEYFRAME = 1
SILENCE = timedelta(seconds=10)
"""Pictures further apart than this belong to two intervals of what was really streamed."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A one-frame fragment, as the node sent it: one octet of flags, then the fragment."""

    message: bytes

    @property
    def keyframe(self) -> bool:
        return bool(self.message[0] & KEYFRAME)

    def __len__(self) -> int:
        return len(self.message)


@dataclass(slots=True)
class Streamed:
    """When pictures of one view were really sent."""

    _intervals: list[tuple[datetime, datetime]] = field(default_factory=list)

    def sent(self, at: datetime) -> None:
        if self._intervals and timedelta(0) <= at - self._intervals[-1][1] <= SILENCE:
            self._intervals[-1] = (self._intervals[-1][0], at)
        else:
            self._intervals.append((at, at))

    def intervals(self) -> list[Timespan]:
        moment = timedelta(milliseconds=1)
        return [Timespan(start, max(end, start + moment)) for start, end in self._intervals]


@dataclass(slots=True, eq=False)
class Channel:
    """One stream in one window. Filled by the stream's feed, emptied by the window's sender."""

    number: int
    stream: StreamId
    token: str
    """The grant of its view, renewed while it is watched."""
    outbox: Outbox
    streamed: Streamed
    dropped: int = 0
    """Pictures that this viewer was too slow for."""
    _queued: int = 0
    _queued_at: deque[float] = field(default_factory=deque)
    """Of each picture that waits, monotonic."""
    _limit: int = MAX_CHANNEL_BYTES
    _waits_for_keyframe: bool = True

    def tell(self, message: Mapping[str, object]) -> None:
        """Queue a JSON message about this channel."""
        self.outbox.put(_Item(json.dumps({**message, "ch": self.number}), self))

    def start(self, init: Mapping[str, object], pictures: Sequence[Picture]) -> None:
        """Queue the beginning of an epoch whole: it does not count as lagging."""
        self._forget_pictures()
        self._limit = MAX_CHANNEL_BYTES + sum(map(len, pictures))
        self.tell(init)
        for picture in pictures:
            self.offer(picture)

    def offer(self, picture: Picture) -> None:
        """Queue a picture, or drop what waits when the viewer lags; after a drop it goes on with the next keyframe."""
        now = self.outbox.clock.monotonic()
        if self._queued + len(picture) > self._limit or (self._queued_at and now - self._queued_at[0] > MAX_WAIT_SECONDS):
            self.dropped += self._forget_pictures()
        if self._waits_for_keyframe and not picture.keyframe:
            self.dropped += 1
            return
        self._waits_for_keyframe = False
        self._queued += len(picture)
        self._queued_at.append(now)
        self.outbox.put(_Item(picture, self))

    def close(self) -> None:
        """Send nothing more of this channel."""
        self.outbox.forget(self, _anything)

    def taken(self, picture: Picture) -> None:
        self._queued -= len(picture)
        self._queued_at.popleft()
        if not self._queued:
            self._limit = MAX_CHANNEL_BYTES

    def _forget_pictures(self) -> int:
        self._queued, self._limit, self._waits_for_keyframe = 0, MAX_CHANNEL_BYTES, True
        self._queued_at.clear()
        return self.outbox.forget(self, _is_picture)


@dataclass(frozen=True, slots=True)
class _Item:
    payload: Picture | str
    channel: Channel | None


@dataclass(slots=True)
class Outbox:
    """One window's queue, in the order of arrival over all channels."""

    clock: Clock
    _items: deque[_Item] = field(default_factory=deque)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)
    answers: int = 0
    """Messages of no channel that wait: what a window asks for faster than it reads."""

    def put(self, item: _Item) -> None:
        self._items.append(item)
        self._filled.set()

    def tell(self, message: Mapping[str, object]) -> None:
        """Queue a JSON message of no channel."""
        self.answers += 1
        self.put(_Item(json.dumps(message), None))

    def forget(self, channel: Channel, unwanted: Callable[[_Item], bool]) -> int:
        """Take a channel's unwanted messages out of the queue; returns how many."""
        before = len(self._items)
        self._items = deque(item for item in self._items if item.channel is not channel or not unwanted(item))
        return before - len(self._items)

    async def take(self) -> tuple[bytes | str, Streamed | None]:
        """Wait for the next message; a picture comes with the record of what was streamed."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        item = self._items.popleft()
        self.answers -= item.channel is None
        if isinstance(item.payload, str) or item.channel is None:
            return str(item.payload), None
        item.channel.taken(item.payload)
        return _framed(item.channel.number, item.payload), item.channel.streamed


def _framed(number: int, picture: Picture) -> bytes:
    """Return u16 channel ‖ u8 flags ‖ fragment."""
    return number.to_bytes(2) + picture.message


def _anything(_item: _Item) -> bool:
    return True


def _is_picture(item: _Item) -> bool:
    return isinstance(item.payload, Picture)

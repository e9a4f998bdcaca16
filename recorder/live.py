"""Hand a stream's pictures to whoever watches it, muxed once; a stream that nobody watches costs a list of references.

What a viewer gets first is the GOP in memory: every picture since the last keyframe. Bounds: the GOP kept for viewers is
given up beyond 4 MiB (a viewer then waits for the next keyframe), a slow viewer's queue beyond 4 MiB (it goes on at the
next keyframe). Nothing here reaches the record path.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from recorder.clock import RunClock, WallAnchor
from recorder.rtp.access_unit import UNIT_BYTES, AccessUnit, held_bytes
from vms.domain.timespan import TICKS_PER_MS
from vms.media.fmp4 import ParameterSets, Samples, init_segment, whole_fragment

MAX_GOP_BYTES = 4 * 1024 * 1024
MAX_VIEWER_BYTES = 4 * 1024 * 1024
_DELTA = b"\x00"
_KEYFRAME = b"\x01"


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """What goes to a viewer: JSON text, or one byte of flags (1 = keyframe) and a one-frame fragment."""

    payload: bytes
    is_text: bool
    keyframe: bool = False


class Viewer:
    """One subscriber's bounded queue. Filled by the stream, drained by the task that owns the viewer's connection."""

    def __init__(self) -> None:
        self._queue: deque[LiveMessage] = deque()
        self._bytes = 0
        self._limit = MAX_VIEWER_BYTES
        self._waits_for_keyframe = False
        self._filled = asyncio.Event()
        self.dropped = 0
        """Pictures that this viewer was too slow for."""

    def start(self, messages: list[LiveMessage]) -> None:
        """Queue an epoch's beginning whole; it does not count as lagging."""
        self._limit = MAX_VIEWER_BYTES + sum(len(message.payload) for message in messages)
        for message in messages:
            self.offer(message)

    def offer(self, message: LiveMessage) -> None:
        """Queue `message`, or drop it when the viewer lags; after a drop it goes on with the next keyframe."""
        if not message.is_text:
            if self._bytes + len(message.payload) > self._limit:
                self._drop_pictures()
            if self._waits_for_keyframe and not message.keyframe:
                self.dropped += 1
                return
            self._waits_for_keyframe = False
        self._queue.append(message)
        self._bytes += len(message.payload)
        self._filled.set()

    async def take(self) -> list[LiveMessage]:
        """Wait for messages and return all that are queued."""
        await self._filled.wait()
        self._filled.clear()
        messages = list(self._queue)
        self._queue.clear()
        self._bytes = 0
        self._limit = MAX_VIEWER_BYTES
        return messages

    def _drop_pictures(self) -> None:
        kept = [message for message in self._queue if message.is_text]
        self.dropped += len(self._queue) - len(kept)
        self._queue = deque(kept)
        self._bytes = sum(len(message.payload) for message in kept)
        self._waits_for_keyframe = True


class LiveStream:
    """The live side of one stream. All calls on the worker's event loop."""

    def __init__(self, anchor: WallAnchor, *, first_viewer: Callable[[], None], no_viewer: Callable[[], None]) -> None:
        """`first_viewer` is called when somebody begins to watch, `no_viewer` when the last one has left."""
        self._anchor = anchor
        self._first_viewer = first_viewer
        self._no_viewer = no_viewer
        self._viewers: set[Viewer] = set()
        self._gop: list[AccessUnit] = []
        self.gop_bytes = 0
        """Held for the next viewer: the pictures since the last keyframe."""
        self._parameter_sets: ParameterSets | None = None
        self._line: _LiveLine | None = None
        self._state = ""

    @property
    def watched(self) -> bool:
        return bool(self._viewers)

    def pictures(self, units: list[AccessUnit]) -> None:
        """Take access units in arrival order; the reader hands over a keyframe first."""
        if not self._viewers:
            self._keep(units)
            return
        for unit in units:
            self._keep([unit])
            self._forward(unit)

    def _keep(self, units: list[AccessUnit]) -> None:
        """Keep the pictures since the last keyframe, while they are not too much."""
        keyframes = [number for number, unit in enumerate(units) if unit.keyframe]
        if keyframes:
            for number in keyframes:
                self._note_sets(units[number])
            self.forget_gop()
            units = units[keyframes[-1] :]
        elif not self._gop:
            return
        self.gop_bytes += held_bytes(units)
        if self.gop_bytes > MAX_GOP_BYTES:
            self.forget_gop()
        else:
            self._gop += units

    def _note_sets(self, unit: AccessUnit) -> None:
        if unit.parameter_sets is not None:
            self._parameter_sets = unit.parameter_sets
            self._line = None

    def state(self, state: str, since_ms: int, sentence: str) -> None:
        """Tell the viewers what the stream does now; a later viewer is told first of all."""
        told = json.dumps({"state": state, "since_ms": since_ms, "sentence": sentence})
        if told != self._state:
            self._state = told
            for viewer in self._viewers:
                viewer.offer(_text(told))

    def interrupt(self) -> None:
        """What comes next is a new epoch, from a keyframe on, and no viewer is shown a picture of the old one."""
        self.forget_gop()
        self._line = None

    def forget_gop(self) -> None:
        """Keep nothing for the next viewer, who waits for a keyframe then."""
        self._gop.clear()
        self.gop_bytes = 0

    def join(self) -> Viewer:
        """Add a viewer; it finds the state and the pictures since the last keyframe in its queue."""
        viewer = Viewer()
        if self._state:
            viewer.offer(_text(self._state))
        self._viewers.add(viewer)
        if self._line is not None:
            viewer.start(self._line.replay())
        elif self._gop:
            self._begin_line()
        if len(self._viewers) == 1:
            self._first_viewer()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers:
            self._line = None
            self._no_viewer()

    def _begin_line(self) -> None:
        """Open an epoch with the GOP in memory; every viewer so far has been waiting for it."""
        if self._parameter_sets is None:
            return
        line = self._line = _LiveLine(self._parameter_sets, self._gop, self._anchor)
        for viewer in self._viewers:
            viewer.start(line.replay())

    def _forward(self, unit: AccessUnit) -> None:
        if self._line is not None and (message := self._line.mux(unit)) is not None:
            for viewer in self._viewers:
                viewer.offer(message)
        elif self._line is not None and not unit.keyframe:
            self.interrupt()  # the line broke inside a GOP, which can't be shown on a new one
        elif self._gop:
            self._begin_line()


class _LiveLine:
    """One epoch of a watched stream: an init segment and pictures on a time line that starts at 0.

    A picture is sent before its successor is known, so its duration is a guess. The next picture starts where the guess
    ended and makes up for it: the line is exactly continuous, which Media Source Extensions want, and stays within one
    picture of the truth.
    """

    def __init__(self, sets: ParameterSets, gop: list[AccessUnit], anchor: WallAnchor) -> None:
        first = gop[0]
        self._anchor = anchor
        self._clock = RunClock(first.rtp_timestamp, anchor.ticks(first.arrival))
        self._tfdt = 0
        self._sequence = 0
        self._gop: list[LiveMessage] = []
        self._gop_bytes = 0
        decode_times = [(0, 0)]
        for unit in gop[1:]:
            composition = self._advance(unit)
            if composition is None:
                break
            decode_times.append((self._clock.line, composition))
        ends = [time for time, _ in decode_times[1:]] + [self._clock.line + self._clock.nominal]
        self._header = self._describe(sets, first)
        for unit, (_, composition), end in zip(gop, decode_times, ends, strict=False):
            self._send(unit, end, composition)

    def mux(self, unit: AccessUnit) -> LiveMessage | None:
        """Return the picture's message; None when its time stamp broke the epoch."""
        composition = self._advance(unit)
        if composition is None:
            return None
        return self._send(unit, self._clock.line + self._clock.nominal, composition)

    def replay(self) -> list[LiveMessage]:
        """Return what a viewer needs to start: the epoch's header, then the pictures since the last keyframe."""
        return [self._header, *self._gop]

    def _advance(self, unit: AccessUnit) -> int | None:
        """Return presentation minus decode time of the next picture; None when its time stamp broke the epoch."""
        _, compositions = self._clock.advance([unit.rtp_timestamp])
        if not compositions:
            return None
        self._clock.observe(self._anchor.ticks(unit.arrival))
        return compositions[0]

    def _send(self, unit: AccessUnit, end: int, composition: int) -> LiveMessage:
        duration = max(1, end - self._tfdt)
        samples = Samples()
        samples.append(unit.payload, duration, keyframe=unit.keyframe, composition=composition)
        fragment = whole_fragment(self._sequence, self._tfdt, samples)
        message = LiveMessage((_KEYFRAME if unit.keyframe else _DELTA) + fragment, is_text=False, keyframe=unit.keyframe)
        self._tfdt += duration
        self._sequence += 1
        self._keep(message)
        return message

    def _keep(self, message: LiveMessage) -> None:
        if message.keyframe:
            self._gop.clear()
            self._gop_bytes = 0
        elif not self._gop:
            return
        self._gop_bytes += len(message.payload) + UNIT_BYTES
        if self._gop_bytes > MAX_GOP_BYTES:
            self._gop.clear()
        else:
            self._gop.append(message)

    def _describe(self, sets: ParameterSets, first: AccessUnit) -> LiveMessage:
        wall_at_zero_ms = self._clock.least_delayed // TICKS_PER_MS
        return _text(
            json.dumps(
                {
                    "init": base64.b64encode(init_segment(sets)).decode(),
                    "codec": sets.rfc6381,
                    "width": sets.width,
                    "height": sets.height,
                    "epoch": self._anchor.ticks(first.arrival) // TICKS_PER_MS,
                    "wall_at_zero_ms": wall_at_zero_ms,
                }
            )
        )


def _text(document: str) -> LiveMessage:
    return LiveMessage(document.encode(), is_text=True)

"""Keep one stream going: connect, record, show, notice when nothing comes, try again; say what it does at every moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from recorder.clock import WallAnchor
from recorder.drain import Drainer
from recorder.live import LiveStream
from recorder.playing import CameraStalled, Playing
from recorder.recording import Recording
from recorder.rtp.access_unit import AccessUnit
from recorder.rtsp.client import open_stream
from recorder.rtsp.errors import CameraError
from recorder.wire import FromWorker, Record, StreamFigures, StreamStateChanged
from vms.clock import Clock
from vms.domain.camera import CameraState, Pause, RecordingMode, mode_at
from vms.domain.footage import GapReason
from vms.domain.timespan import TICKS_PER_MS
from vms.log import get_logger

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""A connection that delivered pictures this long starts the pauses afresh."""
JITTER = 0.2
MAX_BUFFERED_BYTES = 8 * 1024 * 1024
"""Of one stream, all told. What is kept for viewers goes first, then the disk is too slow."""
PAUSE_LOOK_SECONDS = 0.5
OUTSIDE_HOURS = "Outside the hours in which this camera is recorded."

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every stream of a worker shares."""

    clock: Clock
    anchor: WallAnchor
    drainer: Drainer
    send: Callable[[FromWorker], None]
    allow_loopback: bool


def paused_sentence(pause: Pause) -> str:
    return f"Paused until {pause.until:%Y-%m-%d %H:%M} UTC: {pause.reason}"


class Backoff:
    """Pauses between attempts: 0.5 s doubling to 30 s, each spread by a fifth so that cameras do not come back in step."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        self._next = FIRST_PAUSE_SECONDS

    def pause(self) -> float:
        pause, self._next = self._next, min(self._next * 2, LONGEST_PAUSE_SECONDS)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, protects nothing


class Capture:
    """One stream of a worker, from its configuration until it is released. All on the worker's event loop."""

    def __init__(self, order: Record, around: Surroundings, record: Recording) -> None:
        self._order = order
        self._around = around
        self._hours = order.local_hours
        self._minute = -1
        """At which the hours were looked at last."""
        self._mode = order.recording_mode
        """What it comes to now: a stream in the mode `weekly` is one that is always recorded, or one that is shown live only."""
        self._record = record
        self._backoff = Backoff()
        self._playing: Playing | None = None
        self._state: tuple[CameraState, str] | None = None
        self._since_ms = 0
        self._most_buffered = 0
        self._wanted = asyncio.Event()
        """Set while somebody watches, and while it is recorded in its hours."""
        self._task: asyncio.Task[None] | None = None
        self.live = LiveStream(around.anchor, first_viewer=self._first_viewer, no_viewer=self._no_viewer)
        self._follow_the_hours()

    @property
    def order(self) -> Record:
        return self._order

    @property
    def record(self) -> Recording:
        return self._record

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_going(), name=f"stream {self._order.stream}")

    async def stop(self, reason: GapReason, detail: str) -> None:
        """End the stream: what was received is handed to the writer, then the gap with `reason` begins."""
        if self._playing is not None:
            self._playing.drain(self._around.clock.monotonic())  # what the socket holds was received too
            self._playing.deliver()
            await self._playing.settle()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._playing is not None:
            self._leave(self._playing)
        self._record.end(reason, detail)

    def pictures(self, units: list[AccessUnit]) -> None:
        """Take access units from the reader."""
        self.live.pictures(units)
        self._record.pictures(units)
        if self._playing is not None and self._buffered_bytes(self._playing) > MAX_BUFFERED_BYTES:
            self.live.forget_gop()
        self._show_recording()

    def watch(self, now: float) -> None:
        """Look once a second whether the camera still delivers, and is to be recorded."""
        self._follow_the_hours()
        if self._playing is not None:
            self._most_buffered = max(self._most_buffered, self._buffered_bytes(self._playing))
            self._playing.watch(now)
            self._show_recording()

    def clock_stepped(self, step_seconds: float) -> None:
        self._record.clock_stepped(step_seconds)
        self.live.interrupt()

    def volume_changed(self) -> None:
        """A volume filled up, failed or has room again."""
        self._record.volume_changed()
        self._show_recording()

    def leave_out(self, sentence: str) -> None:
        """Go on showing this stream, and record nothing of it for want of room; without a sentence, record it again."""
        self._record.leave_out(sentence)
        self._show_recording()

    def figures(self) -> StreamFigures | None:
        """Return what this stream delivered; None while it is not connected."""
        if self._playing is None or self._playing.ended.done():
            return None
        counters, sets = self._playing.reader.counters, self._playing.reader.parameter_sets
        most_buffered, self._most_buffered = self._most_buffered, 0
        return StreamFigures(
            stream=self._order.stream,
            codec=sets.rfc6381 if sets is not None else "",
            width=sets.width if sets is not None else 0,
            height=sets.height if sets is not None else 0,
            bits_per_second=self._playing.bits_per_second(),
            pictures=self._playing.pictures,
            lost_packets=counters.lost_packets,
            damaged_pictures=counters.damaged_units + counters.skipped_units,
            queued_bytes=self._record.queued_bytes,
            buffered_bytes=most_buffered,
        )

    def _buffered_bytes(self, playing: Playing) -> int:
        """Return what memory holds of this stream; viewers and recording hold the same pictures."""
        return playing.reader.unfinished_bytes + max(self.live.gop_bytes, self._record.held_bytes) + self._record.queued_bytes

    async def _keep_going(self) -> None:
        """The stream's outermost loop: whatever goes wrong, it is said and tried again."""
        while True:
            try:
                await self._until_wanted()
                await self._connect_and_play()
            except CameraError as err:
                self._failed(err)
            except Exception as err:
                log.exception("stream failed", stream=self._order.stream, camera=self._order.name)
                self._failed(CameraStalled(f"Reading this camera failed inside the recorder ({type(err).__name__}); see its log."))
            else:
                continue
            await asyncio.sleep(self._backoff.pause())

    async def _until_wanted(self) -> None:
        """A stream that is off is never connected, a live-only one while somebody watches, a paused one when the pause is over."""
        await self._until_the_pause_is_over()
        match self._mode:
            case RecordingMode.ALWAYS:
                return
            case RecordingMode.LIVE_ONLY:
                self._record.not_wanted(*self._why_not_recorded)
                self._show(CameraState.LIVE_ONLY, self._shown_alone)
                await self._wanted.wait()
            case RecordingMode.OFF:
                self._record.not_wanted(GapReason.OFF, "Recording of this camera is switched off.")
                self._show(CameraState.OFF, "Recording of this camera is switched off.")
                await asyncio.Event().wait()

    def _follow_the_hours(self) -> None:
        """Begin and end recording at the minute at which the hours of a stream begin and end, by the wall clock."""
        if self._order.recording_mode is not RecordingMode.WEEKLY:
            return
        now = self._around.clock.now()
        if (minute := int(now.timestamp()) // 60) == self._minute:
            return
        before, self._mode = self._mode, mode_at(RecordingMode.WEEKLY, self._hours, now)
        self._minute = minute
        if self._mode is before:
            return
        if self._mode is RecordingMode.ALWAYS:
            self._record.wanted = True
            self._wanted.set()
        else:
            self._show_alone()

    def _show_alone(self) -> None:
        """Record nothing more, and stay connected only while somebody watches."""
        playing = self._playing
        if playing is not None:
            self._around.drainer.empty(playing)
        self._record.wanted = False
        if not self.live.watched:
            self._wanted.clear()
        if playing is not None:
            self._record.not_wanted(*self._why_not_recorded)
            self._show_recording()
            self._let_go_when_unwatched()

    @property
    def _why_not_recorded(self) -> tuple[GapReason, str]:
        if self._order.recording_mode is RecordingMode.WEEKLY:
            return GapReason.OUTSIDE_HOURS, OUTSIDE_HOURS
        return GapReason.OFF, "This stream is shown live only; nothing is recorded."

    @property
    def _shown_alone(self) -> str:
        if self._order.recording_mode is RecordingMode.WEEKLY:
            return "Outside its recording hours: shown live only; connected while somebody watches."
        return "Shown live only; connected while somebody watches."

    async def _until_the_pause_is_over(self) -> None:
        """The wall clock says when, also after it was set or the machine slept."""
        pause = self._order.pause
        while pause is not None and pause.lasts(self._around.clock.now()):
            self._record.not_wanted(GapReason.PAUSED, paused_sentence(pause))
            self._show(CameraState.PAUSED, paused_sentence(pause))
            await asyncio.sleep(PAUSE_LOOK_SECONDS)

    async def _connect_and_play(self) -> None:
        if self._state is None or self._state[0] in (CameraState.RECORDING, CameraState.PAUSED):
            self._show(CameraState.CONNECTING, "Connecting to the camera.")
        stream = await open_stream(
            self._order.address,
            self._order.path,
            username=self._order.username,
            password=self._order.password,
            allow_loopback=self._around.allow_loopback,
            certificate=self._order.certificate_sha256,
        )
        playing = self._playing = Playing(stream, clock=self._around.clock, on_pictures=self.pictures, is_watched=lambda: self.live.watched)
        self._record.connected(playing.reader)
        self._around.drainer.add(playing)
        try:
            playing.begin()
            self._let_go_when_unwatched()  # the viewer may have left while it connected
            await playing.ended
        finally:
            self._leave(playing)

    def _leave(self, playing: Playing) -> None:
        self._around.drainer.remove(playing)
        if playing.steady_seconds() >= STEADY_SECONDS:
            self._backoff.reset()
        playing.close()
        self._playing = None
        self.live.interrupt()

    def _failed(self, err: CameraError) -> None:
        self._record.end(err.gap_reason, str(err))
        if self._mode is RecordingMode.ALWAYS:  # else nothing is missing, whatever the camera does
            self._record.still_missing(err.gap_reason, str(err))
        self._show(err.state, str(err))

    def _first_viewer(self) -> None:
        self._wanted.set()
        self._around.drainer.hurry()

    def _no_viewer(self) -> None:
        self._wanted.clear()
        self._let_go_when_unwatched()

    def _let_go_when_unwatched(self) -> None:
        if self._playing is not None and self._mode is RecordingMode.LIVE_ONLY and not self.live.watched:
            self._playing.nobody_watches()

    def _show_recording(self) -> None:
        if self._playing is None or not self._playing.delivers:
            return
        if self._mode is not RecordingMode.ALWAYS:
            self._show(CameraState.LIVE_ONLY, self._shown_alone)
        elif (hindrance := self._record.hindrance) is not None:
            self._show(CameraState.DISK_FULL, hindrance)
        else:
            self._show(CameraState.RECORDING, "")

    def _show(self, state: CameraState, sentence: str) -> None:
        """Report a state when it is a new one; a new sentence in the same state keeps its beginning."""
        if self._state == (state, sentence):
            return
        if self._state is None or self._state[0] is not state:
            self._since_ms = self._around.anchor.now() // TICKS_PER_MS
            log.info("stream state", stream=self._order.stream, camera=self._order.name, state=str(state), detail=sentence)
        self._state = (state, sentence)
        self._around.send(StreamStateChanged(self._order.stream, str(state), self._since_ms, sentence))
        self.live.state(str(state), self._since_ms, sentence)

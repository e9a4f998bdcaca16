"""The capture worker: records the streams that the supervisor hands it. It opens no database and no key store.

Started as `python -m recorder.worker` with a socketpair to the supervisor; see recorder/README.md for the lines on it.
It ends when the supervisor does: by PR_SET_PDEATHSIG on Linux, by the end of the socketpair anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recorder.capture import OUTSIDE_HOURS, Capture, Surroundings, paused_sentence
from recorder.clock import WallAnchor
from recorder.drain import Drainer
from recorder.keys import KeyRing
from recorder.live import LiveStream
from recorder.open_segment import OpenSegment
from recorder.process import die_with_the_parent, end_on_task_error, end_on_thread_errors, leave_stopping_to_the_supervisor
from recorder.recording import Recording
from recorder.volumes import open_those_there
from recorder.wire import (
    MAX_LINE_BYTES,
    ClockStepped,
    FromWorker,
    Indexed,
    Keys,
    LeaveOut,
    Record,
    Release,
    SegmentPublished,
    Stop,
    Stopped,
    VolumeChanged,
    WorkerFigures,
    decode_to_worker,
    encode,
)
from recorder.worker_socket import WorkerSocket
from recorder.writer import Abandoned, Published, Reached, VolumeCondition, VolumeReport, WriterReport, WriterThread
from vms.clock import Clock, SystemClock
from vms.domain.camera import RecordingMode, mode_at
from vms.domain.footage import GapReason
from vms.domain.ids import CameraId, SegmentId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND
from vms.log import configure, get_logger
from vms.media.segment_file import MakeEncoder, SegmentEncoder
from vms.store.failpoints import arm
from vms.store.files import Volume

WATCH_SECONDS = 1.0
FIGURES_EVERY = 5
"""Watches between two reports of figures."""
COLLECT_EVERY = 60
"""Watches between two garbage collections: the record path makes no cycles, so the collector only costs time."""
STOP_SECONDS = 15.0
CHANGED = "The camera's settings were changed."

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is started with; travels as JSON in its arguments and holds no secret."""

    number: int
    socket_path: str
    volumes: tuple[tuple[str, int | None], ...]
    """Path and `max_bytes` of each."""
    segment_seconds: float
    sync_seconds: float
    allow_loopback: bool
    log_format: Literal["console", "json"]
    log_level: str
    failpoint: str


class Worker:
    """One worker's streams, writers and sockets. Everything runs on the event loop but the writer threads."""

    def __init__(self, plan: WorkerPlan, clock: Clock, control: socket.socket, *, encoder: MakeEncoder = SegmentEncoder) -> None:
        self._plan = plan
        self._encoder = encoder
        self._clock = clock
        self._control = control
        self._anchor = WallAnchor(clock)
        self._drainer = Drainer(clock)
        self._keys = KeyRing()
        self._captures: dict[StreamId, Capture] = {}
        self._segments: dict[SegmentId, OpenSegment] = {}
        self._writers: list[WriterThread] = []
        self._to_supervisor: asyncio.StreamWriter | None = None
        self._socket = WorkerSocket(Path(plan.socket_path), streams=self._live, open_segments=self._segments.values)

    async def run(self) -> None:
        """Work until told to stop, or until the supervisor is gone."""
        loop = asyncio.get_running_loop()
        lines, self._to_supervisor = await asyncio.open_connection(sock=self._control, limit=MAX_LINE_BYTES)
        opened = open_those_there((Path(path), limit) for path, limit in self._plan.volumes)
        self._writers = [self._writer(volume, loop) for volume in opened]
        await self._socket.start()
        watching = asyncio.create_task(self._watch(), name="watch")
        watching.add_done_callback(end_on_task_error)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            while line := await lines.readline():
                if isinstance(message := decode_to_worker(line), Stop):
                    await self._stop()
                    return
                await self._obey(message)
        finally:
            watching.cancel()
            self._socket.stop()

    def _writer(self, volume: Volume, loop: asyncio.AbstractEventLoop) -> WriterThread:
        writer = WriterThread(
            volume,
            clock=self._clock,
            sync_seconds=self._plan.sync_seconds,
            report=lambda report: _hand_over(loop, self._on_report, report),
            listed=self._segments,
            encoder=self._encoder,
        )
        writer.start()
        return writer

    async def _obey(self, message: Record | Release | LeaveOut | Keys | Indexed | VolumeChanged) -> None:
        match message:
            case Record():
                await self._record(message)
            case Release(stream):
                await self._release(StreamId(stream), GapReason.OFF, CHANGED)
            case LeaveOut(stream, sentence) if (capture := self._captures.get(StreamId(stream))) is not None:
                capture.leave_out(sentence)
            case Keys(keys):
                for camera, hour, key in keys:
                    self._keys.add(CameraId(camera), hour, bytes.fromhex(key))
            case Indexed():
                for segment in message.ids:
                    self._segments.pop(segment, None)
            case VolumeChanged():
                self._give_up(message)

    def _give_up(self, volume: VolumeChanged) -> None:
        for writer in self._writers:
            if writer.volume.id == volume.volume:
                writer.give_up(VolumeCondition(volume.condition), volume.sentence)

    async def _record(self, order: Record) -> None:
        before = self._captures.get(order.stream_id)
        if before is not None:
            await self._release(order.stream_id, *self._why_changed(order))
        record = Recording(
            order,
            writers=self._writers,
            keys=self._keys,
            anchor=self._anchor,
            segment_ticks=int(self._plan.segment_seconds * TICKS_PER_SECOND),
            send=self._send,
            # What that run still has on the way to the disk is not in the index that the order was made from.
            places=before.record.places if before is not None else None,
        )
        around = Surroundings(self._clock, self._anchor, self._drainer, self._send, self._plan.allow_loopback)
        capture = self._captures[order.stream_id] = Capture(order, around, record)
        capture.start()

    async def _release(self, stream: StreamId, reason: GapReason, detail: str) -> None:
        capture = self._captures.pop(stream, None)
        if capture is not None:
            await capture.stop(reason, detail)

    def _why_changed(self, order: Record) -> tuple[GapReason, str]:
        """Return what the time is missing for until the stream is recorded as `order` says."""
        pause, now = order.pause, self._clock.now()
        if pause is not None and pause.lasts(now):
            return GapReason.PAUSED, paused_sentence(pause)
        if (
            order.recording_mode is RecordingMode.WEEKLY
            and mode_at(order.recording_mode, order.local_hours, now) is RecordingMode.LIVE_ONLY
        ):
            return GapReason.OUTSIDE_HOURS, OUTSIDE_HOURS
        return GapReason.OFF, CHANGED

    async def _stop(self) -> None:
        """Nothing received is lost: fragments are flushed, segments published, rows reported, then the goodbye."""
        stops = (capture.stop(GapReason.RECORDER_STOPPED, "The recorder was stopped.") for capture in self._captures.values())
        await asyncio.gather(*stops)
        self._drainer.stop()
        loop = asyncio.get_running_loop()
        for writer in self._writers:
            if not await loop.run_in_executor(None, writer.stop, STOP_SECONDS):
                log.warning("disk too slow to stop in time", lag_seconds=writer.lag_seconds())
        await asyncio.sleep(0)
        self._send(Stopped())
        if self._to_supervisor is not None:
            await self._to_supervisor.drain()

    async def _watch(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            turn += 1
            self._look_at_the_clock()
            now = self._clock.monotonic()
            for capture in tuple(self._captures.values()):
                capture.watch(now)
            if turn % FIGURES_EVERY == 0:
                self._report_figures()
            if turn % COLLECT_EVERY == 0:
                gc.collect()

    def _look_at_the_clock(self) -> None:
        step = self._anchor.poll()
        if step:
            for capture in self._captures.values():
                capture.clock_stepped(step)
            self._send(ClockStepped(int(step * 1000)))

    def _report_figures(self) -> None:
        lag = max((writer.lag_seconds() for writer in self._writers), default=0.0)
        self._send(WorkerFigures(int(lag * 1000), int(self._drainer.latest_seconds * 1000)))
        self._drainer.latest_seconds = 0.0
        for capture in self._captures.values():
            figures = capture.figures()
            if figures is not None:
                self._send(figures)

    def _on_report(self, report: WriterReport) -> None:
        match report:
            case Published(open_segment, segment):
                capture = self._captures.get(open_segment.stream_id)
                if capture is not None:
                    capture.record.published(segment)
                self._send(SegmentPublished.of(segment))
            case Abandoned():
                self._abandoned(report)
            case VolumeReport():
                self._volume_changed(report)
            case Reached(mark):
                mark()

    def _volume_changed(self, report: VolumeReport) -> None:
        self._send(VolumeChanged(report.volume, report.condition.value, report.sentence))
        for capture in self._captures.values():
            capture.volume_changed()

    def _abandoned(self, report: Abandoned) -> None:
        """End the run of a segment that the disk refused; list it on only for the pictures that are whole in its `.part`."""
        segment = report.open_segment
        capture = self._captures.get(segment.stream_id)
        if capture is not None:
            capture.record.abandoned(segment, report.condition, report.sentence)
        if len(segment.written) <= 1:
            self._segments.pop(segment.id, None)

    def _live(self) -> dict[StreamId, LiveStream]:
        return {stream: capture.live for stream, capture in self._captures.items()}

    def _send(self, message: FromWorker) -> None:
        if self._to_supervisor is not None:
            self._to_supervisor.write(encode(message))


def main(arguments: Sequence[str], *, encoder: MakeEncoder = SegmentEncoder) -> int:
    """Run a worker; `arguments` are its plan as JSON and the number of the socketpair's descriptor."""
    parser = argparse.ArgumentParser(prog="recorder.worker")
    parser.add_argument("plan")
    parser.add_argument("control_fd", type=int)
    parsed = parser.parse_args(arguments)
    fields = json.loads(parsed.plan)
    plan = WorkerPlan(**{**fields, "volumes": tuple((path, limit) for path, limit in fields["volumes"])})
    die_with_the_parent()
    leave_stopping_to_the_supervisor()
    end_on_thread_errors()
    configure(plan.log_format, plan.log_level)
    arm(plan.failpoint)
    asyncio.run(Worker(plan, SystemClock(), socket.socket(fileno=parsed.control_fd), encoder=encoder).run())
    return 0


def _hand_over(loop: asyncio.AbstractEventLoop, take: Callable[[WriterReport], None], report: WriterReport) -> None:
    """Bring a report from the writer thread to the event loop."""
    loop.call_soon_threadsafe(take, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A recorder whose clocks, camera and commits are driven: real runs, files, keys, ledger and index, but no socket and no process."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from recorder.clock import WallAnchor
from recorder.footage import Footage, Playable
from recorder.keys import KeyRing
from recorder.ledger import Ledger, write
from recorder.node import open_node
from recorder.open_segment import OpenSegment
from recorder.recording import Recording
from recorder.rtp.access_unit import AccessUnit
from recorder.wire import ClockStepped, FromWorker, SegmentPublished
from recorder.worker_client import WorkerClient
from recorder.writer import Published, Reached, WriterReport, WriterThread
from tests.recorder.test_clock import DrivenClock
from tests.recorder.units import parameter_sets
from vms.config import Settings
from vms.domain.camera import Address, RecordingMode, Scheme, StreamConfig, StreamRole
from vms.domain.footage import ClockEvent, Coverage, Gap, GapReason, Run, Segment
from vms.domain.ids import CameraId, DeviceId, SegmentId, StreamId
from vms.domain.timespan import TICKS_PER_SECOND, Timespan
from vms.store import clock_events, gaps, runs, segments

CAMERA = StreamConfig(
    StreamId(5),
    CameraId(11),
    DeviceId(1),
    StreamRole.MAIN,
    Address(Scheme.RTSP, "10.0.0.1", 554),
    "/",
    "",
    b"",
    RecordingMode.ALWAYS,
    "",
    1,
)
FPS = 5
GOP = 10
SEGMENT_SECONDS = 10
KEYS_EVERY = 20
"""Seconds between two turns of handing out keys, as the supervisor does it."""
ALWAYS = Timespan(datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


class VirtualRecorder:
    """One stream of a node. `film` lets time pass second by second; what moves the clocks comes in between."""

    def __init__(self, settings: Settings, *, start: datetime) -> None:
        self.clock = DrivenClock(wall=start, seconds=1000.0)
        self.node = open_node(settings, self.clock)
        self._picture = 0
        self._second = 0
        self._begin()

    def _begin(self) -> None:
        """Do what a recorder does at its start, for its one stream."""
        self._ledger = Ledger()
        self._anchor = WallAnchor(self.clock)
        self._keys = KeyRing()
        self._keys_due = False
        self._reports: queue.SimpleQueue[WriterReport] = queue.SimpleQueue()
        self._listed: dict[SegmentId, OpenSegment] = {}
        (volume,) = self.node.volumes
        self._writer = WriterThread(volume, clock=self.clock, sync_seconds=15, report=self._reports.put, listed=self._listed)
        self._writer.start()
        self._hand_out_keys()
        self.recording = Recording(
            self.node.orders([CAMERA])[0],
            writers=[self._writer],
            keys=self._keys,
            anchor=self._anchor,
            segment_ticks=SEGMENT_SECONDS * TICKS_PER_SECOND,
            send=self._told,
        )
        self._fresh = True

    def film(self, seconds: int) -> None:
        for _ in range(seconds):
            for _ in range(FPS):
                self.clock.pass_time(1 / FPS)
                self.recording.pictures([self._unit()])
            self._turn()

    def idle(self, seconds: int) -> None:
        """Let time pass while the camera sends nothing."""
        for _ in range(seconds):
            self._pass(1)
            self._turn()

    def sleep(self, seconds: int) -> None:
        """Suspend the machine: both of its clocks go on, nothing runs."""
        self._pass(seconds)

    def step(self, step: timedelta) -> None:
        """Set the wall clock; the recorder notices at its next look."""
        self.clock.wall += step

    def stop(self) -> None:
        self.recording.end(GapReason.RECORDER_STOPPED, "")
        self._commit()
        assert self._writer.stop(10)

    def restart(self) -> None:
        """Stop in order and start anew from what the index says."""
        self.stop()
        self._begin()

    def close(self) -> None:
        self._writer.stop(10)
        self.node.close()

    def segments(self) -> list[Segment]:
        with self.node.index.read.begin() as connection:
            return segments.find(connection, CAMERA.stream_id, ALWAYS)

    def runs(self) -> list[Run]:
        with self.node.index.read.begin() as connection:
            return runs.find(connection, CAMERA.stream_id, ALWAYS)

    def gaps(self) -> list[Gap]:
        with self.node.index.read.begin() as connection:
            return gaps.find(connection, CAMERA.stream_id, ALWAYS)

    def steps(self) -> list[ClockEvent]:
        with self.node.index.read.begin() as connection:
            return clock_events.recent(connection)

    def timeline(self, span: Timespan) -> Coverage:
        return self._footage().timeline_sync(CAMERA.stream_id, span, (), now=self.clock.now())

    def playable(self, span: Timespan) -> list[Playable]:
        return self._footage().find_sync(CAMERA.stream_id, span, (), now=self.clock.now())

    def _footage(self) -> Footage:
        return Footage(self.node.index, self.node.keys, self.node.volumes, WorkerClient(self.node.settings.run_dir))

    def _pass(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
        self._picture += int(seconds * FPS)

    def _unit(self) -> AccessUnit:
        number = self._picture = self._picture + 1
        fresh, self._fresh = self._fresh, False
        return AccessUnit(
            rtp_timestamp=number * TICKS_PER_SECOND // FPS & 0xFFFF_FFFF,
            payload=b"\0\0\0\x01\x65",
            keyframe=fresh or number % GOP == 0,
            arrival=self.clock.monotonic(),
            lost=False,
            parameter_sets=parameter_sets() if fresh else None,
        )

    def _turn(self) -> None:
        """What worker and supervisor do once a second; keys that a step asks for are there a second later."""
        self._second += 1
        if self._keys_due or self._second % KEYS_EVERY == 0:
            self._hand_out_keys()
        step = self._anchor.poll()
        if step:
            self.recording.clock_stepped(step)
            self._told(ClockStepped(int(step * 1000)))
        self._commit()

    def _hand_out_keys(self) -> None:
        self._keys_due = False
        for camera, keys in self.node.hour_keys(self.node.hours_due([CAMERA])).items():
            for _, hour, key in keys.keys:
                self._keys.add(camera, hour, bytes.fromhex(key))

    def _told(self, message: FromWorker) -> None:
        self._ledger.take(message, self.clock.now())
        self._keys_due = self._keys_due or isinstance(message, ClockStepped)

    def _commit(self) -> None:
        self._let_the_writer_finish()
        batch = self._ledger.cut()
        if batch is not None:
            for segment in write(self.node.index, batch):
                self._listed.pop(segment, None)

    def _let_the_writer_finish(self) -> None:
        reached: list[bool] = []
        self._writer.mark(lambda: reached.append(True))
        while not reached:
            match self._reports.get(timeout=10):
                case Published(_, segment):
                    self.recording.published(segment)
                    self._told(SegmentPublished.of(segment))
                case Reached(mark):
                    mark()
                case other:
                    raise AssertionError(other)


@contextmanager
def a_virtual_recorder(settings: Settings, start: datetime) -> Iterator[VirtualRecorder]:
    made = VirtualRecorder(settings, start=start)
    try:
        yield made
    finally:
        made.close()

"""Weeks of many cameras at the seam where files become rows: the real ledger, index and hub under a virtual clock, without a file."""

from __future__ import annotations

import hashlib
import random
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recorder.ledger import Ledger, write
from recorder.wire import ClockStepped, Missing, RunChanged, SegmentPublished
from tests.factories import VOLUME
from vms.clock import SystemClock
from vms.domain.footage import FragmentEntry, GapReason, Segment
from vms.domain.ids import NodeId, StreamId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, datetime_of, ticks_of
from vms.store import coverage, outbox
from vms.store.database import Engines

START = datetime(2026, 9, 1, tzinfo=UTC)
SEGMENT_TICKS = 60 * TICKS_PER_SECOND
ROWS_A_COMMIT = 900
REPORT_MINUTES = 10
FRAGMENTS = (
    FragmentEntry(700, 0, starts_with_keyframe=False, keyframe_size=0),
    *(FragmentEntry(5_000_000, 10 * TICKS_PER_SECOND, starts_with_keyframe=True, keyframe_size=90_000),) * 6,
)
"""One minute of a 4 Mbit/s camera with a keyframe every ten seconds; every two seconds would be 288 bytes a segment more."""


@dataclass(slots=True)
class Figures:
    """What a simulation did and what it took."""

    segments: int = 0
    runs: int = 0
    missing: dict[StreamId, int] = field(default_factory=dict)
    """Ticks that each stream was really not recorded between two runs."""
    seconds: float = 0.0
    slowest_commit: float = 0.0
    rss_mb: list[int] = field(default_factory=list)
    """At the end of each day; the highest so far, as the system counts it."""
    end: datetime = START


@dataclass(slots=True)
class _Camera:
    """A stream that records, with a run's beginning now and then."""

    stream: StreamId
    run_start: int = 0
    end: int = 0
    back_at: int = 0
    """While it is away: when it comes back; 0 while it records."""


class VirtualMonths:
    """Feeds a ledger what workers would say; so many rows are one commit, and every ten minutes there is a report to the hub."""

    def __init__(self, index: Engines, central: Engines, node: NodeId, *, cameras: int, seed: int = 7) -> None:
        self._index = index
        self._central = central
        self._node = node
        self._ledger = Ledger()
        self._random = random.Random(seed)
        self._minutes = 0
        self._commit_minutes = max(1, ROWS_A_COMMIT // cameras)
        first = ticks_of(START)
        self._cameras = [_Camera(StreamId(number + 1), end=first + number * SEGMENT_TICKS // cameras) for number in range(cameras)]
        self.figures = Figures(missing=dict.fromkeys((camera.stream for camera in self._cameras), 0))

    def live(self, days: int) -> Figures:
        """Let `days` more pass."""
        clock, figures = SystemClock(), self.figures
        began = clock.monotonic()
        if not self._minutes:
            for camera in self._cameras:
                self._begin_run(camera, camera.end)
        first, self._minutes = self._minutes, self._minutes + days * 24 * 60
        for minute in range(first, self._minutes):
            now = START + timedelta(minutes=minute + 1)
            self._a_minute(ticks_of(now))
            if (minute + 1) % self._commit_minutes == 0:
                before = clock.monotonic()
                self._commit()
                figures.slowest_commit = max(figures.slowest_commit, clock.monotonic() - before)
            if minute % max(REPORT_MINUTES, self._commit_minutes) == 0:
                self._report()
            if (minute + 1) % (24 * 60) == 0:
                figures.rss_mb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        self._commit()
        self._report()
        figures.seconds += clock.monotonic() - began
        figures.end = datetime_of(max(camera.end for camera in self._cameras))
        return figures

    def _a_minute(self, now: int) -> None:
        for camera in self._cameras:
            if camera.back_at:
                self._come_back(camera, now)
            else:
                self._publish(camera)
                if self._random.random() < 1 / (24 * 60):
                    self._go_away(camera, now)

    def _publish(self, camera: _Camera) -> None:
        duration = SEGMENT_TICKS + self._random.randint(-45, 45)  # the slew of a camera that drifts
        digest = hashlib.sha256(camera.end.to_bytes(8)).digest()
        segment = Segment(
            stream_id=camera.stream,
            start_ticks=camera.end,
            duration=duration,
            run_start_ms=camera.run_start // TICKS_PER_MS,
            volume_id=VOLUME,
            size_bytes=30_000_700,
            media_sha256=digest,
            file_digest=digest,
            fragments=FRAGMENTS,
            codec="avc1.640028",
            width=1920,
            height=1080,
        )
        self._ledger.take(SegmentPublished.of(segment), datetime_of(camera.end))
        camera.end += duration
        self.figures.segments += 1

    def _go_away(self, camera: _Camera, now: int) -> None:
        """A camera is away for up to half an hour, once a day on average; now and then the clock was set, or the recorder died."""
        reason = self._random.choice([GapReason.OFFLINE, GapReason.SILENT, GapReason.CLOCK_STEP, GapReason.STREAM_CHANGED])
        at = datetime_of(now)
        ended = RunChanged(camera.stream, camera.run_start // TICKS_PER_MS, camera.end // TICKS_PER_MS, str(reason), 0, 0, 0)
        self._ledger.take(ended, at)
        self._ledger.take(Missing(camera.stream, camera.end, str(reason), "For the test."), at)
        if reason is GapReason.CLOCK_STEP:
            self._ledger.take(ClockStepped(1500), at)
        camera.back_at = now + self._random.randint(1, 30) * SEGMENT_TICKS

    def _come_back(self, camera: _Camera, now: int) -> None:
        if now < camera.back_at:
            return
        start = max(camera.end, camera.back_at)
        self.figures.missing[camera.stream] += start - camera.end
        camera.back_at = 0
        self._begin_run(camera, start)

    def _begin_run(self, camera: _Camera, start: int) -> None:
        camera.run_start = camera.end = start
        ms = start // TICKS_PER_MS
        self._ledger.take(RunChanged(camera.stream, ms, ms, None, 0, 0, 0), datetime_of(start))
        self.figures.runs += 1

    def _commit(self) -> None:
        batch = self._ledger.cut()
        if batch is not None:
            write(self._index, batch)

    def _report(self) -> None:
        with self._index.read.begin() as connection:
            spans = outbox.pending(connection)
        with self._central.writing() as session:
            coverage.put(session, self._node, spans)
        with self._index.write.begin() as connection:
            outbox.acknowledge(connection, spans)


def size_of(database: Path) -> int:
    """Return the bytes of a database with its log of writes."""
    return sum(file.stat().st_size for file in _files_of(database))


def _files_of(database: Path) -> Iterator[Path]:
    yield from database.parent.glob(f"{database.name}*")

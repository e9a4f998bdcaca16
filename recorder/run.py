"""Record one run: pictures on one continuous time line, gathered into fragments, fragments into segments.

Invariants: tfdt(n+1) = tfdt(n) + durations; no picture is dropped between the first and the last one of a run; a run
begins with a keyframe, which is also the first picture shown, and never before the end of the run before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from recorder.clock import JUMP_BACK_TICKS, MAX_REORDERED, RunClock
from recorder.cutter import Cut, SegmentCutter, fragment_ends
from recorder.keys import KeyRing
from recorder.open_segment import Fragment, OpenSegment, SegmentPhase
from recorder.rtp.access_unit import UNIT_BYTES, AccessUnit, held_bytes
from vms.domain.footage import SegmentFlag
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import TICKS_PER_MS
from vms.media.fmp4 import ParameterSets, Samples


class SegmentSink(Protocol):
    """Where a run's segments go: the writer thread of a volume. No call waits for the disk."""

    def open(self, segment: OpenSegment) -> None: ...

    def append(self, segment: OpenSegment, fragment: Fragment) -> None: ...

    def publish(self, segment: OpenSegment, *, flags: SegmentFlag) -> None: ...


class KeyMissing(Exception):
    """The key of a segment's hour has not arrived: the run can't go on."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is recorded with."""

    stream_id: StreamId
    camera_id: CameraId
    parameter_sets: ParameterSets
    segment_ticks: int
    not_before: int
    """End of the stream's previous run, in ticks since the epoch."""
    until: int
    """Where the run has to end, likewise."""
    expected_bytes: int
    """Size of the stream's last segment: what is reserved on disk for the next."""


class Run:
    """One run being recorded. Feed it access units in arrival order, the first one a keyframe; then `close` it."""

    def __init__(self, plan: RunPlan, sink: SegmentSink, keys: KeyRing) -> None:
        self._plan = plan
        self._sink = sink
        self._keys = keys
        self._cutter = SegmentCutter(plan.camera_id, segment_ticks=plan.segment_ticks)
        self._clock: RunClock | None = None
        self._segment: OpenSegment | None = None
        self._unconfirmed: list[OpenSegment] = []
        self._durable_until = 0
        self._samples = Samples()
        """Those of the fragment that is being gathered; the duration of the last is known by the next."""
        self._held_ticks = 0
        self.held_bytes = 0
        """What was added and not handed to the sink yet."""
        self.recorded_until = 0
        """End of the last fragment handed to the sink, in ticks since the epoch; 0 before the first."""
        self._leading = 0
        self._newest_arrival = 0.0
        self.start: int | None = None
        """Ticks since the epoch, once the first fragment is whole."""
        self.rtp_start = 0
        self.camera_clock_offset_ms: int | None = None
        """Set by the owner from sender reports; each segment carries the value of its beginning."""

    @property
    def has_footage(self) -> bool:
        """Say whether anything of this run was handed to the sink."""
        return self.start is not None and self.recorded_until > self.start

    @property
    def is_over(self) -> bool:
        """Say whether the run has come to where it has to end; it takes no picture any more."""
        return self.recorded_until > self._plan.until

    @property
    def durable_until(self) -> int:
        """Where the run's published files end, in ticks; its start while there is none. Final once the sink has done all."""
        self._confirm()
        return max(self._durable_until, self.start or 0)

    def add(self, units: Sequence[AccessUnit], arrival: int, *, at: int = 0) -> int:
        """Take the next pictures, those from `at` on, which arrived together at `arrival` server ticks; return how many are dealt with.

        Only the first of `units` may be a keyframe. They are one while the run's start is not known, and fewer than all when the time
        line broke before the next. Close the run after 0, after KeyMissing and when `is_over`: what came behind its end is dropped then.
        """
        units = units[at:] if self.start is not None else units[at : at + 1]
        self._newest_arrival = units[0].arrival
        if self._clock is None:
            self._clock = RunClock(units[0].rtp_timestamp, arrival)
            self.rtp_start = units[0].rtp_timestamp
            self._gather(units, (0,))
            return 1
        if self.start is None and self._leads(units[0]):
            return 1
        durations, compositions = self._clock.advance([unit.rtp_timestamp for unit in units])
        if durations:
            self._clock.observe(arrival)
            self._place(units[: len(durations)], durations, compositions, self._clock)
        return len(durations)

    def _place(self, units: Sequence[AccessUnit], durations: Sequence[int], compositions: Sequence[int], clock: RunClock) -> None:
        """Put pictures into their fragments; `durations` are those of the pictures that each of them follows."""
        ticks = self._held_ticks + sum(durations)
        size = held_bytes(units) - UNIT_BYTES  # of the last one only the payload counts, as when each comes alone
        if not fragment_ends(ticks, self.held_bytes, size, next_keyframe=units[0].keyframe):
            self._held_ticks = ticks
            self._samples.durations.extend(durations)
            self._gather(units, compositions)
            return
        for number, unit in enumerate(units):
            self._held_ticks += durations[number]
            self._samples.durations.append(durations[number])
            if fragment_ends(self._held_ticks, self.held_bytes, len(unit.payload), next_keyframe=unit.keyframe):
                self._finish_fragment(clock, next_keyframe=unit.keyframe)
            self._gather([unit], (compositions[number],))
            if self.is_over:
                return

    def _gather(self, units: Sequence[AccessUnit], compositions: Iterable[int]) -> None:
        samples = self._samples
        samples.compositions.extend(compositions)
        samples.payloads += [unit.payload for unit in units]
        samples.keyframes += [unit.keyframe for unit in units]
        self.held_bytes += held_bytes(units)

    def _leads(self, unit: AccessUnit) -> bool:
        """Say whether the picture is shown before the run's first: in an open GOP it needs pictures from before the run."""
        behind = self.rtp_start - unit.rtp_timestamp & 0xFFFF_FFFF
        if len(self._samples.payloads) != 1 or unit.keyframe or not 0 < behind <= JUMP_BACK_TICKS:
            return False
        self._leading += 1
        return self._leading <= MAX_REORDERED

    def close(self) -> None:
        """Hand over the unfinished fragment and publish the segment; nothing that was added is lost, but where its key is missing."""
        if self._clock is not None and self._samples:
            self._held_ticks += self._clock.nominal
            self._samples.durations.append(self._clock.nominal)
            with suppress(KeyMissing):
                self._finish_fragment(self._clock, next_keyframe=False)
        if self._segment is not None:
            self._sink.publish(self._segment, flags=SegmentFlag.NONE)
            self._segment = None

    def _confirm(self) -> None:
        """Let go of the segments that are published: a run may last for months."""
        while self._unconfirmed and self._unconfirmed[0].phase is SegmentPhase.PUBLISHED:
            self._durable_until = self._unconfirmed.pop(0).end_ticks

    def _finish_fragment(self, clock: RunClock, *, next_keyframe: bool) -> None:
        if self.start is None:
            self.start = self.recorded_until = clock.fix_start(not_before=self._plan.not_before)
        segment = self._segment or self._open_segment(self.recorded_until, self.start)
        fragment = Fragment(self.recorded_until, self._held_ticks, self._samples, self.held_bytes, self._newest_arrival)
        self._sink.append(segment, fragment)
        self.recorded_until += self._held_ticks
        self._samples = Samples()
        self._held_ticks = self.held_bytes = 0
        cut = self._cutter.at_border(self.recorded_until, next_keyframe=next_keyframe)
        if cut is not Cut.KEEP:
            self._sink.publish(segment, flags=SegmentFlag.NO_KEYFRAME_CUT if cut is Cut.WITHOUT_KEYFRAME else SegmentFlag.NONE)
            self._segment = None

    def _open_segment(self, start: int, run_start: int) -> OpenSegment:
        key = self._keys.key(self._plan.camera_id, start)
        if key is None:
            self._samples = Samples()  # they can't be written without it, and the run is over
            raise KeyMissing
        segment = self._segment = OpenSegment(
            stream_id=self._plan.stream_id,
            camera_id=self._plan.camera_id,
            start_ticks=start,
            run_start_ms=run_start // TICKS_PER_MS,
            parameter_sets=self._plan.parameter_sets,
            expected_bytes=self._plan.expected_bytes,
            hour_key=key,
            camera_clock_offset_ms=self.camera_clock_offset_ms,
        )
        self._confirm()
        self._unconfirmed.append(segment)
        self._sink.open(segment)
        self._cutter.begin(start)
        return segment

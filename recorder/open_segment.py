"""The segments a worker is writing, as the rest of the recorder sees them before their row is in the index."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from recorder.rtp.access_unit import UNIT_BYTES
from vms.domain.footage import FragmentEntry, SegmentFlag
from vms.domain.ids import CameraId, SegmentId, StreamId, segment_id
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS
from vms.media.fmp4 import ParameterSets, Samples


class SegmentPhase(Enum):
    OPEN = "open"
    """Fragments are appended to its `.part`."""
    PUBLISHED = "published"
    """Renamed; its row is on the way to the index."""
    ABANDONED = "abandoned"
    """The disk refused it: what was written stays in the `.part` for recovery."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Pictures on their way to one record of a segment file."""

    tfdt: int
    """90 kHz ticks since the epoch."""
    duration: int
    samples: Samples
    held_bytes: int
    """What it takes in memory while it waits: payloads, and `UNIT_BYTES` for each sample."""
    queued_at: float
    """Monotonic seconds, so that the writer can say how far behind the disk is."""

    @property
    def payload_bytes(self) -> int:
        return self.held_bytes - UNIT_BYTES * len(self.samples)


@dataclass(slots=True, eq=False)
class OpenSegment:
    """One segment from its first fragment until its row is confirmed.

    The event loop makes it; the writer thread alone appends to `written` and moves `phase`. Both only ever grow or move on,
    so the loop may read them at any time.
    """

    stream_id: StreamId
    camera_id: CameraId
    start_ticks: int
    run_start_ms: int
    parameter_sets: ParameterSets
    expected_bytes: int
    hour_key: bytes = field(repr=False)
    camera_clock_offset_ms: int | None = None
    flags: SegmentFlag = SegmentFlag.NONE
    written: list[FragmentEntry] = field(default_factory=list)
    """Entries of the records that are whole in the file; entry 0 is the init segment."""
    phase: SegmentPhase = SegmentPhase.OPEN

    @property
    def id(self) -> SegmentId:
        return segment_id(self.stream_id, self.start_ticks // TICKS_PER_MS)

    @property
    def end_ticks(self) -> int:
        """Where the last whole record ends."""
        return self.start_ticks + sum([entry.duration for entry in self.written])


def hour_of(ticks: int) -> int:
    """Return the hour since the epoch whose key a segment that starts at `ticks` is encrypted with."""
    return ticks // TICKS_PER_MS // MS_PER_HOUR

"""Segments, runs, gaps and coverage: what was recorded, and why the rest was not."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag, StrEnum

from vms.domain.ids import SegmentId, StreamId, VolumeId, segment_id
from vms.domain.timespan import TICKS_PER_MS, Timespan, datetime_of, datetime_of_ms


class SegmentState(IntEnum):
    LIVE = 0
    CONDEMNED = 2
    LOST = 3


class SegmentFlag(IntFlag):
    NONE = 0
    SALVAGED = 1
    """Cut at its last whole record after a crash."""
    NO_KEYFRAME_CUT = 2
    """Cut without a keyframe because none came for twice the usual length of a segment."""


class GapReason(StrEnum):
    """Why time is missing; `web/words.py` has the sentence for each."""

    OFFLINE = "offline"
    REFUSED = "refused"
    SILENT = "silent"
    STALLED = "stalled"
    UNSUPPORTED = "unsupported"
    DISK_FULL = "disk_full"
    DISK_SLOW = "disk_slow"
    DISK_ERROR = "disk_error"
    RECORDER_STOPPED = "recorder_stopped"
    RECORDER_CRASHED = "recorder_crashed"
    CLOCK_STEP = "clock_step"
    STREAM_CHANGED = "stream_changed"
    """Parameter sets or time line broke: a new run begins at once."""
    PAUSED = "paused"
    OFF = "off"
    OUTSIDE_HOURS = "outside_hours"
    """Not in the weekly hours of its place."""
    LOST = "lost"
    """It was recorded, and its file is gone. Told by the state of the segment's row alone: no run ends by it, no gap row has it."""
    DELETED_EARLY = "deleted_early"
    """It was recorded and deleted before its day, because disks were full. Told by `told_gone` alone, in the same way."""
    NOT_KEPT = "not_kept"
    """Its day has come. Told by packages alone, whose span may reach back that far: elsewhere nothing is said of such time."""


INTENDED = frozenset({GapReason.PAUSED, GapReason.OFF, GapReason.OUTSIDE_HOURS})
"""Missing by decision: not expected, therefore not lost."""


@dataclass(frozen=True, slots=True)
class FragmentEntry:
    """One record of a segment file, in file order; entry 0 is the init segment with duration 0."""

    size: int
    """Plaintext bytes of the record."""
    duration: int
    """90 kHz ticks."""
    starts_with_keyframe: bool
    keyframe_size: int
    """Bytes from the record's start to the end of its first sample, when that is a keyframe; else 0."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One published segment file, as the node index knows it."""

    stream_id: StreamId
    start_ticks: int
    """tfdt of the first sample: 90 kHz ticks since the epoch."""
    duration: int
    """90 kHz ticks; the next segment of the run starts at start_ticks + duration."""
    run_start_ms: int
    volume_id: VolumeId
    size_bytes: int
    """Of the encrypted file."""
    media_sha256: bytes
    file_digest: bytes
    fragments: tuple[FragmentEntry, ...]
    codec: str
    """RFC 6381, e.g. avc1.640028."""
    width: int
    height: int
    flags: SegmentFlag = SegmentFlag.NONE
    state: SegmentState = SegmentState.LIVE
    camera_clock_offset_ms: int | None = None
    """Camera's clock minus the server's by RTCP sender reports; None when it sent none."""

    @property
    def start_ms(self) -> int:
        return self.start_ticks // TICKS_PER_MS

    @property
    def end_ticks(self) -> int:
        return self.start_ticks + self.duration

    @property
    def id(self) -> SegmentId:
        return segment_id(self.stream_id, self.start_ms)

    @property
    def span(self) -> Timespan:
        return Timespan(datetime_of(self.start_ticks), datetime_of(self.end_ticks))


@dataclass(frozen=True, slots=True)
class Run:
    """Unbroken recording of one stream; runs of one stream never overlap."""

    stream_id: StreamId
    start_ms: int
    end_ms: int
    end_reason: GapReason | None
    """None while the run goes on."""
    rtp_start: int = 0
    """RTP timestamp (32 bit) of the run's first sample: with the sender report below, the camera's own time."""
    sr_ntp: int = 0
    """NTP timestamp (64 bit) of the run's first RTCP sender report; 0 when none came."""
    sr_rtp: int = 0

    @property
    def span(self) -> Timespan | None:
        """The run's time; None while it has just begun and holds nothing yet."""
        return Timespan(datetime_of_ms(self.start_ms), datetime_of_ms(self.end_ms)) if self.start_ms < self.end_ms else None


@dataclass(frozen=True, slots=True)
class Gap:
    stream_id: StreamId
    start: datetime
    end: datetime | None
    """None while it lasts."""
    reason: GapReason
    detail: str = ""
    """One sentence for IT, free of credentials."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Recorded time and missing time of one stream inside a window."""

    stream_id: StreamId
    recorded: tuple[Timespan, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class CoverageSpan:
    """One run as it is reported to the hub; a later report of the same start replaces it."""

    stream_id: StreamId
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """The node's wall clock was seen to step."""

    at: datetime
    """After the step."""
    step_ms: int
    """Positive when the clock was set forward."""
    detail: str = ""


_TABLE_VERSION = 2
_ENTRY = struct.Struct(">III")
_KEYFRAME_BIT = 1 << 31
_U32_LIMIT = 1 << 32
_REST = struct.Struct(">H")
_COLUMN = struct.Struct(">IB")


def pack_fragments(fragments: Sequence[FragmentEntry]) -> bytes:
    """Return the fragment table as the index keeps it; ValueError when a number does not fit, or there are more than 65,536 records.

    A few hundred octets of each segment are its table, of which most numbers differ from one another by far less than they could: all
    but the first record, which is no fragment, go in columns of their differences from the least of each.
    """
    if not fragments:
        return bytes([_TABLE_VERSION])
    for entry in fragments:
        if not (0 <= entry.size < _U32_LIMIT and 0 <= entry.duration < _U32_LIMIT and 0 <= entry.keyframe_size < _KEYFRAME_BIT):
            raise ValueError(f"a fragment's numbers do not fit the table: {entry}")
    first, *rest = ((entry.size, entry.duration, entry.keyframe_size << 1 | entry.starts_with_keyframe) for entry in fragments)
    if len(rest) >= 1 << 16:
        raise ValueError(f"{len(fragments):,} fragments do not fit the table")
    head = bytes([_TABLE_VERSION]) + _ENTRY.pack(*first) + _REST.pack(len(rest))
    return head + b"".join(map(_pack_column, zip(*rest, strict=True)))


def unpack_fragments(table: bytes) -> tuple[FragmentEntry, ...]:
    """Read what `pack_fragments` wrote, this version's or version 1; ValueError for an unknown version or a torn table."""
    if not table or table[0] not in (1, _TABLE_VERSION):
        raise ValueError(f"a fragment table of version {table[0] if table else 'none'}; this program reads 1 and {_TABLE_VERSION}")
    if table[0] == 1:
        return _unpack_records(table)
    if len(table) == 1:
        return ()
    try:
        size, duration, last = _ENTRY.unpack_from(table, 1)
        (count,) = _REST.unpack_from(table, at := 1 + _ENTRY.size)
        columns, at = [], at + _REST.size
        for _ in range(3 if count else 0):
            column, at = _unpack_column(table, at, count)
            columns.append(column)
    except struct.error as err:
        raise _torn(table) from err
    if at != len(table):
        raise _torn(table)
    rest = [FragmentEntry(size, duration, bool(last & 1), last >> 1) for size, duration, last in zip(*columns, strict=True)]
    return (FragmentEntry(size, duration, bool(last & 1), last >> 1), *rest)


def _pack_column(numbers: Sequence[int]) -> bytes:
    least = min(numbers)
    width = ((max(numbers) - least).bit_length() + 7) // 8
    return _COLUMN.pack(least, width) + b"".join([(number - least).to_bytes(width) for number in numbers])


def _unpack_column(table: bytes, at: int, count: int) -> tuple[list[int], int]:
    """Return the numbers of the column that begins at `at`, and where it ends."""
    least, width = _COLUMN.unpack_from(table, at)
    at += _COLUMN.size
    end = at + width * count
    if width == 0:
        return [least] * count, end
    return [least + int.from_bytes(table[one : one + width]) for one in range(at, end, width)], end


def _unpack_records(table: bytes) -> tuple[FragmentEntry, ...]:
    """Read version 1: the numbers of each record one after another, the flag in the top bit of the last."""
    if (len(table) - 1) % _ENTRY.size:
        raise _torn(table)
    return tuple(
        FragmentEntry(size, duration, bool(last & _KEYFRAME_BIT), last & ~_KEYFRAME_BIT)
        for size, duration, last in _ENTRY.iter_unpack(memoryview(table)[1:])
    )


def _torn(table: bytes) -> ValueError:
    return ValueError(f"a fragment table of {len(table)} bytes is torn")

"""What supervisor and workers say to each other: JSON lines over a socketpair, one dataclass per kind of line.

Both ends are this version of the program, started together; a line that does not fit is a bug and ends the worker.
Passwords and hour keys cross this socketpair and nothing else; their fields are kept out of every repr.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field

from vms.domain.camera import Address, CameraState, Pause, RecordingMode, Scheme
from vms.domain.footage import GapReason, Run, Segment, SegmentFlag, pack_fragments, unpack_fragments
from vms.domain.hours import LocalHours, hours_of
from vms.domain.ids import CameraId, SegmentId, StreamId, VolumeId
from vms.domain.timespan import datetime_of_ms

MAX_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """To a worker: take this stream, or its changed configuration."""

    stream: int
    camera: int
    name: str
    scheme: str
    host: str
    port: int
    path: str
    username: str
    password: str = field(repr=False)
    mode: str
    not_before: int
    """Ticks since the epoch: end of what is recorded of this stream."""
    certificate: str = ""
    """SHA-256 of the one trusted over rtsps, in hex; empty when there is none."""
    paused_until_ms: int = 0
    pause_reason: str = ""
    taken: list[tuple[int, int]] = field(default_factory=list)
    """Ticks since the epoch: what is recorded of this stream ahead of that, in hours that the clock has left again."""
    hours: str = ""
    """When it is recorded, of a camera in the mode `weekly`."""
    timezone: str = ""
    """By whose clock; empty when it goes by none."""

    @property
    def stream_id(self) -> StreamId:
        return StreamId(self.stream)

    @property
    def camera_id(self) -> CameraId:
        return CameraId(self.camera)

    @property
    def address(self) -> Address:
        return Address(Scheme(self.scheme), self.host, self.port)

    @property
    def certificate_sha256(self) -> bytes | None:
        return bytes.fromhex(self.certificate) or None

    @property
    def pause(self) -> Pause | None:
        return Pause(datetime_of_ms(self.paused_until_ms), self.pause_reason) if self.paused_until_ms else None

    @property
    def recording_mode(self) -> RecordingMode:
        return RecordingMode(self.mode)

    @property
    def local_hours(self) -> LocalHours | None:
        return LocalHours(hours_of(self.hours), self.timezone) if self.timezone else None


@dataclass(frozen=True, slots=True)
class Release:
    """To a worker: stop with this stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """To a worker: record nothing of this stream, for want of room; without a sentence: record it again."""

    stream: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Keys:
    """To a worker: camera-hour keys, each [camera, hour since the epoch, key in hex]."""

    keys: list[tuple[int, int, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Indexed:
    """To a worker: these segments' rows are committed; the node API finds them in the index from now on."""

    segments: list[str]

    @property
    def ids(self) -> frozenset[SegmentId]:
        return frozenset(SegmentId(segment) for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: finish the fragments, publish, and end."""


@dataclass(frozen=True, slots=True)
class SegmentPublished:
    """From a worker: this file is durable under its final name."""

    stream: int
    start_ticks: int
    duration: int
    run_start_ms: int
    volume: str
    size_bytes: int
    media_sha256: str
    file_digest: str
    fragments: str
    codec: str
    width: int
    height: int
    flags: int
    camera_clock_offset_ms: int | None

    @classmethod
    def of(cls, segment: Segment) -> SegmentPublished:
        return cls(
            stream=segment.stream_id,
            start_ticks=segment.start_ticks,
            duration=segment.duration,
            run_start_ms=segment.run_start_ms,
            volume=segment.volume_id,
            size_bytes=segment.size_bytes,
            media_sha256=segment.media_sha256.hex(),
            file_digest=segment.file_digest.hex(),
            fragments=base64.b64encode(pack_fragments(segment.fragments)).decode(),
            codec=segment.codec,
            width=segment.width,
            height=segment.height,
            flags=int(segment.flags),
            camera_clock_offset_ms=segment.camera_clock_offset_ms,
        )

    @property
    def segment(self) -> Segment:
        return Segment(
            stream_id=StreamId(self.stream),
            start_ticks=self.start_ticks,
            duration=self.duration,
            run_start_ms=self.run_start_ms,
            volume_id=VolumeId(self.volume),
            size_bytes=self.size_bytes,
            media_sha256=bytes.fromhex(self.media_sha256),
            file_digest=bytes.fromhex(self.file_digest),
            fragments=unpack_fragments(base64.b64decode(self.fragments)),
            codec=self.codec,
            width=self.width,
            height=self.height,
            flags=SegmentFlag(self.flags),
            camera_clock_offset_ms=self.camera_clock_offset_ms,
        )


@dataclass(frozen=True, slots=True)
class RunChanged:
    """From a worker: a run has begun, or (`end_reason` given) has ended with everything handed to the writer."""

    stream: int
    start_ms: int
    end_ms: int
    end_reason: str | None
    rtp_start: int
    sr_ntp: int
    sr_rtp: int

    @property
    def run(self) -> Run:
        reason = None if self.end_reason is None else GapReason(self.end_reason)
        return Run(StreamId(self.stream), self.start_ms, self.end_ms, reason, self.rtp_start, self.sr_ntp, self.sr_rtp)


@dataclass(frozen=True, slots=True)
class Missing:
    """From a worker: nothing is recorded of this stream from `since_ticks` on, until its next run begins."""

    stream: int
    since_ticks: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class StreamStateChanged:
    """From a worker: what a stream does now."""

    stream: int
    state: str
    since_ms: int
    detail: str

    @property
    def camera_state(self) -> CameraState:
        return CameraState(self.state)


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """From a worker, every few seconds: what a stream sends, what it delivered since it connected, and what waits for the disk."""

    stream: int
    codec: str
    """As MSE and HLS name it; empty before the first picture."""
    width: int
    height: int
    bits_per_second: int
    pictures: int
    lost_packets: int
    damaged_pictures: int
    queued_bytes: int
    buffered_bytes: int
    """The most that was held in memory for this stream since the last figures, what waits for the disk included."""


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """From a worker, every few seconds: how far behind its disk and its own timer it is."""

    write_lag_ms: int
    loop_late_ms: int
    """The latest that a socket was drained since the last report."""


@dataclass(frozen=True, slots=True)
class VolumeChanged:
    """From a worker: a volume's condition as its writer found it (`VolumeCondition`). To a worker: one that others found final."""

    volume: str
    condition: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """From a worker: the wall clock jumped; every run of this worker was closed."""

    step_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """From a worker: everything is published and reported; it ends now."""


ToWorker = Record | Release | LeaveOut | Keys | Indexed | VolumeChanged | Stop
FromWorker = (
    SegmentPublished | RunChanged | Missing | StreamStateChanged | StreamFigures | WorkerFigures | VolumeChanged | ClockStepped | Stopped
)

_TO_WORKER: dict[str, type[ToWorker]] = {kind.__name__: kind for kind in (Record, Release, LeaveOut, Keys, Indexed, VolumeChanged, Stop)}
_FROM_WORKER: dict[str, type[FromWorker]] = {
    kind.__name__: kind
    for kind in (
        SegmentPublished,
        RunChanged,
        Missing,
        StreamStateChanged,
        StreamFigures,
        WorkerFigures,
        VolumeChanged,
        ClockStepped,
        Stopped,
    )
}


def encode(message: ToWorker | FromWorker) -> bytes:
    """Return `message` as one line."""
    return json.dumps([type(message).__name__, asdict(message)], separators=(",", ":")).encode() + b"\n"


def decode_to_worker(line: bytes) -> ToWorker:
    """Read a line that the supervisor wrote. ValueError, KeyError or TypeError for anything else."""
    kind, fields = json.loads(line)
    return _TO_WORKER[kind](**fields)


def decode_from_worker(line: bytes) -> FromWorker:
    """Read a line that a worker wrote. ValueError, KeyError or TypeError for anything else."""
    kind, fields = json.loads(line)
    return _FROM_WORKER[kind](**fields)

"""Write fragments to one volume: the one thread that a slow or broken disk may hold up.

Every file operation of a worker's segments happens here: create, encrypt, append, data sync, publish. The event loop only
queues, and learns what happened by `report`. Bounds: what a stream has queued is counted (`queued_bytes`); the loop stops
queueing above its limit and makes that a gap, so a slow disk never stalls a socket and never grows memory without end.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from recorder.open_segment import Fragment, OpenSegment, SegmentPhase
from vms.clock import Clock
from vms.crypto import random_bytes
from vms.domain.footage import FragmentEntry, Segment, SegmentFlag
from vms.domain.ids import CameraId, SegmentId, StreamId, VolumeId
from vms.errors import Conflict, InvalidInput
from vms.log import get_logger
from vms.media.fmp4 import fragment_head, init_segment
from vms.media.segment_file import MakeEncoder, RecordEncoder, Scratch, SegmentEncoder, encrypted_size
from vms.store.files import DiskFault, DiskFull, DiskReadOnly, OpenPart, Volume

MAX_QUEUED_BYTES = 8 * 1024 * 1024
"""Of one camera, its streams together; above it fragments are refused until half of it is written."""
SALT_BYTES = 16
ROOM_CHECK_SECONDS = 2.0
REFUSED_SECONDS = 10.0
"""A disk that said "no room" while it seemed to have some (inodes, a quota) is asked again so much later."""
_IDLE_SECONDS = 0.25

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """The segment's file is durable under its final name."""

    open_segment: OpenSegment
    segment: Segment


class VolumeCondition(Enum):
    OK = "ok"
    FULL = "full"
    """No room below the low watermark or `max_bytes`; recording goes on when there is room again."""
    READ_ONLY = "read_only"
    """The file system takes nothing any more; final until the recorder starts again."""
    FAILED = "failed"
    """A disk fault; likewise."""

    @property
    def final(self) -> bool:
        return self in (VolumeCondition.READ_ONLY, VolumeCondition.FAILED)


@dataclass(frozen=True, slots=True)
class VolumeReport:
    """The volume's condition changed."""

    volume: VolumeId
    condition: VolumeCondition
    sentence: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The disk refused a segment: what is whole in its `.part` waits for recovery, and its run can't go on."""

    open_segment: OpenSegment
    condition: VolumeCondition
    """Of the volume; OK when only this one segment could not be written."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Everything that was queued before this mark is done."""

    mark: Callable[[], None]


WriterReport = Published | Abandoned | VolumeReport | Reached


@dataclass(frozen=True, slots=True)
class _Open:
    segment: OpenSegment


@dataclass(frozen=True, slots=True)
class _Append:
    segment: OpenSegment
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class _Publish:
    segment: OpenSegment
    flags: SegmentFlag


@dataclass(frozen=True, slots=True)
class _GiveUp:
    condition: VolumeCondition
    sentence: str


class _Stop:
    pass


_Job = _Open | _Append | _Publish | _GiveUp | Reached | _Stop


@dataclass(slots=True)
class _Writing:
    """The file side of an open segment; touched by the writer thread only."""

    part: OpenPart
    encoder: RecordEncoder
    synced_at: float
    dirty: bool = True
    sequence: int = 0
    size_bytes: int = 0


class WriterThread:
    """One volume's writer. `open`, `append`, `publish`, `stop` are called on the event loop and return at once.

    `report` is called on the writer thread.
    """

    def __init__(
        self,
        volume: Volume,
        *,
        clock: Clock,
        sync_seconds: float,
        report: Callable[[WriterReport], None],
        listed: dict[SegmentId, OpenSegment],
        encoder: MakeEncoder = SegmentEncoder,
    ) -> None:
        """`listed` takes each segment when it is opened; the owner removes it when its row is confirmed."""
        self.volume = volume
        self._listed = listed
        self.condition = VolumeCondition.OK
        self.sentence = ""
        """Why the volume takes nothing; empty while it does."""
        self._clock = clock
        self._sync_seconds = sync_seconds
        self._make_encoder = encoder
        self._report = report
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._writing: dict[OpenSegment, _Writing] = {}
        self._scratch = Scratch()
        self._queued: dict[CameraId, int] = {}
        self._taken: dict[CameraId, int] = {}
        self._waiting: deque[float] = deque()
        """When each fragment that is not written was queued, oldest first."""
        self._room_checked_at = float("-inf")
        self._refused_until = float("-inf")
        self._wanted_bytes = 0
        """Of the segment that found no room: the volume is full until as much is free, or it would open and close all the time."""
        self._broken_runs: dict[StreamId, int] = {}
        """Start of the newest run of a stream that lost a segment here: what follows in it would hide the hole."""
        self._thread = threading.Thread(target=self._run, name=f"writer {volume.id}", daemon=True)

    def start(self) -> None:
        self._guarded(None)  # the first look for room; a disk that can't be asked is a failed volume, not the end of the worker
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Write everything queued, then end; False when the disk did not keep up in time."""
        self._jobs.put(_Stop())
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def queued_bytes(self, camera: CameraId) -> int:
        """Return how much of `camera` waits for the disk."""
        return self._queued.get(camera, 0) - self._taken.get(camera, 0)

    def lag_seconds(self) -> float:
        """Return the age of the oldest fragment that is not written."""
        try:
            return max(0.0, self._clock.monotonic() - self._waiting[0])
        except IndexError:
            return 0.0

    def open(self, segment: OpenSegment) -> None:
        self._listed[segment.id] = segment
        self._jobs.put(_Open(segment))

    def append(self, segment: OpenSegment, fragment: Fragment) -> None:
        self._queued[segment.camera_id] = self._queued.get(segment.camera_id, 0) + fragment.held_bytes
        self._waiting.append(fragment.queued_at)
        self._jobs.put(_Append(segment, fragment))

    def publish(self, segment: OpenSegment, *, flags: SegmentFlag) -> None:
        self._jobs.put(_Publish(segment, flags))

    def give_up(self, condition: VolumeCondition, sentence: str) -> None:
        """Take nothing any more: the disk refused something of another worker's, and a fault is the whole volume's."""
        self._jobs.put(_GiveUp(condition, sentence))

    def mark(self, mark: Callable[[], None]) -> None:
        """Have `mark` reported when everything queued so far is done."""
        self._jobs.put(Reached(mark))

    def _run(self) -> None:
        while True:
            try:
                job: _Job | None = self._jobs.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                job = None
            if isinstance(job, _Stop):
                return
            self._guarded(job)

    def _guarded(self, job: _Job | None) -> None:
        """Do one job; a disk fault ends the volume, a full disk only the segments it hits."""
        try:
            if job is not None:
                self._do(job)
            if not self.condition.final:
                self._housekeep()
        except DiskFull as err:
            self._refused_until = self._clock.monotonic() + REFUSED_SECONDS
            self._change(VolumeCondition.FULL, str(err))
            self._abandon_one(job, str(err))
        except (Conflict, InvalidInput) as err:
            log.exception("segment can't be written", reason=str(err))
            self._abandon_one(job, str(err))
        except DiskFault as err:
            log.exception("volume failed", volume=self.volume.id, path=str(self.volume.path))
            self._change(VolumeCondition.READ_ONLY if isinstance(err, DiskReadOnly) else VolumeCondition.FAILED, str(err))
            self._abandon_all(job, str(err))

    def _do(self, job: _Job) -> None:
        match job:
            case _Append(segment, fragment):
                try:
                    self._append(segment, fragment)
                finally:
                    self._waiting.popleft()
                    self._taken[segment.camera_id] = self._taken.get(segment.camera_id, 0) + fragment.held_bytes
            case _Open(segment):
                self._open(segment)
            case _Publish(segment, flags):
                self._publish(segment, flags)
            case _GiveUp(condition, sentence):
                self._change(condition, sentence)
                self._abandon_all(None, sentence)
            case Reached():
                self._report(job)

    def _open(self, segment: OpenSegment) -> None:
        if self._broken_runs.get(segment.stream_id) == segment.run_start_ms or not self._takes(segment.expected_bytes):
            self._abandon(segment, self.sentence)
            return
        salt = random_bytes(SALT_BYTES)
        encoder = self._make_encoder(segment.id, segment.camera_id, segment.hour_key, salt, scratch=self._scratch)
        part = OpenPart.create(self.volume, segment.id, segment.expected_bytes)
        writing = self._writing[segment] = _Writing(part, encoder, self._clock.monotonic())
        init = init_segment(segment.parameter_sets)
        part.writev([encoder.header, *encoder.encode_record(init, ())])
        segment.written.append(FragmentEntry(len(init), 0, starts_with_keyframe=False, keyframe_size=0))
        writing.sequence = 1

    def _takes(self, expected_bytes: int) -> bool:
        self._check_room(expected_bytes)
        if self.condition is VolumeCondition.FULL:
            self._wanted_bytes = expected_bytes
        return self.condition is VolumeCondition.OK

    def _append(self, segment: OpenSegment, fragment: Fragment) -> None:
        writing = self._writing.get(segment)
        if writing is None or segment.phase is not SegmentPhase.OPEN:
            return
        head = fragment_head(writing.sequence, fragment.tfdt, fragment.samples)
        writing.part.writev(writing.encoder.encode_record(head, fragment.samples.payloads))
        writing.sequence += 1
        writing.dirty = True
        keyframe = fragment.samples.keyframes[0]
        segment.written.append(
            FragmentEntry(
                len(head) + fragment.payload_bytes,
                fragment.duration,
                starts_with_keyframe=keyframe,
                keyframe_size=len(head) + len(fragment.samples.payloads[0]) if keyframe else 0,
            )
        )

    def _publish(self, segment: OpenSegment, flags: SegmentFlag) -> None:
        writing = self._writing.get(segment)
        if writing is None or segment.phase is not SegmentPhase.OPEN:
            return
        writing.part.publish()
        del self._writing[segment]
        segment.flags |= flags
        published = self._describe(segment, writing)
        segment.phase = SegmentPhase.PUBLISHED
        self._report(Published(segment, published))

    def _describe(self, segment: OpenSegment, writing: _Writing) -> Segment:
        fragments = tuple(segment.written)
        return Segment(
            stream_id=segment.stream_id,
            start_ticks=segment.start_ticks,
            duration=sum(entry.duration for entry in fragments),
            run_start_ms=segment.run_start_ms,
            volume_id=self.volume.id,
            size_bytes=encrypted_size(fragments),
            media_sha256=writing.encoder.media_sha256(),
            file_digest=writing.encoder.file_digest(),
            fragments=fragments,
            codec=segment.parameter_sets.rfc6381,
            width=segment.parameter_sets.width,
            height=segment.parameter_sets.height,
            flags=segment.flags,
            camera_clock_offset_ms=segment.camera_clock_offset_ms,
        )

    def _housekeep(self) -> None:
        """Sync what is due, one file a turn so that the queue moves on between two syncs; look for room now and then."""
        now = self._clock.monotonic()
        due = next((w for w in self._writing.values() if w.dirty and now - w.synced_at >= self._sync_seconds), None)
        if due is not None:
            due.part.data_sync()
            due.synced_at, due.dirty = now, False
        if now - self._room_checked_at >= ROOM_CHECK_SECONDS:
            self._check_room()

    def _check_room(self, expected_bytes: int = 0) -> None:
        now = self._room_checked_at = self._clock.monotonic()
        if self.condition.final or now < self._refused_until:
            return
        lack = self.volume.lack_of_room(max(expected_bytes, self._wanted_bytes))
        if lack is None:
            self._wanted_bytes = 0
            self._change(VolumeCondition.OK, "")
        else:
            self._change(VolumeCondition.FULL, lack)

    def _change(self, condition: VolumeCondition, sentence: str) -> None:
        if condition is not self.condition and not self.condition.final:
            self.condition, self.sentence = condition, sentence
            self._report(VolumeReport(self.volume.id, condition, sentence))

    def _abandon_one(self, job: _Job | None, sentence: str) -> None:
        if isinstance(job, _Open | _Append | _Publish) and job.segment.phase is SegmentPhase.OPEN:
            self._abandon(job.segment, sentence)

    def _abandon_all(self, job: _Job | None, sentence: str) -> None:
        self._abandon_one(job, sentence)
        for segment in tuple(self._writing):
            self._abandon(segment, sentence)

    def _abandon(self, segment: OpenSegment, sentence: str) -> None:
        """Leave a segment as it is on disk, say so, and take nothing more of its run: no hole is ever inside a run."""
        segment.phase = SegmentPhase.ABANDONED
        self._broken_runs[segment.stream_id] = segment.run_start_ms
        writing = self._writing.pop(segment, None)
        if writing is not None:
            writing.part.close()
        self._report(Abandoned(segment, self.condition, sentence))

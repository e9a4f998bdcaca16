"""The record side of one stream: when runs begin and end, why time is missing, and what the supervisor is told of both.

Invariants: every run is announced with its start and its end; between the end of a run and the start of the next exactly
one reason is in force; an end is reported only after everything of the run was handed to the disk and done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from recorder.clock import WallAnchor
from recorder.keys import KeyRing
from recorder.open_segment import OpenSegment
from recorder.places import Places
from recorder.rtp.access_unit import UNIT_BYTES, AccessUnit, held_bytes
from recorder.rtp.rtcp import SenderReport
from recorder.run import KeyMissing, Run, RunPlan
from recorder.sender_report import camera_clock_offset_ms
from recorder.wire import FromWorker, Missing, Record, RunChanged
from recorder.writer import MAX_QUEUED_BYTES, VolumeCondition, WriterThread
from vms.domain.camera import RecordingMode
from vms.domain.footage import GapReason, Segment
from vms.domain.timespan import TICKS_PER_MS
from vms.log import get_logger
from vms.media.fmp4 import ParameterSets

LOSS_SECONDS = 1.0
"""When packets were lost and no picture could be shown for longer than this, the missing time is a gap."""
RUN_SECONDS = 1.0
"""A run costs a file, two syncs and a row: a camera that breaks its line at every keyframe must not take the disk from the others."""
DEFAULT_SEGMENT_BYTES = 4 * 1024 * 1024
SLOW_DISK = "The disk takes the pictures more slowly than they come, or hangs. Look at its load and its health."

log = get_logger(__name__)


class PictureSource(Protocol):
    """What is asked of a stream's reader beside its access units."""

    @property
    def sender_report(self) -> SenderReport | None: ...

    @property
    def unfinished_bytes(self) -> int: ...


class Recording:
    """Turns one stream's access units into runs, and says why when it can't. All on the worker's event loop."""

    def __init__(
        self,
        order: Record,
        *,
        writers: Sequence[WriterThread],
        keys: KeyRing,
        anchor: WallAnchor,
        segment_ticks: int,
        send: Callable[[FromWorker], None],
        places: Places | None = None,
    ) -> None:
        """`places`: those of the recording of this stream before this one, if there was one in this process."""
        self._order = order
        self._writers = writers
        self._keys = keys
        self._anchor = anchor
        self._segment_ticks = segment_ticks
        self._send = send
        self._run: Run | None = None
        self._writer: WriterThread | None = None
        self._announced = False
        self._reader: PictureSource | None = None
        self._parameter_sets: ParameterSets | None = None
        self.places = places or Places(order.not_before, order.taken)
        """Where the next run may stand."""
        self._missing: tuple[GapReason, str] | None = None
        self._last_arrival = 0.0
        self._held_back = False
        self._begun_at = float("-inf")
        self.wanted = order.recording_mode is RecordingMode.ALWAYS
        """Whether pictures are recorded, or shown alone."""
        self._left_out = ""
        """Why nothing of this stream is recorded although the disk would take it; empty while it is."""
        self._room = 0
        """What the pictures of a batch may still add to what is held."""
        self._segment_bytes = DEFAULT_SEGMENT_BYTES
        """Size of the stream's last segment, so that the next is given room in one piece."""

    @property
    def queued_bytes(self) -> int:
        """What of this stream's camera waits for the disks."""
        return sum(writer.queued_bytes(self._order.camera_id) for writer in self._writers)

    @property
    def held_bytes(self) -> int:
        """Of the fragment that is being gathered."""
        return self._run.held_bytes if self._run is not None else 0

    @property
    def hindrance(self) -> str | None:
        """Why nothing can be written although pictures come; None when it can."""
        if not any(writer.condition is VolumeCondition.OK for writer in self._writers):
            return self._writers[0].sentence
        if self._left_out:
            return self._left_out
        return SLOW_DISK if self._held_back else None

    def connected(self, reader: PictureSource) -> None:
        """A new connection begins; its reader knows the camera's clock."""
        self._reader = reader
        self._parameter_sets = None

    def pictures(self, units: list[AccessUnit]) -> None:
        """Take access units in arrival order, at least one."""
        self._room = MAX_QUEUED_BYTES - self._held()
        for stretch in _stretches(units):
            self._take_stretch(stretch)

    def _take_stretch(self, units: Sequence[AccessUnit]) -> None:
        """Take pictures that arrived together, of which only the first may be a keyframe."""
        first = units[0]
        if first.lost or first.parameter_sets is not None:
            self._end_where_the_stream_changed(first)
        self._last_arrival = first.arrival
        if not self.wanted:
            return
        self._room -= held_bytes(units)
        if self._room >= 0 and not self._held_back:
            self._record(units)
            return
        for unit in units:
            if not self._lags(unit):
                self._record([unit])

    def _record(self, units: Sequence[AccessUnit]) -> None:
        try:
            self._add(units)
        except KeyMissing:
            if self._missing is None or self._missing[0] is not GapReason.DISK_ERROR:  # once, not at every keyframe
                log.error("no key for this hour", stream=self._order.stream)
            self.end(GapReason.DISK_ERROR, "The key of this hour was not there in time.")

    def end(self, reason: GapReason, detail: str) -> None:
        """End the run, if one goes on; what follows is missing for `reason`."""
        if (ended := self._close()) is not None:
            self._tell_missing_after(*ended, reason, detail)

    def clock_stepped(self, step_seconds: float) -> None:
        """End the run, for the clock was moved; where that took an earlier step back, go on where the footage ended before it."""
        ended = self._close()
        now = self._anchor.now()
        since = self.places.next(now) if self.places.stepped(int(step_seconds * 1000), now) else None
        if ended is not None:
            detail = f"This machine's clock was moved by {step_seconds:+.1f} s."
            self._tell_missing_after(*ended, GapReason.CLOCK_STEP, detail, since=since)
        elif since is not None and self._missing is not None:  # what was told stands in hours that the clock has left
            reason, detail = self._missing
            self._send(Missing(self._order.stream, since, str(reason), detail))

    def published(self, segment: Segment) -> None:
        """Learn from a published segment how much room the next one will need."""
        self._segment_bytes = segment.size_bytes * 9 // 8

    def still_missing(self, reason: GapReason, detail: str) -> None:
        """Nothing comes, for this reason now; the time until now keeps the reason it had."""
        if self._run is None and (self._missing is None or self._missing[0] is not reason):
            self._missing = (reason, detail)
            self._send(Missing(self._order.stream, self.places.next(self._anchor.now()), str(reason), detail))

    def not_wanted(self, reason: GapReason, detail: str) -> None:
        """Nothing is to be recorded: a gap, but no loss."""
        self.end(reason, detail)
        self.still_missing(reason, detail)

    def leave_out(self, sentence: str) -> None:
        """End the run and begin no other, for want of room for what matters more; without a sentence, the next keyframe begins one."""
        self._left_out = sentence
        if sentence and self._run is not None:
            self.end(GapReason.DISK_FULL, sentence)

    def volume_changed(self) -> None:
        """End the run when its volume takes nothing any more; the next keyframe looks for another volume."""
        if self._writer is None or self._writer.condition is VolumeCondition.OK:
            return
        self.end(_reason_of(self._writer.condition), self._writer.sentence)

    def abandoned(self, segment: OpenSegment, condition: VolumeCondition, sentence: str) -> None:
        """End the run that `segment` was of: its pictures are not in the index, so the run can't reach past them."""
        if self._run is not None and self._run.start is not None and self._run.start // TICKS_PER_MS == segment.run_start_ms:
            self.end(_reason_of(condition), sentence)

    def _close(self) -> tuple[Run, WriterThread] | None:
        """Take leave of the run, if one goes on."""
        run, writer = self._run, self._writer
        self._run = self._writer = None
        if run is None or writer is None:
            return None
        run.close()
        if run.has_footage:
            self._announce(run)
            self.places.recorded(run.recorded_until)
        return run, writer

    def _tell_missing_after(self, run: Run, writer: WriterThread, reason: GapReason, detail: str, *, since: int | None = None) -> None:
        """Report the end of `run`, and that nothing comes from there on or, where that is given, from `since` on."""
        if not run.has_footage:
            self.still_missing(reason, detail)
            return
        self._missing = (reason, detail)
        if reason is GapReason.DISK_SLOW:  # at once: the writer, which tells where the files end, may hang
            self._send(Missing(self._order.stream, run.recorded_until, str(reason), detail))
        ended = self._describe(run, end_reason=reason)
        writer.mark(lambda: self._tell_end(ended, run.durable_until, since, detail))

    def _tell_end(self, ended: RunChanged, until: int, since: int | None, detail: str) -> None:
        """Report a run's end and what begins there: where the last file ends, not what the disk refused."""
        self._send(replace(ended, end_ms=until // TICKS_PER_MS))
        self._send(Missing(self._order.stream, until if since is None else since, ended.end_reason or "", detail))

    def _add(self, units: Sequence[AccessUnit]) -> None:
        """Give the pictures of a stretch to the run; where there is none, or a time stamp breaks its line, a keyframe begins a new one."""
        arrival, at = self._anchor.ticks(units[0].arrival), 0
        while at < len(units):
            if self._run is None and units[at].keyframe:
                self._begin(units[at].arrival)
            run = self._run
            if run is None:
                return
            taken = run.add(units, arrival, at=at)
            at += taken
            if not taken:
                self.end(GapReason.STREAM_CHANGED, "The camera's time stamps jumped.")
            elif not self._announced:
                self._announce(run)
            if run.is_over:
                self.end(GapReason.CLOCK_STEP, "Here stands what was recorded while this machine's clock was ahead.")

    def _begin(self, now: float) -> None:
        """Begin a run, if one may begin now."""
        if self._missing is not None and self._missing[0] is GapReason.STREAM_CHANGED and now - self._begun_at < RUN_SECONDS:
            return
        writer = next((writer for writer in self._writers if writer.condition is VolumeCondition.OK), None)
        if writer is None:
            self.still_missing(_reason_of(self._writers[0].condition), self._writers[0].sentence)
        elif self._left_out:
            self.still_missing(GapReason.DISK_FULL, self._left_out)
        elif self._parameter_sets is not None:
            self._begun_at = now
            self._writer = writer
            self._announced = False
            self._run = Run(self._plan(self._parameter_sets, self._anchor.ticks(now)), writer, self._keys)

    def _plan(self, sets: ParameterSets, now: int) -> RunPlan:
        not_before = self.places.limit(now)
        return RunPlan(
            stream_id=self._order.stream_id,
            camera_id=self._order.camera_id,
            parameter_sets=sets,
            segment_ticks=self._segment_ticks,
            not_before=not_before,
            until=self.places.until(max(now, not_before)),
            expected_bytes=self._segment_bytes,
        )

    def _end_where_the_stream_changed(self, unit: AccessUnit) -> None:
        changed = unit.parameter_sets is not None and unit.parameter_sets != self._parameter_sets
        if unit.parameter_sets is not None:
            self._parameter_sets = unit.parameter_sets
        if self._run is None:
            return
        if changed:
            self.end(GapReason.STREAM_CHANGED, "The camera changed its picture size or encoding.")
        elif unit.lost and unit.arrival - self._last_arrival > LOSS_SECONDS:
            self.end(GapReason.STALLED, "Packets were lost; no complete picture came in that time.")

    def _lags(self, unit: AccessUnit) -> bool:
        """Say whether the disk is behind: before the picture that passes the limit the run ends, below half of it the next may begin."""
        held = self._held()
        self._room = MAX_QUEUED_BYTES - held - len(unit.payload) - UNIT_BYTES
        if held + len(unit.payload) + UNIT_BYTES > MAX_QUEUED_BYTES:
            self._held_back = True
            self.end(GapReason.DISK_SLOW, SLOW_DISK)
        elif held < MAX_QUEUED_BYTES // 2:
            self._held_back = False
        if self._held_back:
            self.still_missing(GapReason.DISK_SLOW, SLOW_DISK)
        return self._held_back

    def _held(self) -> int:
        """Return what memory holds for the recording: on the way to the disk, gathered, and not finished yet."""
        return self.queued_bytes + self.held_bytes + (self._reader.unfinished_bytes if self._reader is not None else 0)

    def _announce(self, run: Run) -> None:
        """Report the run's beginning, once its first fragment is whole and its start known."""
        if self._announced or not run.has_footage:
            return
        self._announced = True
        self._missing = None
        self._send(self._describe(run, end_reason=None))
        run.camera_clock_offset_ms = self._camera_clock_offset()

    def _describe(self, run: Run, *, end_reason: GapReason | None) -> RunChanged:
        start_ms = (run.start or 0) // TICKS_PER_MS
        report = self._reader.sender_report if self._reader is not None else None
        return RunChanged(
            stream=self._order.stream,
            start_ms=start_ms,
            end_ms=start_ms if end_reason is None else run.recorded_until // TICKS_PER_MS,
            end_reason=None if end_reason is None else str(end_reason),
            rtp_start=run.rtp_start,
            sr_ntp=report.ntp if report is not None else 0,
            sr_rtp=report.rtp_timestamp if report is not None else 0,
        )

    def _camera_clock_offset(self) -> int | None:
        report = self._reader.sender_report if self._reader is not None else None
        if report is None:
            return None
        return camera_clock_offset_ms(report.ntp, server_ms=self._anchor.ticks(report.arrival) // TICKS_PER_MS)


def _stretches(units: list[AccessUnit]) -> list[list[AccessUnit]]:
    """Split where a keyframe begins, or at every picture when not all arrived together: only a stretch's first may change the stream."""
    together = units[0].arrival == units[-1].arrival
    begins = [number for number, unit in enumerate(units) if number and (unit.keyframe or not together)]
    return [units[begin:end] for begin, end in pairwise((0, *begins, len(units)))] if begins else [units]


def _reason_of(condition: VolumeCondition) -> GapReason:
    return GapReason.DISK_FULL if condition is VolumeCondition.FULL else GapReason.DISK_ERROR

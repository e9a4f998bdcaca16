"""Find and read footage for the node API: rows of the index and segments that workers still hold, as one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from recorder.worker_client import ListedSegment, WorkerClient
from vms.domain.footage import INTENDED, Coverage, FragmentEntry, Gap, GapReason
from vms.domain.ids import SegmentId, StreamId, VolumeId, split_segment_id
from vms.domain.timeline import LOST_SENTENCE
from vms.domain.timespan import Timespan, datetime_of, datetime_of_ms, ms_of, union
from vms.errors import NotFound, Unavailable
from vms.media.segment_file import SegmentReader
from vms.store import gaps, segments, stream_rules
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.keys import KeyStore
from vms.store.timeline import early_gaps, readable_parts, told_timeline


@dataclass(frozen=True, slots=True)
class Playable:
    """A segment as a playlist needs it, wherever its bytes are now."""

    id: SegmentId
    stream_id: StreamId
    start_ticks: int
    run_start_ms: int
    codec: str
    width: int
    height: int
    is_open: bool
    fragments: tuple[FragmentEntry, ...]
    volume_id: VolumeId | None
    """None while it has no row: any volume may hold it."""

    @property
    def end_ticks(self) -> int:
        return self.start_ticks + sum(entry.duration for entry in self.fragments)


class Footage:
    """Reads index, keys and files; writes nothing. Methods that end in `_sync` block: call them in a thread."""

    def __init__(self, index: Engines, keys: KeyStore, volumes: Sequence[Volume], workers: WorkerClient) -> None:
        self._index = index
        self._keys = keys
        self._volumes = {volume.id: volume for volume in volumes}
        self._workers = workers

    async def listed(self, stream: StreamId) -> list[ListedSegment]:
        """Return the stream's segments without a row. Ask before the index is read: then none falls between the two."""
        return [segment for segment in await self._workers.listed_segments() if segment.stream_id == stream]

    def find_sync(self, stream: StreamId, span: Timespan, listed: Sequence[ListedSegment], *, now: datetime) -> list[Playable]:
        """Return what overlaps `span` and may be shown, by start; a segment that is both listed and in the index is given once.

        What is past its window, and around no hold, is not given from that moment on, whether it was deleted yet or not.
        """
        with self._index.read.begin() as connection:
            times = stream_rules.readable(connection, stream, ms_of(now))
            rows = segments.find(connection, stream, span)
        found = {
            row.id: Playable(
                row.id, stream, row.start_ticks, row.run_start_ms, row.codec, row.width, row.height, False, row.fragments, row.volume_id
            )
            for row in rows
        }
        for segment in listed:
            if segment.end_ticks > segment.start_ticks and span.overlaps(_span(segment)):
                found.setdefault(segment.id, _playable(segment))
        shown = [one for one in found.values() if any(time.overlaps(one.start_ticks, one.end_ticks) for time in times)]
        return sorted(shown, key=lambda segment: segment.start_ticks)

    def gaps_sync(self, stream: StreamId, span: Timespan, *, now: datetime) -> list[Gap]:
        """Return the gaps that touch what of `span` may be shown, by start."""
        with self._index.read.begin() as connection:
            parts = readable_parts(connection, stream, span, now=now)
            found = {gap.start: gap for part in parts for gap in gaps.find(connection, stream, part)}
            lost = [time for part in parts for time in segments.lost_spans(connection, stream, part)]
            early = early_gaps(connection, stream, span, now=now)
        found |= {time.start: Gap(stream, time.start, time.end, GapReason.LOST, LOST_SENTENCE) for time in union(lost)}
        found |= {gap.start: gap for gap in early}
        return [found[start] for start in sorted(found)]

    def segment_sync(self, segment: SegmentId, listed: Sequence[ListedSegment], *, now: datetime) -> Playable:
        """Return one segment; NotFound when neither the index nor a worker knows it, or when its day has come."""
        stream, start_ms = split_segment_id(segment)
        moment = Timespan(datetime_of_ms(start_ms), datetime_of_ms(start_ms + 1))
        for found in self.find_sync(stream, moment, listed, now=now):
            if found.id == segment:
                return found
        raise NotFound(f"There is no segment {segment}. Its day may have come, or it may have been lost; see: vms check")

    def read_sync(self, segment: Playable, offset: int, length: int) -> bytes:
        """Return plaintext octets, authenticated. Unavailable without file, NotFound without key, Corrupt for damage."""
        with self._open(segment) as file:
            return SegmentReader(file, self._keys, segment.fragments, segment=segment.id).read(offset, length)

    def timeline_sync(self, stream: StreamId, span: Timespan, listed: Sequence[ListedSegment], *, now: datetime) -> Coverage:
        """Return recorded and missing time of what may be shown, with what has no row yet counted as recorded."""
        unpublished = [segment.run for segment in listed]
        with self._index.read.begin() as connection:
            return told_timeline(connection, stream, span, now=now, unpublished=unpublished)

    def _open(self, segment: Playable) -> BinaryIO:
        """Open the published file, or the `.part` while it is being written; it may be renamed between two looks."""
        for volume in self._volumes.values():
            if segment.volume_id not in (None, volume.id):
                continue
            for path in (volume.segment_path(segment.id), volume.part_path(segment.id), volume.segment_path(segment.id)):
                try:
                    return path.open("rb")
                except FileNotFoundError:
                    continue
        raise Unavailable(f"Segment {segment.id} has no file. Run: vms check")


def expected_and_recorded(coverage: Coverage, now: datetime) -> tuple[float, float]:
    """Return the seconds that should have been recorded by `now` and those that were; what is missing by decision is not expected."""
    recorded = sum(span.duration.total_seconds() for span in coverage.recorded)
    missing = sum(((gap.end or now) - gap.start).total_seconds() for gap in coverage.gaps if gap.reason not in INTENDED)
    return recorded + max(0.0, missing), recorded


def _span(segment: ListedSegment) -> Timespan:
    return Timespan(datetime_of(segment.start_ticks), datetime_of(segment.end_ticks))


def _playable(segment: ListedSegment) -> Playable:
    return Playable(
        segment.id,
        segment.stream_id,
        segment.start_ticks,
        segment.run_start_ms,
        segment.codec,
        segment.width,
        segment.height,
        segment.is_open,
        segment.fragments,
        None,
    )

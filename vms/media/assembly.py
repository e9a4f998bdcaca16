"""Put one camera's recorded segments together into plain MP4 files, without touching a sample.

A file is unbroken recording under one set of parameters: a gap, a change of the stream or a full file begins the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from vms.domain.footage import FragmentEntry, Segment
from vms.domain.package import Cut, Part
from vms.domain.timespan import Timespan, ticks_of
from vms.errors import Corrupt
from vms.media.boxes import Columns, read_columns
from vms.media.plain_mp4 import MAX_FILE_BYTES, Expected, PlainMp4

ReadRecord: TypeAlias = Callable[[int], bytes | memoryview]
"""Returns the plaintext of a record of one segment: 0 is the init segment."""
OpenSegment: TypeAlias = Callable[[Segment], AbstractContextManager[ReadRecord]]
Place: TypeAlias = Callable[[int], Path]
"""Returns where the file whose first picture is of that moment (ticks) is written."""


def assemble(
    segments: Sequence[Segment], during: Timespan, open_segment: OpenSegment, place: Place, *, max_bytes: int = MAX_FILE_BYTES
) -> Iterator[tuple[Path, Part]]:
    """Write what `segments`, in the order of time, have of `during`, and yield each file when it is whole.

    It begins at the last keyframe at or before the span, and ends before the first picture that is not in it. Bounds: memory for one
    record and the tables of one file. Corrupt, with the segment's name, when what is read is not what the index says.
    """
    start, end = ticks_of(during.start), ticks_of(during.end)
    wanted = [segment for segment in segments if segment.start_ticks < end and segment.end_ticks > start]
    assembling = _Assembling(start, end, place, max_bytes)
    try:
        for number, segment in enumerate(wanted):
            assembling.expected = _unbroken(wanted[number:], max_bytes)
            with open_segment(segment) as read:
                yield from assembling.take(segment, read)
        yield from assembling.finish()
    finally:
        assembling.close()


def records_for(fragments: Sequence[FragmentEntry], at_ticks: int, start: int, end: int) -> tuple[range, int]:
    """Return the records that show [start, end) of a segment that begins at `at_ticks`, and when the first of them begins."""
    first, first_at, number = 1, at_ticks, 0
    for number, entry in enumerate(fragments[1:], 1):
        if at_ticks >= end:
            return range(first, number), first_at
        if entry.starts_with_keyframe and at_ticks <= start:
            first, first_at = number, at_ticks
        at_ticks += entry.duration
    return range(first, number + 1), first_at


def _unbroken(segments: Sequence[Segment], max_bytes: int) -> Expected:
    """Return length and size of the first segment and those that go on where it ends, as far as one file may reach."""
    ticks, size, end = 0, 0, segments[0].start_ticks
    for segment in segments:
        if segment.start_ticks != end or size > max_bytes:
            break
        ticks, size, end = ticks + segment.duration, size + segment.size_bytes, segment.end_ticks
    return Expected(ticks, size)


@dataclass(slots=True)
class _OpenCut:
    """What the file that is written has of the segment that is read."""

    segment: Segment
    start_ticks: int
    offset: int
    samples: int = 0


class _Assembling:
    def __init__(self, start: int, end: int, place: Place, max_bytes: int) -> None:
        self.expected = Expected(0, 0)
        self._start = start
        self._end = end
        self._place = place
        self._max_bytes = max_bytes
        self._init = b""
        self._file: BinaryIO | None = None
        self._path = Path()
        self._mp4: PlainMp4 | None = None
        self._cut: _OpenCut | None = None
        self._cuts: list[Cut] = []

    def take(self, segment: Segment, read: ReadRecord) -> Iterator[tuple[Path, Part]]:
        numbers, at = records_for(segment.fragments, segment.start_ticks, self._start, self._end)
        init = bytes(read(0))
        if self._mp4 is not None and (self._mp4.end_ticks != at or init != self._init):
            yield from self.finish()
        self._init = init
        for number in numbers:
            entry = segment.fragments[number]
            columns = _fragment(segment, number, read(number), at)
            yield from self._append(segment, columns, entry)
            at += entry.duration
        self._end_cut()

    def finish(self) -> Iterator[tuple[Path, Part]]:
        """End the file that is open, if there is one, and yield it."""
        if self._mp4 is None:
            return
        self._end_cut()
        mp4, shown_from = self._mp4, max(self._start, self._mp4.start_ticks)
        mp4.finish(shown_from_ticks=shown_from)
        self.close()
        yield (
            self._path,
            Part(
                start_ticks=mp4.start_ticks,
                shown_from_ticks=shown_from,
                end_ticks=mp4.end_ticks,
                codec=mp4.codec,
                plays_everywhere=mp4.plays_everywhere,
                width=mp4.width,
                height=mp4.height,
                samples=mp4.samples,
                keyframes=tuple(mp4.keyframes),
                cuts=tuple(self._cuts),
            ),
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._mp4 = None

    def _append(self, segment: Segment, columns: Columns, entry: FragmentEntry) -> Iterator[tuple[Path, Part]]:
        mp4 = self._mp4
        if mp4 is not None and ((mp4.is_nearly_full and entry.starts_with_keyframe) or not mp4.has_room_for(columns)):
            yield from self.finish()
        if self._mp4 is None:
            self._begin(columns)
        if self._cut is None:
            self._cut = _OpenCut(segment, columns.tfdt, self._writing.at)
        self._cut.samples += self._writing.append(columns, before_ticks=self._end)

    def _begin(self, first: Columns) -> None:
        self._path, self._cuts = self._place(first.tfdt), []
        self._file = self._path.open("xb")
        self._mp4 = PlainMp4(self._file, self._init, first, expected=self.expected, max_bytes=self._max_bytes)

    def _end_cut(self) -> None:
        cut, self._cut = self._cut, None
        if cut is None:
            return
        mp4, segment = self._writing, cut.segment
        self._cuts.append(
            Cut(
                segment=segment.id,
                start_ticks=cut.start_ticks,
                end_ticks=mp4.end_ticks,
                samples=cut.samples,
                offset=cut.offset,
                size_bytes=mp4.at - cut.offset,
                recorded_sha256=segment.media_sha256,
                whole=(cut.start_ticks, mp4.end_ticks) == (segment.start_ticks, segment.end_ticks),
            )
        )

    @property
    def _writing(self) -> PlainMp4:
        if self._mp4 is None:
            raise RuntimeError("no file is open")
        return self._mp4


def _fragment(segment: Segment, number: int, record: bytes | memoryview, at: int) -> Columns:
    """Read a fragment and compare it with the index."""
    try:
        columns = read_columns(record)
    except Corrupt as err:
        raise Corrupt(f"Record {number} of segment {segment.id} is no fragment of ours: {err}. Run: vms check --deep") from err
    if (columns.tfdt, columns.duration) != (at, segment.fragments[number].duration):
        raise Corrupt(f"Record {number} of segment {segment.id} is of another time than the index says. Run: vms check --deep")
    return columns

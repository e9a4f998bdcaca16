"""Segments of one stream as a node has them, in memory, readable by record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tests.factories import VOLUME, a_segment
from tests.vms.media.pictures import FRAME_TICKS, Clip
from tests.vms.media.segment_samples import STREAM, Made, made_segment
from vms.domain.footage import Segment
from vms.domain.timespan import TICKS_PER_MS
from vms.media.assembly import ReadRecord
from vms.media.boxes import read_fragment

START = 1_767_225_600_050 * TICKS_PER_MS
LENGTH = 12 * FRAME_TICKS
"""Of the usual clip."""


class Recorded:
    """Segments as a node has them, readable by record."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.made: dict[str, Made] = {}
        self.opened: list[str] = []

    def add(self, at: int, source: Clip | None = None, borders: Sequence[int] = (0, 5, 6, 12)) -> Recorded:
        made = made_segment(source, borders=borders, start_ticks=at)
        row = replace(
            a_segment(stream=STREAM, volume=VOLUME),
            start_ticks=at,
            duration=sum(entry.duration for entry in made.fragments),
            fragments=made.fragments,
            media_sha256=made.media_sha256,
            size_bytes=len(made.file),
        )
        self.segments.append(row)
        self.made[row.id] = made
        return self

    @contextmanager
    def open(self, segment: Segment) -> Iterator[ReadRecord]:
        self.opened.append(segment.id)
        yield lambda number: self.made[segment.id].records[number]

    def payloads(self) -> list[bytes]:
        """Return every sample that was recorded, in order."""
        found: list[bytes] = []
        for segment in self.segments:
            for record in self.made[segment.id].records[1:]:
                fragment = read_fragment(record)
                at = 0
                for sample in fragment.samples:
                    found.append(bytes(fragment.payload[at : at + sample.size]))
                    at += sample.size
        return found


def three_segments(source: Clip | None = None) -> Recorded:
    return Recorded().add(START, source).add(START + LENGTH, source).add(START + 2 * LENGTH, source)

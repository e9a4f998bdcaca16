"""Write a plain MP4 file (ISO 14496-12), moov first, in one pass: sample payloads go from recorded fragments into it octet for octet.

How long the moov will be is known only at the end. Room for it is left at the file's beginning by an estimate, what is not needed
becomes a free box, and a file whose room is nearly used up says that it is full.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO

from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.boxes import NON_SYNC_BIT, Columns, child
from vms.media.fmp4 import IDENTITY_MATRIX, TRACK_ID, UNDETERMINED_LANGUAGE, box, full_box, read_init_segment

MAX_FILE_BYTES = 3_900_000_000
"""A stick formatted as FAT32 takes files below 4 GiB."""
_SEEN_FULL = 0.95
"""From this share of the limits on a keyframe is taken for a new file; at the limit itself anything is."""
_MAC_EPOCH_SECONDS = 2_082_844_800
"""From 1904 to 1970: what MP4 counts creation times from."""
_FTYP = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
_MDAT_HEAD = struct.Struct(">I4sQ")
_FIXED_BYTES = 2048
"""Of a moov without samples and parameter sets, with room to spare."""
_VERSION_1 = 0x0100_0000


@dataclass(frozen=True, slots=True)
class Expected:
    """How much a file will hold at most, as the index says."""

    ticks: int
    size_bytes: int


class PlainMp4:
    """One file while it is written: `append` fragments that follow each other, then `finish`."""

    def __init__(
        self, file: BinaryIO, init: bytes | memoryview, first: Columns, *, expected: Expected, max_bytes: int = MAX_FILE_BYTES
    ) -> None:
        """`file` is new and empty. Room for the moov is left as `first` and `expected` let expect; OSError when the disk has none."""
        sets = read_init_segment(init)
        self.width, self.height, self.codec, self.plays_everywhere = sets.width, sets.height, sets.rfc6381, sets.plays_everywhere
        self.start_ticks = self.end_ticks = first.tfdt
        self.keyframes: list[int] = []
        """When each keyframe is decoded."""
        self._stsd = bytes(child(init, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"))
        self._file = file
        self._max_bytes = max_bytes
        samples = 250 + int(len(first.sizes) * expected.ticks * 1.25 / max(first.duration, 1))
        self._room = _FIXED_BYTES + len(self._stsd) + samples * (14 if first.compositions is None else 22)
        self._mdat_at = len(_FTYP) + self._room
        self._at = self._mdat_at + _MDAT_HEAD.size
        self._durations, self._sizes = array("I"), array("I")
        self._compositions, self._composed = array("i"), False
        self._sync, self._chunk_at, self._chunk_samples = array("I"), array("I"), array("I")
        if sys.platform == "linux":  # blocks that are there already cost a third less to write into, and a full disk is known at once
            os.posix_fallocate(file.fileno(), 0, min(max_bytes, self._at + expected.size_bytes))
        file.seek(self._at)

    @property
    def at(self) -> int:
        """Where the next payload will stand in the file."""
        return self._at

    @property
    def samples(self) -> int:
        return len(self._sizes)

    @property
    def is_nearly_full(self) -> bool:
        return self._at > _SEEN_FULL * self._max_bytes or self._moov_bytes(0, 0) > _SEEN_FULL * self._room

    def has_room_for(self, fragment: Columns) -> bool:
        count = len(fragment.sizes)
        composed = count + self.samples if fragment.compositions is not None and not self._composed else 0
        return self._at + len(fragment.payload) <= self._max_bytes and self._moov_bytes(count, composed) <= self._room

    def append(self, fragment: Columns, *, before_ticks: int) -> int:
        """Write those samples of `fragment` that are decoded before `before_ticks`, and return how many; there is room."""
        count, size = _until(fragment, before_ticks)
        self._sync.extend(self._keyframes(fragment, count))
        self._durations += fragment.durations[:count]
        self._sizes += fragment.sizes[:count]
        compositions = array("i", bytes(4 * count)) if fragment.compositions is None else fragment.compositions[:count]
        self._compositions += compositions
        self._composed = self._composed or fragment.compositions is not None
        if count:
            self._chunk_at.append(self._at)
            self._chunk_samples.append(count)
        self._file.write(fragment.payload[:size])
        self._at += size
        self.end_ticks += sum(fragment.durations[:count])
        return count

    def finish(self, *, shown_from_ticks: int) -> None:
        """Write the moov into its room; players begin at `shown_from_ticks`."""
        moov = self._moov(shown_from_ticks - self.start_ticks)
        free = struct.pack(">I4s", self._room - len(moov), b"free")
        self._file.seek(0)
        self._file.write(_FTYP + moov + free)
        self._file.seek(self._mdat_at)
        self._file.write(_MDAT_HEAD.pack(1, b"mdat", self._at - self._mdat_at))
        self._file.flush()
        self._file.truncate(self._at)

    def _keyframes(self, fragment: Columns, count: int) -> list[int]:
        """Return the numbers, from 1, of the keyframes among the next `count` samples, and remember when they are decoded."""
        found, at = [], fragment.tfdt
        for number, (flags, duration) in enumerate(zip(fragment.flags[:count], fragment.durations, strict=False), self.samples + 1):
            if not flags & NON_SYNC_BIT:
                found.append(number)
                self.keyframes.append(at)
            at += duration
        return found

    def _moov_bytes(self, more: int, more_composed: int) -> int:
        """Return the most that the moov takes with `more` samples in another chunk, all of them keyframes and of lengths of their own."""
        samples = self.samples + more
        composed = more_composed or (samples if self._composed else 0)
        sample_bytes = 12 * samples + 8 * composed + 4 * (len(self._sync) + more)
        return _FIXED_BYTES + len(self._stsd) + sample_bytes + 16 * (len(self._chunk_at) + 1)

    def _moov(self, lead_ticks: int) -> bytes:
        length = self.end_ticks - self.start_ticks
        made = self.start_ticks // TICKS_PER_SECOND + _MAC_EPOCH_SECONDS
        shown = length + max(self._compositions, default=0) - lead_ticks  # the last picture may be shown later than it is decoded
        mvhd = struct.pack(">QQIQIH10x", made, made, TICKS_PER_SECOND, shown, 0x10000, 0x0100) + IDENTITY_MATRIX + bytes(24)
        tkhd = struct.pack(">QQI4xQ8xHHHH", made, made, TRACK_ID, shown, 0, 0, 0, 0) + IDENTITY_MATRIX
        size = struct.pack(">II", self.width << 16, self.height << 16)
        edit = struct.pack(">IQqHH", 1, shown, lead_ticks, 1, 0)
        mdhd = struct.pack(">QQIQHH", made, made, TICKS_PER_SECOND, length, UNDETERMINED_LANGUAGE, 0)
        hdlr = full_box(b"hdlr", 0, struct.pack(">I4s12x", 0, b"vide"), b"video\x00")
        dref = full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", 1))
        minf = box(b"minf", full_box(b"vmhd", 1, bytes(8)), box(b"dinf", dref), self._stbl())
        return box(
            b"moov",
            full_box(b"mvhd", _VERSION_1, mvhd, struct.pack(">I", TRACK_ID + 1)),
            box(
                b"trak",
                full_box(b"tkhd", _VERSION_1 | 3, tkhd, size),
                box(b"edts", full_box(b"elst", _VERSION_1, edit)),
                box(b"mdia", full_box(b"mdhd", _VERSION_1, mdhd), hdlr, minf),
            ),
        )

    def _stbl(self) -> bytes:
        tables = [box(b"stsd", self._stsd), full_box(b"stts", 0, _runs(self._durations))]
        if self._composed:
            tables.append(full_box(b"ctts", _VERSION_1, _runs(self._compositions)))
        if len(self._sync) < self.samples:
            tables.append(full_box(b"stss", 0, struct.pack(">I", len(self._sync)), _octets(self._sync)))
        tables.append(full_box(b"stsc", 0, self._chunks()))
        tables.append(full_box(b"stsz", 0, struct.pack(">II", 0, self.samples), _octets(self._sizes)))
        tables.append(full_box(b"stco", 0, struct.pack(">I", len(self._chunk_at)), _octets(self._chunk_at)))
        return box(b"stbl", *tables)

    def _chunks(self) -> bytes:
        """Return stsc: where the number of samples in a chunk changes."""
        entries, before = [], 0
        for number, samples in enumerate(self._chunk_samples, 1):
            if samples != before:
                entries.append(struct.pack(">III", number, samples, 1))
                before = samples
        return struct.pack(">I", len(entries)) + b"".join(entries)


def _until(fragment: Columns, before_ticks: int) -> tuple[int, int]:
    """Return how many samples are decoded before that moment, and their octets."""
    if fragment.tfdt + fragment.duration <= before_ticks:
        return len(fragment.sizes), len(fragment.payload)
    at, count = fragment.tfdt, 0
    while count < len(fragment.durations) and at < before_ticks:
        at += fragment.durations[count]
        count += 1
    return count, sum(fragment.sizes[:count])


def _runs(figures: array[int]) -> bytes:
    """Return stts or ctts: how often each figure comes in a row."""
    code = ">Ii" if figures.typecode == "i" else ">II"
    runs = [struct.pack(code, sum(1 for _ in same), figure) for figure, same in groupby(figures)]
    return struct.pack(">I", len(runs)) + b"".join(runs)


def _octets(figures: array[int]) -> bytes:
    if sys.byteorder == "little":
        figures = figures[:]
        figures.byteswap()
    return figures.tobytes()

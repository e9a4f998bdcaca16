"""Read back the boxes that `fmp4` writes (ISO 14496-12); every length is checked before it is used.

Not a general MP4 reader: whatever our own writer would not have written is `Corrupt`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from vms.errors import Corrupt

SYNC_SAMPLE_FLAGS = 0x0200_0000
"""sample_depends_on = 2: needs no other picture."""
DELTA_SAMPLE_FLAGS = 0x0101_0000
"""sample_depends_on = 1, sample_is_non_sync_sample = 1."""
NON_SYNC_BIT = 0x0001_0000
TRUN_FLAGS = 0x00_0701
"""Data offset; per sample: duration, size, flags."""
TRUN_FLAGS_WITH_CTS = 0x00_0F01
"""The same and a composition offset per sample; version 1, so that it may be negative."""
_BOX = struct.Struct(">I4s")
_SAMPLE = struct.Struct(">III")
_SAMPLE_WITH_CTS = struct.Struct(">IIIi")


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    payload: memoryview


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """One sample as its trun tells of it."""

    duration: int
    size: int
    keyframe: bool
    cts: int


@dataclass(frozen=True, slots=True)
class ReadFragment:
    """One moof+mdat."""

    sequence: int
    tfdt: int
    samples: tuple[SampleEntry, ...]
    payload: memoryview
    """The samples' bytes, one after the other."""
    head_bytes: int
    """Of moof and the header of mdat: where `payload` begins."""

    @property
    def duration(self) -> int:
        return sum(sample.duration for sample in self.samples)


@dataclass(frozen=True, slots=True)
class Columns:
    """One moof+mdat, its samples by columns: for who handles a great many and looks at none."""

    tfdt: int
    durations: array[int]
    sizes: array[int]
    flags: array[int]
    compositions: array[int] | None
    """None when no sample has one."""
    payload: memoryview
    head_bytes: int

    @property
    def duration(self) -> int:
        return sum(self.durations)


def iter_boxes(content: bytes | memoryview) -> Iterator[Box]:
    """Yield the boxes of one level; Corrupt when they do not fill `content` exactly."""
    view = memoryview(content)
    at = 0
    while at < len(view):
        if len(view) - at < _BOX.size:
            raise Corrupt(f"{len(view) - at} bytes follow the last box")
        size, kind = _BOX.unpack_from(view, at)
        if not _BOX.size <= size <= len(view) - at:
            raise Corrupt(f"a box of {size} bytes where {len(view) - at} are left")
        yield Box(kind, view[at + _BOX.size : at + size])
        at += size


def child(content: bytes | memoryview, *path: bytes) -> memoryview:
    """Return the payload of the first box at `path`, level by level; Corrupt when there is none."""
    view = memoryview(content)
    for kind in path:
        found = next((box.payload for box in iter_boxes(view) if box.kind == kind), None)
        if found is None:
            raise Corrupt(f"no {kind.decode('ascii', 'replace')} box")
        view = found
    return view


def read_fragment(record: bytes | memoryview) -> ReadFragment:
    """Read one fragment as `fmp4.fragment_head` and the samples after it make it; Corrupt for anything else."""
    moof, payload, head_bytes = _moof_and_mdat(record)
    samples = _samples(child(moof, b"traf", b"trun"), head_bytes)
    if sum(sample.size for sample in samples) != len(payload):
        raise Corrupt("the samples do not fill their mdat")
    sequence = _u32(child(moof, b"mfhd"), 4)
    return ReadFragment(sequence, _tfdt(child(moof, b"traf", b"tfdt")), samples, payload, head_bytes)


def read_columns(record: bytes | memoryview) -> Columns:
    """Read what `read_fragment` reads, without an object for each sample."""
    moof, payload, head_bytes = _moof_and_mdat(record)
    trun = child(moof, b"traf", b"trun")
    entry = _entry(trun, head_bytes)
    fields = array("I", bytes(trun[12:]))
    if sys.byteorder == "little":
        fields.byteswap()
    step = entry.size // 4
    sizes = fields[1::step]
    if sum(sizes) != len(payload):
        raise Corrupt("the samples do not fill their mdat")
    compositions = array("i", fields[3::step].tobytes()) if entry is _SAMPLE_WITH_CTS else None
    return Columns(_tfdt(child(moof, b"traf", b"tfdt")), fields[0::step], sizes, fields[2::step], compositions, payload, head_bytes)


def _moof_and_mdat(record: bytes | memoryview) -> tuple[memoryview, memoryview, int]:
    """Return the payloads of both, and where the second one begins."""
    boxes = list(iter_boxes(record))
    if [box.kind for box in boxes] != [b"moof", b"mdat"]:
        raise Corrupt("a fragment is one moof and one mdat")
    moof, payload = boxes[0].payload, boxes[1].payload
    return moof, payload, len(moof) + 2 * _BOX.size


def _tfdt(payload: memoryview) -> int:
    if _u32(payload, 0) != 0x0100_0000 or len(payload) != 12:
        raise Corrupt("a tfdt that is not of version 1")
    return int.from_bytes(payload[4:])


def _samples(trun: memoryview, head_bytes: int) -> tuple[SampleEntry, ...]:
    entry = _entry(trun, head_bytes)
    with_cts = entry is _SAMPLE_WITH_CTS
    return tuple(
        SampleEntry(fields[0], fields[1], not fields[2] & NON_SYNC_BIT, fields[3] if with_cts else 0)
        for fields in entry.iter_unpack(trun[12:])
    )


def _entry(trun: memoryview, head_bytes: int) -> struct.Struct:
    """Return how a sample stands in `trun`, after comparing what its head says with what is there."""
    version_flags, count, data_offset = _u32(trun, 0), _u32(trun, 4), _u32(trun, 8)
    with_cts = version_flags == 0x0100_0000 | TRUN_FLAGS_WITH_CTS
    if not with_cts and version_flags != TRUN_FLAGS:
        raise Corrupt(f"a trun with version and flags {version_flags:#010x}")
    entry = _SAMPLE_WITH_CTS if with_cts else _SAMPLE
    if count == 0 or len(trun) != 12 + count * entry.size or data_offset != head_bytes:
        raise Corrupt("a trun whose count or data offset does not fit")
    return entry


def _u32(payload: memoryview, at: int) -> int:
    if len(payload) < at + 4:
        raise Corrupt("a box is shorter than its fields")
    return int.from_bytes(payload[at : at + 4])

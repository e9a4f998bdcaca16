"""Write fragmented MP4 (ISO 14496-12, CMAF): one init segment, then fragments of one moof and one mdat.

One video track, id 1, 90 kHz. Parameter sets stand in the init segment only (avc1, hvc1). `fragment_head` ends where the
samples begin, so that a caller writes head and samples without joining them.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from vms.domain.timespan import TICKS_PER_SECOND
from vms.errors import Corrupt, InvalidInput
from vms.media.boxes import DELTA_SAMPLE_FLAGS, SYNC_SAMPLE_FLAGS, TRUN_FLAGS, TRUN_FLAGS_WITH_CTS, child, iter_boxes
from vms.media.parameter_sets import Codec, ParameterSets

__all__ = ["ParameterSets", "Samples", "fragment_head", "init_segment", "read_init_segment", "whole_fragment"]

TRACK_ID = 1
_FLAGS = (DELTA_SAMPLE_FLAGS, SYNC_SAMPLE_FLAGS)
IDENTITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)
UNDETERMINED_LANGUAGE = 0x55C4
_H265_VPS, _H265_SPS, _H265_PPS = 32, 33, 34
_MAX_SET_BYTES = 0xFFFF
_SAMPLE_ENTRY_BYTES = 78
"""Of a VisualSampleEntry before its boxes."""

# moof: mfhd, traf: tfhd (default-base-is-moof), tfdt version 1, trun up to its samples.
_HEAD = struct.Struct(">I4s I4sII I4s I4sII I4sIQ I4sIII")
_TRAF_AT = 24
_TRUN_AT = 68
_MDAT = struct.Struct(">I4s")


@dataclass(slots=True)
class Samples:
    """Pictures that follow each other, by columns: few objects for a whole fragment, instead of several for each picture.

    All columns are of one length once the fragment is whole; until then the duration of the last may be missing.
    """

    payloads: list[bytes | memoryview] = field(default_factory=list)
    """NAL units, each after its length in 4 octets, without parameter sets; a view is one of octets."""
    durations: array[int] = field(default_factory=partial(array, "I"))
    """90 kHz ticks."""
    keyframes: list[bool] = field(default_factory=list)
    compositions: array[int] = field(default_factory=partial(array, "i"))
    """Presentation minus decoding time, ticks; may be negative."""

    def __len__(self) -> int:
        return len(self.payloads)

    def append(self, payload: bytes | memoryview, duration: int, *, keyframe: bool, composition: int = 0) -> None:
        self.payloads.append(payload)
        self.durations.append(duration)
        self.keyframes.append(keyframe)
        self.compositions.append(composition)


def fragment_head(sequence: int, tfdt: int, samples: Samples) -> bytes:
    """Return moof and the header of mdat for `samples`, whose payloads the caller appends in order; ValueError for none.

    `tfdt`: decoding time of the first sample in 90 kHz ticks.
    """
    count = len(samples)
    if not count:
        raise ValueError("a fragment holds at least one sample")
    with_cts = any(samples.compositions)
    sizes = [len(payload) for payload in samples.payloads]
    payload_bytes = sum(sizes)
    if payload_bytes > 0xFFFF_FFFF - _MDAT.size:
        raise ValueError(f"a fragment of {payload_bytes} bytes does not fit an mdat")
    table_bytes = count * (16 if with_cts else 12)
    moof_bytes = _HEAD.size + table_bytes
    head = _HEAD.pack(
        *(moof_bytes, b"moof", 16, b"mfhd", 0, sequence, moof_bytes - _TRAF_AT, b"traf"),
        *(16, b"tfhd", 0x02_0000, TRACK_ID, 20, b"tfdt", 0x0100_0000, tfdt, moof_bytes - _TRUN_AT, b"trun"),
        *(0x0100_0000 | TRUN_FLAGS_WITH_CTS if with_cts else TRUN_FLAGS, count, moof_bytes + _MDAT.size),
    )
    return b"".join((head, _sample_table(samples, sizes, with_cts=with_cts), _MDAT.pack(_MDAT.size + payload_bytes, b"mdat")))


def whole_fragment(sequence: int, tfdt: int, samples: Samples) -> bytes:
    """Return a fragment with its samples in one piece, as live viewers are sent one of each picture."""
    return b"".join((fragment_head(sequence, tfdt, samples), *samples.payloads))


def init_segment(sets: ParameterSets) -> bytes:
    """Return ftyp and moov for a stream with these parameter sets; InvalidInput when they describe no picture."""
    return box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6cmfcmp41") + _moov(sets)


def read_init_segment(record: bytes | memoryview) -> ParameterSets:
    """Return the parameter sets that `init_segment` wrote; Corrupt when there are none to be read."""
    entries = child(record, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")[8:]
    entry = next(iter_boxes(entries), None)
    if entry is None or entry.kind not in (b"avc1", b"hvc1"):
        raise Corrupt("the init segment names neither avc1 nor hvc1")
    boxes = entry.payload[_SAMPLE_ENTRY_BYTES:]
    return _read_avcc(child(boxes, b"avcC")) if entry.kind == b"avc1" else _read_hvcc(child(boxes, b"hvcC"))


def _sample_table(samples: Samples, sizes: Sequence[int], *, with_cts: bool) -> bytes:
    row = "IIIi" if with_cts else "III"
    columns = len(row)
    rows = [0] * (columns * len(sizes))
    rows[0::columns] = samples.durations
    rows[1::columns] = sizes
    rows[2::columns] = [_FLAGS[keyframe] for keyframe in samples.keyframes]
    if with_cts:
        rows[3::columns] = samples.compositions
    return struct.pack(">" + row * len(sizes), *rows)


def box(kind: bytes, *parts: bytes) -> bytes:
    return b"".join((struct.pack(">I4s", 8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """A box whose first field is version, in the top octet, and flags."""
    return box(kind, struct.pack(">I", flags), *parts)


def _moov(sets: ParameterSets) -> bytes:
    times_rate_volume = struct.pack(">IIIIIH10x", 0, 0, TICKS_PER_SECOND, 0, 0x10000, 0x0100)
    mvhd = full_box(b"mvhd", 0, times_rate_volume, IDENTITY_MATRIX, bytes(24), struct.pack(">I", TRACK_ID + 1))
    trex = full_box(b"trex", 0, struct.pack(">5I", TRACK_ID, 1, 0, 0, 0))
    return box(b"moov", mvhd, _trak(sets), box(b"mvex", trex))


def _trak(sets: ParameterSets) -> bytes:
    size = struct.pack(">II", sets.width << 16, sets.height << 16)
    tkhd = full_box(b"tkhd", 3, struct.pack(">5I8xHHHH", 0, 0, TRACK_ID, 0, 0, 0, 0, 0, 0), IDENTITY_MATRIX, size)
    mdhd = full_box(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, TICKS_PER_SECOND, 0, UNDETERMINED_LANGUAGE, 0))
    hdlr = full_box(b"hdlr", 0, struct.pack(">I4s12x", 0, b"vide"), b"video\x00")
    dref = full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", 1))
    minf = box(b"minf", full_box(b"vmhd", 1, bytes(8)), box(b"dinf", dref), _stbl(sets))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf))


def _stbl(sets: ParameterSets) -> bytes:
    stsd = full_box(b"stsd", 0, struct.pack(">I", 1), _sample_entry(sets))
    empty = (full_box(kind, 0, bytes(4)) for kind in (b"stts", b"stsc"))
    return box(b"stbl", stsd, *empty, full_box(b"stsz", 0, bytes(8)), full_box(b"stco", 0, bytes(4)))


def _sample_entry(sets: ParameterSets) -> bytes:
    kind, decoder = (b"avc1", _avcc(sets)) if sets.codec == "h264" else (b"hvc1", _hvcc(sets))
    fields = struct.pack(">6xH16xHHIIIH32xHh", 1, sets.width, sets.height, 0x48_0000, 0x48_0000, 0, 1, 24, -1)
    return box(kind, fields, decoder)


def _avcc(sets: ParameterSets) -> bytes:
    """AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1), NAL lengths of 4 octets."""
    picture = sets.format
    if not 1 <= len(sets.sps) <= 31 or not 1 <= len(sets.pps) <= 255:
        raise InvalidInput(f"An H.264 stream with {len(sets.sps)} sequence and {len(sets.pps)} picture parameter sets.")
    extended = b""
    if picture.profile[0] in (100, 110, 122, 144):
        extended = bytes((0xFC | picture.chroma_format, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0))
    counted_sps = bytes((0xE0 | len(sets.sps),)) + _with_lengths(sets.sps)
    counted_pps = bytes((len(sets.pps),)) + _with_lengths(sets.pps)
    return box(b"avcC", b"\x01", picture.profile, b"\xff", counted_sps, counted_pps, extended)


def _hvcc(sets: ParameterSets) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO 14496-15 §8.3.3.1), NAL lengths of 4 octets, arrays complete."""
    picture = sets.format
    kinds = ((_H265_VPS, sets.vps), (_H265_SPS, sets.sps), (_H265_PPS, sets.pps))
    if not all(0 < len(nals) <= 64 for _, nals in kinds):
        raise InvalidInput("An H.265 stream needs its video, sequence and picture parameter sets.")
    layers = picture.temporal_layers << 3 | picture.temporal_id_nested << 2 | 3
    formats = bytes((0xFC | picture.chroma_format, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8))
    arrays = (struct.pack(">BH", 0x80 | kind, len(nals)) + _with_lengths(nals) for kind, nals in kinds)
    return box(b"hvcC", b"\x01", picture.profile, b"\xf0\x00\xfc", formats, b"\x00\x00", bytes((layers, len(kinds))), *arrays)


def _with_lengths(nals: Sequence[bytes]) -> bytes:
    if any(not 0 < len(nal) <= _MAX_SET_BYTES for nal in nals):
        raise InvalidInput(f"A parameter set is empty or longer than {_MAX_SET_BYTES} bytes.")
    return b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)


def _read_avcc(record: memoryview) -> ParameterSets:
    reader = _Octets(record, at=5)
    sps = reader.nals(reader.number(1) & 0x1F)
    return _checked("h264", (), sps, reader.nals(reader.number(1)))


def _read_hvcc(record: memoryview) -> ParameterSets:
    reader = _Octets(record, at=22)
    arrays: dict[int, tuple[bytes, ...]] = {}
    for _ in range(reader.number(1)):
        kind = reader.number(1) & 0x3F
        arrays[kind] = reader.nals(reader.number(2))
    return _checked("h265", arrays.get(_H265_VPS, ()), arrays.get(_H265_SPS, ()), arrays.get(_H265_PPS, ()))


def _checked(codec: Codec, vps: tuple[bytes, ...], sps: tuple[bytes, ...], pps: tuple[bytes, ...]) -> ParameterSets:
    sets = ParameterSets(codec, vps, sps, pps)
    try:
        _ = sets.format
    except InvalidInput as err:
        raise Corrupt(f"the init segment's parameter sets can't be read: {err}") from err
    return sets


class _Octets:
    """Reads big-endian fields one after the other, never past the end."""

    def __init__(self, view: memoryview, at: int) -> None:
        self._view = view
        self._at = at

    def take(self, size: int) -> memoryview:
        taken = self._view[self._at : self._at + size]
        if len(taken) != size:
            raise Corrupt("a decoder configuration ends too early")
        self._at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def nals(self, count: int) -> tuple[bytes, ...]:
        return tuple(bytes(self.take(self.number(2))) for _ in range(count))

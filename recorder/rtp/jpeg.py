"""JPEG over RTP (RFC 2435): packets hold the scan alone; the headers that a decoder needs are made of the fields before it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from recorder.rtp.access_unit import ReaderCounters
from recorder.rtp.pictures import Made, PictureAssembler

_FIELDS = struct.Struct("!BBBB")
"""Behind type-specific octet and fragment offset: type, Q, width and height in blocks of 8 (RFC 2435 §3.1)."""
_MAIN_BYTES = 8
_RESTART_BYTES = 4
_TABLES_HEAD_BYTES = 4
_TABLE_BYTES = 64
_END = b"\xff\xd9"
_SAMPLING = {0: 0x21, 1: 0x22}
"""Of the luma by type (§4.1): 4:2:2 and 4:2:0; other types are not defined, and nobody is known to send them."""
_WITH_RESTARTS = range(64, 128)
_OWN_TABLES = range(128, 256)
_CHANGING_TABLES = 255
"""This Q brings its tables with every picture; those from 128 on may leave them out once they were sent (§3.1.8)."""
_LUMA = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
_CHROMA = bytes.fromhex("1112121815182f1a1a2f63423842") + bytes([99] * 50)
"""Both in zigzag order (§A)."""
_SYMBOLS = bytes(range(12))
_LUMA_AC = bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a34353637"
    "38393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3"
    "a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"
)
_CHROMA_AC = bytes.fromhex(
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536"
    "3738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999a"
    "a2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa"
)
_HUFFMAN = b"".join(
    struct.pack("!BBHB", 0xFF, 0xC4, 3 + 16 + len(symbols), kind) + bytes.fromhex(counts) + symbols
    for kind, counts, symbols in (
        (0x00, "00010501010101010100000000000000", _SYMBOLS),
        (0x10, "0002010303020403050504040000017d", _LUMA_AC),
        (0x01, "00030101010101010101010000000000", _SYMBOLS),
        (0x11, "00020102040403040705040400010277", _CHROMA_AC),
    )
)
"""The tables of ITU-T T.81 §K.3, which every sender uses (§B)."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What must be the same in every packet of a picture."""

    kind: int
    q: int
    width: int
    height: int
    restart_interval: int


class JpegPictures(PictureAssembler):
    """Hands over whole JPEG files."""

    def __init__(self, counters: ReaderCounters, dimensions: tuple[int, int] | None = None) -> None:
        """`dimensions`: what the description says of pictures too large for the packets' fields, which are 0 then."""
        super().__init__(counters)
        self._dimensions = dimensions
        self._shape: _Shape | None = None
        self._headers = b""
        self._tables: dict[int, tuple[bytes, ...]] = {}
        """By Q, as last sent."""

    def skip(self) -> None:
        """No picture needs another."""

    def body_of(self, payload: bytes) -> bytes | None:
        if len(payload) <= _MAIN_BYTES or int.from_bytes(payload[1:4]) != self._size:
            return None
        kind, q, columns, rows = _FIELDS.unpack_from(payload, 4)
        at, interval = _MAIN_BYTES, 0
        if kind in _WITH_RESTARTS:
            interval = int.from_bytes(payload[at : at + 2])
            at += _RESTART_BYTES
        shape = _Shape(kind, q, *self._size_of(columns, rows), interval)
        if self._size:
            return payload[at:] if shape == self._shape else None
        self._shape = shape
        if q in _OWN_TABLES and (at := self._take_tables(q, payload, at)) < 0:
            return None
        tables = self._tables.get(q) if q in _OWN_TABLES else computed_tables(q)
        if tables is None or kind & ~0x40 not in _SAMPLING or not shape.width or not shape.height:
            return None
        self._headers = b"".join(_headers(shape, tables))
        return payload[at:] or None

    def pictures_of(self, body: bytes) -> tuple[Made, ...]:
        return (Made(self._headers + body + (b"" if body.endswith(_END) else _END), keyframe=True),)

    def _size_of(self, columns: int, rows: int) -> tuple[int, int]:
        return self._dimensions if self._dimensions is not None and not (columns and rows) else (8 * columns, 8 * rows)

    def _take_tables(self, q: int, payload: bytes, at: int) -> int:
        """Note the tables that the picture's first packet brings; return where the scan begins, -1 when they are not whole."""
        begin = at + _TABLES_HEAD_BYTES
        if len(payload) < begin:
            return -1
        precision, length = payload[at + 1], int.from_bytes(payload[at + 2 : begin])
        if length == 0:
            return begin if q != _CHANGING_TABLES and q in self._tables else -1
        sizes = [_TABLE_BYTES << (precision >> number & 1) for number in range(2)]
        tables = payload[begin : begin + length]
        if len(tables) < length or length < sizes[0]:
            return -1
        luma, chroma = tables[: sizes[0]], tables[sizes[0] : sum(sizes)]
        self._tables[q] = (luma, chroma if len(chroma) == sizes[1] else luma)
        return begin + length


def computed_tables(q: int) -> tuple[bytes, ...] | None:
    """Return the quantization tables of a quality from 1 to 99 (§4.2); None for one that means nothing."""
    if not 1 <= q <= 99:
        return None
    factor = 5000 // q if q < 50 else 200 - 2 * q
    return tuple(bytes(min(max((value * factor + 50) // 100, 1), 255) for value in table) for table in (_LUMA, _CHROMA))


def _headers(shape: _Shape, tables: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield what stands before the scan in a JPEG file (§B)."""
    yield b"\xff\xd8"
    for number, table in enumerate(tables):
        precision = 0x10 if len(table) > _TABLE_BYTES else 0
        yield struct.pack("!BBHB", 0xFF, 0xDB, 3 + len(table), precision | number) + table
    if shape.restart_interval:
        yield struct.pack("!BBHH", 0xFF, 0xDD, 4, shape.restart_interval)
    yield struct.pack("!BBHBHHB", 0xFF, 0xC0, 17, 8, shape.height, shape.width, 3)
    yield bytes((1, _SAMPLING[shape.kind & ~0x40], 0, 2, 0x11, 1, 3, 0x11, 1))
    yield _HUFFMAN
    yield bytes((0xFF, 0xDA, 0, 12, 3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0))

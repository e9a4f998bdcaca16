"""What has to be read of MPEG-4 Visual to tell apart pictures that share a packet, and their times (ISO 14496-2 §6.2.3, §6.2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

PICTURE = b"\x00\x00\x01\xb6"
"""vop_start_code; the two bits behind it are vop_coding_type, 0 for an intra picture."""
_START_CODE = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_LAYER = re.compile(rb"\x00\x00\x01[\x20-\x2f]")
"""video_object_layer_start_code."""
_HEADER_BYTES = 32
"""More than is read of any."""
_EXTENDED_ASPECT = 15
_VBV_BITS = 79
_RECTANGULAR = 0


class _Bits:
    """Reads the octets behind a start code from the left; beyond their end come zeros."""

    def __init__(self, octets: bytes) -> None:
        self._value = int.from_bytes(octets[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\x00"))
        self._left = 8 * _HEADER_BYTES

    def take(self, count: int) -> int:
        self._left = max(self._left - count, 0)
        return self._value >> self._left & (1 << count) - 1


def is_intra(picture: bytes, at: int) -> bool:
    """Say whether the picture whose start code is at `at` needs no other; False when it ends there."""
    return at + len(PICTURE) < len(picture) and picture[at + len(PICTURE)] >> 6 == 0


def split_pictures(body: bytes) -> Iterator[bytes]:
    """Yield the pictures of a packet, each with the headers before it; all of it when it holds one or none."""
    begin, in_picture = 0, False
    for match in _START_CODE.finditer(body):
        if in_picture:
            yield body[begin : match.start()]
            begin = match.start()
        in_picture = match[0] == PICTURE
    yield body[begin:]


def time_resolution(octets: bytes) -> int:
    """Return vop_time_increment_resolution, ticks a second, of the first layer header in `octets`; 0 when there is none to be read."""
    if (match := _LAYER.search(octets)) is None:
        return 0
    bits = _Bits(octets[match.end() :])
    bits.take(1 + 8)
    if bits.take(1):
        bits.take(4 + 3)
    if bits.take(4) == _EXTENDED_ASPECT:
        bits.take(16)
    if bits.take(1):
        bits.take(2 + 1)
        if bits.take(1):
            bits.take(_VBV_BITS)
    if bits.take(2) != _RECTANGULAR or not bits.take(1):
        return 0
    return bits.take(16)


def time_increment(picture: bytes, resolution: int) -> int:
    """Return vop_time_increment of a picture: its place within its second, in ticks of `resolution`."""
    bits = _Bits(picture[picture.find(PICTURE) + len(PICTURE) :])
    bits.take(2)
    for _ in range(8 * _HEADER_BYTES):
        if not bits.take(1):
            break
    bits.take(1)
    return bits.take(max((resolution - 1).bit_length(), 1))

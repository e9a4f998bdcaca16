"""The RTP header inside an interleaved frame (RFC 3550 §5.1), and long runs of equal fragments found without looking at each."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any

FRAME_HEAD_BYTES = 4
"""Before each RTP packet: "$", channel, 16-bit length."""
HEADER_BYTES = 12
PAYLOAD_AT = FRAME_HEAD_BYTES + HEADER_BYTES
"""Offset of the payload in a frame whose packet has neither CSRC nor extension."""
_SEQUENCE_AT = 6
"""Offset of the sequence number in a frame."""
PLAIN = 0x80
"""First octet of a packet of version 2 without padding, extension and CSRC."""
MARKER = 0x80
MAX_SEQUENCE = 0xFFFF
MAX_RUN = 64
"""Fragments taken at once."""
_SOME = 16
"""Fragments of a picture of most cameras."""

_OCTET = tuple(bytes([value]) for value in range(256))


def payload_span(data: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Return where the payload of the packet `data[start:stop]` lies, or None when its header does not hold together."""
    if stop - start < HEADER_BYTES or data[start] >> 6 != 2:
        return None
    first = data[start]
    begin = start + HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if begin + 4 > stop:
            return None
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4])
    padding = data[stop - 1] if first & 0x20 else 0
    if first & 0x20 and padding == 0:
        return None
    return (begin, stop - padding) if begin <= stop - padding else None


def fragment_run(data: bytes, at: int, frame: int, sequence: int, octet_at: int, middle: int) -> int:
    """Count the frames that carry on the fragmented NAL unit of the plain frame of `frame` bytes at `at`.

    Those are frames of the same size, channel, payload type, time stamp, source and payload header, without marker, with the
    sequence numbers that follow `sequence` and with the fragment header octet `middle` (neither start nor end) at `octet_at` of
    the frame. A few calls find them, whatever their number: a keyframe has a hundred fragments.
    """
    first = at + frame
    count = min((len(data) - first) // frame, MAX_RUN, MAX_SEQUENCE - sequence)
    octets = data[first + octet_at : first + count * frame : frame]
    count -= len(octets.lstrip(_OCTET[middle]))
    before, behind = data[at : at + _SEQUENCE_AT], data[at + _SEQUENCE_AT + 2 : at + octet_at]
    # One frame first, then some, then the rest: a camera whose runs are short on purpose must not have all of them read each time.
    if count <= 0 or data[first : first + _SEQUENCE_AT] != before or data[first + _SEQUENCE_AT + 2 : first + octet_at] != behind:
        return 0
    some = min(count, _SOME)
    found = _as_expected(data, first, frame, some, sequence, (before, behind))
    if found < some or some == count:
        return found
    return some + _as_expected(data, first + some * frame, frame, count - some, sequence + some, (before, behind))


def _as_expected(data: bytes, at: int, frame: int, count: int, sequence: int, around: tuple[bytes, bytes]) -> int:
    """Count the frames from `at` on, of `count`, whose headers have what is expected `around` the numbers that follow `sequence`."""
    before, behind = around
    fields = _headers(frame, _SEQUENCE_AT + 2 + len(behind), count)(data, at)
    numbers = tuple(range(sequence + 1, sequence + 1 + count))
    if fields[1::3] == numbers and fields[0::3].count(before) == count and fields[2::3].count(behind) == count:
        return count
    return next(n for n, number in enumerate(numbers) if fields[3 * n : 3 * n + 3] != (before, number, behind))


@lru_cache(maxsize=512)
def fragment_bodies(frame: int, octet_at: int, count: int) -> Callable[[memoryview], tuple[memoryview, ...]]:
    """Return what cuts the bodies out of a view that begins with `count` frames.

    A view is half the price of a copy. A camera sends all fragments but the last of a NAL unit in one size, so few of these
    functions are ever made, nor of the next.
    """
    cuts = [slice(at + octet_at + 1, at + frame) for at in range(0, count * frame, frame)]
    return itemgetter(*cuts) if count > 1 else lambda view: (view[cuts[0]],)


@lru_cache(maxsize=512)
def _headers(frame: int, octet_at: int, count: int) -> Callable[[bytes, int], tuple[Any, ...]]:
    """Return what reads the headers of `count` frames: of each what stands before the sequence number, that, what is behind it."""
    one = f"{_SEQUENCE_AT}sH{octet_at - _SEQUENCE_AT - 2}s{frame - octet_at}x"
    return struct.Struct("!" + one * count).unpack_from

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
HEAD_BYTES = 8
"""Of a frame up to and with its packet's sequence number: "$", channel, length; flags, marker and type, sequence number."""
CHANNEL_SHIFT, SIZE_SHIFT, KIND_SHIFT = 48, 32, 16
"""In that head as a number: "$" and channel, length, flags with marker and type; the sequence number is below."""
PLAIN = 0x80
"""First octet of a packet of version 2 without padding, extension and CSRC."""
MARKER = 0x80
MAX_SEQUENCE = 0xFFFF
MAX_RUN = 64
"""Fragments taken at once."""
_AT_ONCE = 16
"""Fragments whose headers are read in one go, as many as most cameras' pictures have: with all of `MAX_RUN`, a camera whose runs are
short on purpose would cost that much for each."""

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


def fragment_run(data: bytes, at: int, frame: int, head: int, octet_at: int, middle: int) -> tuple[memoryview, ...]:
    """Return views of the bodies of the frames that carry on the fragmented NAL unit of the plain frame of `frame` bytes at `at`.

    Those are frames of the same size, channel, payload type, time stamp, source and payload header, without marker, with the
    sequence numbers that follow, up to 65535, and with the fragment header octet `middle` (neither start nor end) at `octet_at`
    of the frame. A few calls find them, whatever their number: a keyframe has a hundred fragments. `head`: the first 8 octets
    of the frame at `at` as a number.
    """
    first = at + frame
    count = min((len(data) - first) // frame, MAX_RUN, MAX_SEQUENCE - (head & MAX_SEQUENCE))
    count -= len(data[first + octet_at : first + count * frame : frame].lstrip(_OCTET[middle]))
    behind = data[at + HEAD_BYTES : at + octet_at]
    found = 0
    while found < count:
        some = min(count - found, _AT_ONCE)
        fields = _headers(frame, octet_at, some)(data, first + found * frame)
        heads = tuple(range(head + found + 1, head + found + 1 + some))
        if fields[0::2] != heads or fields[1::2].count(behind) != some:
            count = found + next(n for n, expected in enumerate(heads) if fields[2 * n : 2 * n + 2] != (expected, behind))
            break
        found += some
    return _bodies(frame, octet_at, count)(memoryview(data)[first:]) if count > 0 else ()


@lru_cache(maxsize=512)
def _headers(frame: int, octet_at: int, count: int) -> Callable[[bytes, int], tuple[Any, ...]]:
    """Return what reads `count` frames: of each the head as a number, and what is behind it up to `octet_at`.

    A camera sends all fragments but the last of a NAL unit in one size, so few of these functions are ever made, nor of the next.
    """
    return struct.Struct("!" + f"Q{octet_at - HEAD_BYTES}s{frame - octet_at}x" * count).unpack_from


@lru_cache(maxsize=512)
def _bodies(frame: int, octet_at: int, count: int) -> Callable[[memoryview], tuple[memoryview, ...]]:
    """Return what cuts the bodies out of a view that begins with `count` frames; a view is half the price of a copy."""
    cuts = [slice(at + octet_at + 1, at + frame) for at in range(0, count * frame, frame)]
    return itemgetter(*cuts) if count > 1 else lambda view: (view[cuts[0]],)

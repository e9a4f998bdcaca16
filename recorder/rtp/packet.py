"""The RTP header inside an interleaved frame (RFC 3550 §5.1), and long runs of equal fragments found without looking at each."""

from __future__ import annotations

FRAME_HEAD_BYTES = 4
"""Before each RTP packet: "$", channel, 16-bit length."""
HEADER_BYTES = 12
PAYLOAD_AT = FRAME_HEAD_BYTES + HEADER_BYTES
"""Offset of the payload in a frame whose packet has neither CSRC nor extension."""
PLAIN = 0x80
"""First octet of a packet of version 2 without padding, extension and CSRC."""
MARKER = 0x80
MAX_RUN = 256
"""Fragments counted at once: a whole keyframe of most cameras, and less than sequence numbers need to come round."""

_OCTET = tuple(bytes([value]) for value in range(256))
_CONSTANT_COLUMNS = {header_bytes: (*range(6), *range(PAYLOAD_AT, PAYLOAD_AT + header_bytes)) for header_bytes in (1, 2)}
"""Frame head, RTP flags, payload type with the marker clear, payload header: the same in every fragment of a run."""
_SEQUENCE = bytes(range(256)) * 3
"""Low octets of consecutive sequence numbers."""


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


def fragment_run(data: bytes, at: int, frame: int, header_bytes: int, middle: int) -> int:
    """Count the frames that carry on the fragmented NAL unit of the plain frame of `frame` bytes at `at`.

    Counted are plain frames of the same size, channel and payload type, without marker, with the sequence numbers that
    follow and with the fragment header octet `middle` (neither start nor end) behind a payload header of `header_bytes`.
    Each column of octets is compared by one strided slice, so that the cost of a keyframe's hundred fragments is that of
    a dozen slices. The RTP timestamp is not looked at: what neither starts nor ends a NAL unit belongs to the open one.
    """
    first = at + frame
    count = min((len(data) - first) // frame, MAX_RUN)
    column = data[first + PAYLOAD_AT + header_bytes : first + count * frame : frame]
    count -= len(column.lstrip(_OCTET[middle]))
    stop = first + count * frame
    for offset in _CONSTANT_COLUMNS[header_bytes]:
        differing = data[first + offset : stop : frame].lstrip(_OCTET[data[at + offset]])
        if differing:
            count -= len(differing)
            stop = first + count * frame
    return count if count and _in_sequence(data, at, frame, count) else 0


def _in_sequence(data: bytes, at: int, frame: int, count: int) -> bool:
    low = data[at + 7] + 1
    last = at + frame * count
    if data[at + frame + 7 : last + frame : frame] != _SEQUENCE[low : low + count]:
        return False
    return int.from_bytes(data[last + 6 : last + 8]) == (int.from_bytes(data[at + 6 : at + 8]) + count) & 0xFFFF

"""Takes pictures that are one slice in fragments and lie whole in a batch, as most do: a few calls for each, not for each packet."""

from __future__ import annotations

import struct
from functools import lru_cache, partial

from recorder.rtp.access_unit import BEGINS_PICTURE, LENGTH_BYTES, MAX_UNIT_BYTES, AccessUnit
from recorder.rtp.nal import FIRST_FRAGMENT, LAST_FRAGMENT, NalSyntax, Role
from recorder.rtp.packet import CHANNEL_SHIFT, FRAME_HEAD_BYTES, KIND_SHIFT, MARKER, MAX_SEQUENCE, PAYLOAD_AT, SIZE_SHIFT, fragment_run

REMEMBERED = 32
"""Headers of a stream's first fragments: a camera sends one or two."""


class WholePictures:
    """Of one stream; of a batch it keeps nothing but which headers begin a slice."""

    def __init__(self, syntax: NalSyntax, *, interleaved: int, marked: int) -> None:
        """`interleaved`: "$" and the channel; `marked`: the first two octets of the common packet with a marker."""
        self._marked = interleaved << CHANNEL_SHIFT | marked << KIND_SHIFT
        self._plain = self._marked ^ MARKER << KIND_SHIFT
        """Heads as numbers, of a frame of no bytes with the sequence number 0."""
        self._body_at = PAYLOAD_AT + syntax.header_bytes + 1
        self._begin = struct.Struct(f"!QI4x{syntax.header_bytes + 1}s").unpack_from
        """Of a frame: its head, its timestamp, payload header and fragment header."""
        self._headers = lru_cache(REMEMBERED)(partial(_slice_headers, syntax))

    def take(self, data: bytes, at: int, sequence: int, arrival: float) -> tuple[list[AccessUnit], int, int]:
        """Take the pictures that follow each other from `at` on, where the packet `sequence` is due.

        Return them, how many packets they were, and where the frame behind them begins. What is no such picture is left.
        """
        units: list[AccessUnit] = []
        packets, end = 0, len(data)
        begin, body_at = self._begin, self._body_at
        while end - at > body_at:
            head, timestamp, headers = begin(data, at)
            known = self._headers(headers)
            size = head >> SIZE_SHIFT & 0xFFFF
            body = at + body_at
            stop = at + FRAME_HEAD_BYTES + size
            if known is None or head != self._plain + (size << SIZE_SHIFT) + sequence or body >= stop or not data[body] & BEGINS_PICTURE:
                break
            header, middle, last = known
            frame = stop - at
            between = fragment_run(data, at, frame, head, body_at - 1, middle)
            count = len(between) + 1
            at_last = at + count * frame
            if end - at_last <= body_at or sequence + count > MAX_SEQUENCE:
                break
            head, moment, headers = begin(data, at_last)
            size = head >> SIZE_SHIFT & 0xFFFF
            after: int = at_last + FRAME_HEAD_BYTES + size
            if headers != last or moment != timestamp or head != self._marked + (size << SIZE_SHIFT) + sequence + count:
                break
            size = len(header) + count * (stop - body) + after - at_last - body_at
            if not at_last + body_at < after <= end or size > MAX_UNIT_BYTES - LENGTH_BYTES:
                break
            payload = b"".join((size.to_bytes(LENGTH_BYTES), header, data[body:stop], *between, data[at_last + body_at : after]))
            units.append(AccessUnit(timestamp, payload, False, arrival, False, None))
            packets += count + 1
            sequence = sequence + count + 1 & MAX_SEQUENCE
            at = after
        return units, packets, at


def _slice_headers(syntax: NalSyntax, first: bytes) -> tuple[bytes, int, bytes] | None:
    """Return what follows from the payload and fragment header of a slice's first fragment; None when it is none.

    That is: the slice's NAL header, the fragment header of the fragments in the middle, and both headers of the last.
    """
    payload_header, octet = first[:-1], first[-1]
    middle = octet & syntax.type_mask
    if (
        octet != FIRST_FRAGMENT | middle
        or syntax.role_of_octet[first[0]] is not Role.FRAGMENT
        or syntax.role_of_type[middle] is not Role.SLICE
    ):
        return None
    return syntax.fragment_header(payload_header, octet), middle, payload_header + bytes([LAST_FRAGMENT | middle])

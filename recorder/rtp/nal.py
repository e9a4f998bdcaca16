"""What a depacketiser has to know of a codec's NAL units; `h264` and `h265` fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from vms.media.parameter_sets import Codec

FIRST_FRAGMENT, LAST_FRAGMENT = 0x80, 0x40
"""Bits of the octet behind the payload header of a fragment."""


class Role(Enum):
    """What becomes of a NAL unit or an RTP payload."""

    SLICE = auto()
    KEYFRAME_SLICE = auto()
    VPS = auto()
    SPS = auto()
    PPS = auto()
    REMARK = auto()
    """H.264's SEI, which may say that its picture is one to start from."""
    KEPT = auto()
    """Whatever else belongs to the picture."""
    DROPPED = auto()
    """Delimiters and filler: an MP4 sample needs none."""
    AGGREGATE = auto()
    FRAGMENT = auto()
    UNKNOWN = auto()
    """Interleaved packets and reserved types: the access unit can't be trusted."""


@dataclass(frozen=True, slots=True)
class NalSyntax:
    codec: Codec
    header_bytes: int
    type_mask: int
    """Of the type in a fragment header's octet."""
    role_of_octet: tuple[Role, ...]
    """By the first octet of a NAL unit or RTP payload."""
    role_of_type: tuple[Role, ...]
    """By the type in a fragment header."""
    type_shift: int
    kept_bits: int
    """Bits of a payload header's first octet that belong to the fragmented NAL unit's own header."""

    def fragment_header(self, payload_header: bytes, fragment_octet: int) -> bytes:
        """Return the header of the NAL unit that the fragment starts."""
        kind = (fragment_octet & self.type_mask) << self.type_shift
        return bytes([payload_header[0] & self.kept_bits | kind]) + payload_header[1:]


def syntax(codec: Codec, *, header_bytes: int, type_mask: int, type_shift: int, roles: Mapping[range | int, Role]) -> NalSyntax:
    """Spread the roles of NAL unit types over the tables that are looked up per packet."""
    by_type = [Role.UNKNOWN] * (type_mask + 1)
    for types, role in roles.items():
        for kind in [types] if isinstance(types, int) else types:
            by_type[kind] = role
    packets_only = (Role.AGGREGATE, Role.FRAGMENT)
    return NalSyntax(
        codec=codec,
        header_bytes=header_bytes,
        type_mask=type_mask,
        role_of_octet=tuple(by_type[octet >> type_shift & type_mask] for octet in range(256)),
        role_of_type=tuple(Role.UNKNOWN if role in packets_only else role for role in by_type),
        type_shift=type_shift,
        kept_bits=0xFF & ~(type_mask << type_shift),
    )

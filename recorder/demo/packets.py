"""A clip as RTP packets made once: what changes from one sending to the next is patched in.

RFC 3550 for the header, RFC 6184 (H.264: STAP-A, FU-A) and RFC 7798 (H.265: AP, FU) for the payload, RFC 2326 §10.12 for the
four bytes in front of each packet on a TCP connection.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorder.demo import old_codecs
from recorder.demo.encode import LOOP_SECONDS, Codec, Profile

CLOCK_RATE = 90_000
PAYLOAD_TYPE = 96
MAX_PAYLOAD_BYTES = 1_400

_FRAMING_BYTES = 4
_HEADER_BYTES = 12
_VERSION = 0x80
_MARKER = 0x80
_NTP_EPOCH_SECONDS = 2_208_988_800
"""From 1900 to 1970."""

Takes = Callable[[], bool]
"""Asked once per packet: is it lost on the way?"""


@dataclass(frozen=True, slots=True)
class RtpFrame:
    """One access unit: its packets back to back, framed for channel 0, and where each begins."""

    wire: bytes
    starts: tuple[int, ...]
    keyframe: bool

    def patched(self, *, channel: int, sequence: int, timestamp: int, ssrc: int) -> bytearray:
        """Return the packets numbered from `sequence`, ready to be sent."""
        wire = bytearray(self.wire)
        for number, start in enumerate(self.starts):
            wire[start + 1] = channel
            struct.pack_into(">HII", wire, start + _FRAMING_BYTES + 2, (sequence + number) & 0xFFFF, timestamp, ssrc)
        return wire

    def without_lost(self, wire: bytearray, lost: Takes) -> bytearray:
        """Return the patched packets less those that `lost` takes."""
        ends = (*self.starts[1:], len(wire))
        return bytearray().join(wire[start:end] for start, end in zip(self.starts, ends, strict=True) if not lost())


@dataclass(frozen=True, slots=True)
class Clip:
    """A minute of one stream, ready to be sent, and what its SDP says."""

    profile: Profile
    frames: tuple[RtpFrame, ...]
    format_parameters: str
    """The value of the SDP's fmtp line."""

    @property
    def ticks_per_frame(self) -> int:
        return CLOCK_RATE // self.profile.fps


def load_clip(path: Path, profile: Profile) -> Clip:
    """Packetise the file that `encode.prepare` made for `profile`."""
    content = path.read_bytes()
    units = old_codecs.pictures(content, profile.codec) if profile.codec in old_codecs.ENCODINGS else access_units(content, profile.codec)
    if len(units) != profile.frames:
        raise ValueError(f"{path.name} holds {len(units)} frames, not the {profile.frames} of a minute. Remove it; it is made again.")
    format_parameters = _format_parameters(units[0], profile.codec)
    return Clip(profile, tuple(rtp_frame(unit, profile.codec) for unit in units), format_parameters)


def _format_parameters(unit: Sequence[bytes], codec: Codec) -> str:
    match codec:
        case "h264":
            return h264_parameters(unit)
        case "h265":
            return _h265_parameters(unit)
        case _:
            return old_codecs.format_parameters(unit[0], codec)


def access_units(stream: bytes, codec: Codec) -> list[list[bytes]]:
    """Split an Annex B stream with access unit delimiters into the NAL units of each access unit; delimiters and SEI are left out."""
    delimiter, dropped = (9, {9, 6}) if codec == "h264" else (35, {35, 39, 40})
    units: list[list[bytes]] = []
    for nal in _nal_units(stream):
        kind = _nal_type(nal, codec)
        if kind == delimiter:
            units.append([])
        if kind not in dropped:
            units[-1].append(nal)
    return units


def sender_report(*, channel: int, ssrc: int, unix_seconds: float, timestamp: int, packets: int, octets: int) -> bytes:
    """Return an interleaved RTCP compound packet: SR (RFC 3550 §6.4.1) and the SDES with its CNAME that must follow."""
    ntp = round((unix_seconds + _NTP_EPOCH_SECONDS) * 2**32) & 0xFFFFFFFFFFFFFFFF
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    items = struct.pack(">IBB", ssrc, 1, 4) + b"demo" + bytes(2)
    compound = report + struct.pack(">BBH", 0x81, 202, len(items) // 4) + items
    return struct.pack(">cBH", b"$", channel, len(compound)) + compound


def _nal_units(stream: bytes) -> Iterator[bytes]:
    start = stream.find(b"\0\0\1")
    while start >= 0:
        following = stream.find(b"\0\0\1", start + 3)
        end = len(stream) if following < 0 else following
        yield stream[start + 3 : end].rstrip(b"\0")
        start = following


def _nal_type(nal: bytes, codec: Codec) -> int:
    return nal[0] & 31 if codec == "h264" else nal[0] >> 1 & 63


def _is_parameter_set(kind: int, codec: Codec) -> bool:
    return kind in (7, 8) if codec == "h264" else kind in (32, 33, 34)


def _is_keyframe(kind: int, codec: Codec) -> bool:
    return kind == 5 if codec == "h264" else 16 <= kind <= 21


def rtp_frame(unit: Sequence[bytes], codec: Codec) -> RtpFrame:
    """Packetise one access unit, its NAL units as `access_units` gives them, or the one picture that `old_codecs` gives."""
    if codec in old_codecs.ENCODINGS:
        payloads, keyframe = old_codecs.payloads(unit[0], codec, MAX_PAYLOAD_BYTES)
    else:
        kinds = [_nal_type(nal, codec) for nal in unit]
        payloads, keyframe = _nal_payloads(unit, kinds, codec), any(_is_keyframe(kind, codec) for kind in kinds)
    wire, starts = bytearray(), []
    for number, payload in enumerate(payloads):
        starts.append(len(wire))
        marker = _MARKER if number == len(payloads) - 1 else 0
        wire += struct.pack(">cBHBBHII", b"$", 0, _HEADER_BYTES + len(payload), _VERSION, PAYLOAD_TYPE | marker, 0, 0, 0) + payload
    return RtpFrame(bytes(wire), tuple(starts), keyframe)


def _nal_payloads(unit: Sequence[bytes], kinds: Sequence[int], codec: Codec) -> list[bytes]:
    parameter_sets = [nal for nal, kind in zip(unit, kinds, strict=True) if _is_parameter_set(kind, codec)]
    payloads = [_aggregate(parameter_sets, codec)] if parameter_sets else []
    for nal, kind in zip(unit, kinds, strict=True):
        if not _is_parameter_set(kind, codec):
            payloads += [nal] if len(nal) <= MAX_PAYLOAD_BYTES else _fragments(nal, codec)
    return payloads


def _aggregate(nals: Sequence[bytes], codec: Codec) -> bytes:
    """STAP-A (RFC 6184 §5.7.1) or AP (RFC 7798 §4.4.2)."""
    head = bytes((24 | max(nal[0] & 0x60 for nal in nals),)) if codec == "h264" else bytes((48 << 1, 1))
    return head + b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)


def _fragments(nal: bytes, codec: Codec) -> list[bytes]:
    """FU-A (RFC 6184 §5.8) or FU (RFC 7798 §4.4.3)."""
    if codec == "h264":
        head, kind, body = bytes((nal[0] & 0xE0 | 28,)), nal[0] & 31, nal[1:]
    else:
        head, kind, body = bytes((nal[0] & 0x81 | 49 << 1, nal[1])), nal[0] >> 1 & 63, nal[2:]
    size = MAX_PAYLOAD_BYTES - len(head) - 1
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    flags = [0x80, *[0] * (len(pieces) - 2), 0x40]
    return [head + bytes((flag | kind,)) + piece for flag, piece in zip(flags, pieces, strict=True)]


def h264_parameters(unit: Sequence[bytes]) -> str:
    """Return the SDP's fmtp value for a stream that begins with this access unit."""
    sps, pps = (next(nal for nal in unit if nal[0] & 31 == kind) for kind in (7, 8))
    return f"packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={_base64(sps)},{_base64(pps)}"


def _h265_parameters(unit: Sequence[bytes]) -> str:
    found = (next(nal for nal in unit if nal[0] >> 1 & 63 == kind) for kind in (32, 33, 34))
    return ";".join(f"sprop-{name}={_base64(nal)}" for name, nal in zip(("vps", "sps", "pps"), found, strict=True))


def _base64(nal: bytes) -> str:
    return base64.b64encode(nal).decode()


def frame_number(unix_seconds: float, fps: int) -> int:
    """Return the number, counted from the epoch, of the last frame due at that moment; its place in the loop is the remainder."""
    return int(unix_seconds * fps + 1e-6)


def loop_index(number: int, fps: int) -> int:
    """Return which frame of the loop has that number: the epoch and each minute begin with frame 0."""
    return number % (LOOP_SECONDS * fps)

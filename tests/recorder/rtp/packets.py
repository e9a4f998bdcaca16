"""Writes interleaved RTP as cameras do, apart from the code that reads it; and reads access units back by a decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from recorder.rtp.access_unit import AccessUnit
from recorder.rtsp.sdp import VideoTrack
from tests.fakes.gst_camera import encode_annexb
from vms.media.parameter_sets import Codec, ParameterSets

START_CODE = b"\x00\x00\x00\x01"
TICKS = 3600
"""Between frames at 25 a second."""


def track(codec: Codec = "h264", sets: ParameterSets | None = None, payload_type: int = 96) -> VideoTrack:
    return VideoTrack(codec, payload_type, 90_000, "track1", sets, 25.0)


def frame(channel: int, packet: bytes) -> bytes:
    return struct.pack("!BBH", 0x24, channel, len(packet)) + packet


@dataclass
class Sender:
    """Numbers packets of one stream."""

    codec: Codec = "h264"
    sequence: int = 65_500
    """Wraps soon, as it does for every camera every few minutes."""
    timestamp: int = 0xFFFF_0000
    payload_size: int = 200
    payload_type: int = 96
    sent: list[bytes] = field(default_factory=list)

    def packet(self, payload: bytes, *, marker: bool = False, padding: int = 0, extension: bytes | None = None, csrc: int = 0) -> bytes:
        """Return one interleaved frame around `payload`."""
        flags = 0x80 | (0x20 if padding else 0) | (0x10 if extension is not None else 0) | csrc
        head = struct.pack(
            "!BBHII", flags, self.payload_type | (0x80 if marker else 0), self.sequence & 0xFFFF, self.timestamp & 0xFFFF_FFFF, 7
        )
        self.sequence += 1
        head += bytes(4 * csrc)
        if extension is not None:
            head += struct.pack("!HH", 0xABAC, len(extension) // 4) + extension
        tail = bytes(padding - 1) + bytes([padding]) if padding else b""
        return frame(0, head + payload + tail)

    def fragments(self, nal: bytes, *, marker: bool) -> Iterator[bytes]:
        """Yield FU-A or FU packets for `nal`."""
        size = 2 if self.codec == "h265" else 1
        header, body = nal[:size], nal[size:]
        pieces = [body[at : at + self.payload_size] for at in range(0, len(body), self.payload_size)]
        for number, piece in enumerate(pieces):
            first, last = number == 0, number == len(pieces) - 1
            bits = (0x80 if first else 0) | (0x40 if last else 0)
            if self.codec == "h265":
                payload = bytes([header[0] & 0x81 | 49 << 1, header[1], bits | header[0] >> 1 & 0x3F]) + piece
            else:
                payload = bytes([header[0] & 0xE0 | 28, bits | header[0] & 0x1F]) + piece
            yield self.packet(payload, marker=marker and last)

    def aggregate(self, nals: Sequence[bytes], *, marker: bool = False) -> bytes:
        """Return a STAP-A or AP packet."""
        head = bytes([48 << 1, 1]) if self.codec == "h265" else bytes([24])
        return self.packet(head + b"".join(len(nal).to_bytes(2) + nal for nal in nals), marker=marker)

    def unit(self, nals: Sequence[bytes], *, marker: bool = True) -> list[bytes]:
        """Return the packets of one access unit and go on to the next timestamp."""
        packets: list[bytes] = []
        for number, nal in enumerate(nals):
            last = marker and number == len(nals) - 1
            whole = len(nal) <= self.payload_size
            packets += [self.packet(nal, marker=last)] if whole else list(self.fragments(nal, marker=last))
        self.timestamp += TICKS
        return packets


def unreadable(keyframes: int = 3, sender: Sender | None = None) -> bytes:
    """Return what a camera sends whose sequence parameter set is cut off behind its third octet."""
    sender = sender or Sender()
    unit = (b"\x67\x42\x00", b"\x68\xce\x38\x80", b"\x65\x88" + bytes(40))
    return b"".join(packet for _ in range(keyframes) for packet in sender.unit(unit))


@lru_cache
def clip(codec: Codec) -> tuple[tuple[bytes, ...], ...]:
    """Return a small real clip as access units of NAL units: 20 pictures, a keyframe every 5."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"clip.{codec}"
        encode_annexb(path, codec, frames=20, width=128, height=96, gop=5)
        nals = [nal for nal in path.read_bytes().replace(START_CODE, START_CODE[1:]).split(START_CODE[1:]) if nal]
    units: list[list[bytes]] = []
    for nal in nals:
        if (nal[0] >> 1 & 0x3F) == 35 if codec == "h265" else (nal[0] & 0x1F) == 9:
            units.append([])
        units[-1].append(nal)
    return tuple(tuple(unit) for unit in units)


def nals_of(unit: AccessUnit) -> list[bytes]:
    """Split a payload at its lengths; the lengths must come out even."""
    found, at = [], 0
    while at < len(unit.payload):
        size = int.from_bytes(unit.payload[at : at + 4])
        found.append(unit.payload[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(unit.payload)
    return found


def decoded_pictures(units: Sequence[AccessUnit], codec: Codec) -> int:
    """Return how many pictures a decoder that stops at the first error makes of `units`."""
    decoder = av.CodecContext.create("h264" if codec == "h264" else "hevc", "r")
    decoder.options = {"err_detect": "explode"}
    count = 0
    for unit in units:
        sets = unit.parameter_sets
        nals = [*sets.vps, *sets.sps, *sets.pps] if sets else []
        octets = b"".join(START_CODE + nal for nal in [*nals, *nals_of(unit)])
        count += len(decoder.decode(av.Packet(octets)))
    return count + len(decoder.decode(None))

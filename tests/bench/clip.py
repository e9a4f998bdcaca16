"""The clip that the ingest benchmark's cameras send: 1920×1080, 25 fps, a GOP of 2 s, about 4 Mbit/s, drawn and encoded once."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext

from recorder.demo.packets import access_units, h264_parameters, rtp_frame

WIDTH, HEIGHT = 1920, 1080
FRAMES_PER_SECOND = 25
GOP_FRAMES = 50
SECONDS = 20
BITS_PER_SECOND = 4_000_000
CACHE = Path(__file__).parents[2] / ".cache" / "bench"
VERSION = 2
"""Counts changes to what is drawn or how it is encoded."""

Picture: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PacketClip:
    """The clip's frames as interleaved RTP packets in a file for `camera_source`, and what the SDP says of them."""

    path: Path
    format_parameters: str
    bits_per_second: float
    """On the wire."""


def packet_clip() -> PacketClip:
    """Return the clip, made at the first call on this machine: about a minute."""
    annex_b = CACHE / f"clip-{VERSION}.h264"
    if not annex_b.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = annex_b.with_suffix(".part")
        part.write_bytes(_encode())
        part.rename(annex_b)
    units = access_units(annex_b.read_bytes(), "h264")
    frames = [rtp_frame(unit, "h264") for unit in units]
    path = annex_b.with_suffix(".packets")
    path.write_bytes(b"".join(struct.pack("<III", len(f.wire), len(f.starts), f.keyframe) + f.wire for f in frames))
    wire_bytes = sum(len(frame.wire) for frame in frames)
    return PacketClip(path, h264_parameters(units[0]), wire_bytes * 8 * FRAMES_PER_SECOND / len(frames))


def _encode() -> bytes:
    encoder = av.CodecContext.create("libx264", "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError("libx264 is a video encoder")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FRAMES_PER_SECOND), Fraction(1, FRAMES_PER_SECOND)
    encoder.bit_rate = BITS_PER_SECOND
    # What a camera's encoder does: no B-frames, no scene cuts, a rate that keeps to its limit over a GOP.
    gop = f"keyint={GOP_FRAMES}:min-keyint={GOP_FRAMES}:scenecut=0:aud=1:repeat-headers=1:annexb=1:sliced-threads=0:slices=1"
    encoder.options = {"preset": "veryfast", "profile": "high", "x264-params": f"{gop}:bframes=0:vbv-maxrate=4400:vbv-bufsize=8800"}
    pictures = (_frame(picture) for picture in _pictures())
    packets = [packet for picture in pictures for packet in encoder.encode(picture)] + list(encoder.encode(None))
    return b"".join(bytes(packet) for packet in packets)


def _pictures() -> Iterator[Picture]:
    """Draw a textured room with sensor noise and two people who walk."""
    random = np.random.default_rng(20)
    rough = random.integers(40, 200, (HEIGHT // 24, WIDTH // 24), np.uint8)
    room = np.kron(rough, np.ones((24, 24), np.uint8)) // 3 + 40
    for number in range(SECONDS * FRAMES_PER_SECOND):
        picture = room + random.integers(0, 14, (HEIGHT, WIDTH), np.uint8)
        for person in range(2):
            left = (number * (3 + person) + 900 * person) % (WIDTH - 120)
            picture[400 + 150 * person : 700 + 150 * person, left : left + 120] = 90 + 60 * person
        yield picture.astype(np.uint8)


def _frame(luma: Picture) -> av.VideoFrame:
    chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack((luma, chroma)), format="yuv420p")

"""Real JPEG and MPEG-4 pictures from libavcodec, and packets of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import av
import numpy as np
import numpy.typing as npt
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from recorder.demo.old_codecs import payloads
from recorder.rtp.pictures import CodedPicture, PictureAssembler
from recorder.rtsp.sdp import VideoTrack
from tests.recorder.rtp.packets import TICKS, Sender

OldCodec = Literal["jpeg", "mpeg4"]
PAYLOAD_BYTES = 400
_NAMES = {"jpeg": "mjpeg", "mpeg4": "mpeg4"}


def track(codec: OldCodec) -> VideoTrack:
    return VideoTrack(codec, 96, 90_000, "track1", None, 25.0)


@lru_cache
def coded(
    codec: OldCodec,
    *,
    count: int = 12,
    width: int = 64,
    height: int = 48,
    slices: int = 1,
    gop: int = 6,
    b_frames: int = 0,
    flat: bool = False,
) -> tuple[bytes, ...]:
    """Return pictures of a pattern that moves, or of plain grey, as a decoder takes them."""
    encoder = av.CodecContext.create(_NAMES[codec], "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p" if codec == "jpeg" else "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), slices
    own = {"huffman": "default", "slices": str(slices)} if codec == "jpeg" else {"g": str(gop), "bf": str(b_frames)}
    encoder.options = {"flags": "+qscale", "global_quality": "472", **own}
    noise = np.random.default_rng(7).integers(128 if flat else 60, 129 if flat else 190, (height * 3 // 2, width), dtype=np.uint8)
    found: list[bytes] = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, number, axis=1), format=encoder.pix_fmt or "")
        frame.pts = number
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return (*found, *(bytes(packet) for packet in encoder.encode(None)))


def pixels(codec: OldCodec, pictures: Sequence[bytes]) -> list[npt.NDArray[np.uint8]]:
    """Decode pictures with libavcodec, which stops at the first error."""
    decoder = av.CodecContext.create(_NAMES[codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode"}
    frames = [frame for picture in pictures for frame in decoder.decode(_packet(picture))]
    return [np.asarray(frame.to_ndarray(), np.uint8) for frame in (*frames, *decoder.decode(None))]


def _packet(picture: bytes) -> av.Packet[Stream]:
    """With zeros behind it, which decoders need and `av.Packet(picture)` lacks."""
    packet = av.Packet(len(picture))
    packet.update(picture)
    return packet


def put_together(assembler: PictureAssembler, payload_lists: Sequence[Sequence[bytes]]) -> list[CodedPicture]:
    """Feed the payloads of pictures, the last of each with a marker."""
    for number, parts in enumerate(payload_lists):
        for at, payload in enumerate(parts):
            assembler.packet(payload, number * TICKS, marker=at == len(parts) - 1, arrival=float(number))
    return assembler.taken()


def payload_lists(codec: OldCodec, pictures: Sequence[bytes]) -> list[list[bytes]]:
    return [payloads(picture, codec, PAYLOAD_BYTES)[0] for picture in pictures]


def interleaved(codec: OldCodec, pictures: Sequence[bytes], sender: Sender | None = None) -> Iterator[bytes]:
    """Yield the frames of each picture as they come from a socket."""
    using = sender or Sender()
    for parts in payload_lists(codec, pictures):
        yield b"".join(using.packet(payload, marker=at == len(parts) - 1) for at, payload in enumerate(parts))
        using.timestamp += TICKS

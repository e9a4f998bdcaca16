"""Decodes coded pictures and encodes them as H.264 with PyAV: the work of the sandboxed child, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter

from recorder.fallback.frames import MAX_PIXELS

DECODERS: dict[str, str] = {"jpeg": "mjpeg", "mpeg4": "mpeg4"}
_NOMINAL_RATE = 25
"""Of pictures a second: the encoder's rate limit counts by it. Times are the worker's business."""
_PRESET = "superfast"
_QUALITY = 21
_MAX_KILOBITS = 12_000
"""A second, and of one picture: noise must not make pictures that nobody takes."""
_SLICE_BYTES = 60_000
"""A NAL unit fits into one RTP packet, by which the worker's own reader takes it."""
_X264 = (
    f"keyint=infinite:scenecut=0:bframes=0:threads=1:lookahead-threads=1:repeat-headers=1:annexb=1:slice-max-size={_SLICE_BYTES}"
    ":range=tv:colormatrix=smpte170m"
)


class Transcoder:
    """One stream's decoder and encoder, on one thread."""

    def __init__(self, codec: Literal["jpeg", "mpeg4"]) -> None:
        self._decoder = _context(DECODERS[codec], "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(MAX_PIXELS)}
        self._reformatter = VideoReformatter()
        self._encoder: VideoCodecContext | None = None
        self._encoded = 0
        self._keyframe_wanted = False

    def take(self, number: int, picture: bytes, *, keyframe: bool) -> Iterator[tuple[int, bytes]]:
        """Yield the access units that come of a coded picture, each with the number of its own; none of one that can't be decoded."""
        self._keyframe_wanted |= keyframe
        packet = av.Packet(len(picture))
        packet.update(picture)  # av.Packet(picture) has no zeros behind it, and decoders read beyond the end (AV_INPUT_BUFFER_PADDING_SIZE)
        packet.pts = packet.dts = number
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError as err:
            if isinstance(err, MemoryError):  # nothing can be relied on behind it
                raise
            return
        for frame in frames:
            yield number if frame.pts is None else frame.pts, self._encode(frame)

    def _encode(self, decoded: av.VideoFrame) -> bytes:
        width, height = decoded.width & ~1, decoded.height & ~1
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            encoder = self._encoder = _encoder(width, height)
            self._encoded = 0
        frame = self._reformatter.reformat(decoded, width, height, "yuv420p", dst_color_range=ColorRange.MPEG, threads=1)
        frame.pict_type = PictureType.I if self._keyframe_wanted else PictureType.NONE
        frame.pts, frame.time_base = self._encoded, encoder.time_base
        self._encoded += 1
        self._keyframe_wanted = False
        return b"".join(bytes(packet) for packet in encoder.encode(frame))


def _encoder(width: int, height: int) -> VideoCodecContext:
    """No B-frames, no look-ahead, one thread; keyframes where the worker asks for them."""
    encoder = _context("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, _NOMINAL_RATE), Fraction(_NOMINAL_RATE)
    encoder.thread_count = 1
    encoder.options = {
        "preset": _PRESET,
        "tune": "zerolatency",
        "crf": str(_QUALITY),
        "maxrate": f"{_MAX_KILOBITS}k",
        "bufsize": f"{_MAX_KILOBITS}k",
        "forced-idr": "1",
        "x264-params": _X264,
    }
    return encoder


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    context = av.CodecContext.create(name, mode)
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} is no video codec")
    return context

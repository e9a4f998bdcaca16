"""MP4 files as they are recorded or exported, for what makes derivatives of them: lossless, so that tests know each pixel."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.vms.media.pictures import open_fmp4

START_MS = 1_767_225_600_000
FPS = 25
Picture = NDArray[np.uint8]
"""Luma of one picture."""


def a_file(
    lumas: Iterable[Picture],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> bytes:
    """Return an MP4 of pictures, 25 a second, losslessly coded unless `options` say otherwise."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream: VideoStream | None = None
        for number, luma in enumerate(lumas):
            if stream is None:
                added = container.add_stream(codec, rate=FPS)
                assert isinstance(added, VideoStream)
                stream = added
                stream.height, stream.width, stream.pix_fmt = *luma.shape, "yuv420p"
                stream.codec_context.time_base = Fraction(1, 1000)
                stream.codec_context.options = {"preset": "ultrafast", "qp": "0", "g": "12"} if options is None else options
            frame = a_frame(luma)
            frame.pts, frame.time_base = number * 1000 // FPS, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    return target.getvalue()


def a_frame(luma: Picture) -> av.VideoFrame:
    chroma = np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.concatenate([luma, chroma]), format="yuv420p")


def noise(width: int = 192, height: int = 128, *, seed: int = 1) -> Picture:
    return np.random.default_rng(seed).integers(16, 236, (height, width), dtype=np.uint8)


def lumas_of(file: bytes) -> list[Picture]:
    """Decode a file as any player would."""
    with open_fmp4(file) as container:
        return [np.array(frame.to_ndarray()[: frame.height]) for frame in container.decode(video=0)]

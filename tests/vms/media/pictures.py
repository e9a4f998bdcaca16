"""Real H.264 and H.265 made in memory: what a camera would send, as parameter sets and samples."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext

from vms.media.fmp4 import Samples
from vms.media.parameter_sets import Codec, ParameterSets

FRAME_TICKS = 3600
"""25 pictures a second."""
_ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265"}
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture; see `Samples`."""

    payload: bytes
    duration: int
    keyframe: bool
    cts: int = 0


def samples_of(pictures: Iterable[Sample]) -> Samples:
    samples = Samples()
    for picture in pictures:
        samples.append(picture.payload, picture.duration, keyframe=picture.keyframe, composition=picture.cts)
    return samples


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures in decoding order."""

    sets: ParameterSets
    samples: tuple[Sample, ...]
    presentation: tuple[int, ...]
    """Presentation times relative to the first decoding time, in presentation order, ticks."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the camera is set to; `options` is the encoder's own word list."""

    codec: Codec = "h264"
    width: int = 64
    height: int = 48
    frames: int = 12
    gop: int = 6
    b_frames: int = 0
    pix_fmt: str = "yuv420p"
    profile: str = ""
    options: str = ""


@lru_cache(maxsize=64)
def clip(recipe: Recipe = Recipe()) -> Clip:
    """Encode a moving gradient."""
    encoder = encoder_of(recipe)
    packets = []
    for number in range(recipe.frames):
        packets.extend(encoder.encode(picture_of(recipe, number)))
    packets.extend(encoder.encode(None))
    first_dts = packets[0].dts or 0
    times = [((packet.pts or 0) - first_dts) * FRAME_TICKS for packet in packets]
    samples = tuple(
        Sample(_payload(recipe.codec, bytes(packet)), FRAME_TICKS, packet.is_keyframe, time - number * FRAME_TICKS)
        for number, (packet, time) in enumerate(zip(packets, times, strict=True))
    )
    return Clip(sets_of(recipe.codec, bytes(encoder.extradata or b"")), samples, tuple(sorted(times)))


def open_fmp4(content: bytes) -> InputContainer:
    """Open a file in memory, as any player would."""
    container = av.open(io.BytesIO(content))
    assert isinstance(container, InputContainer)
    return container


def encoder_of(recipe: Recipe) -> VideoCodecContext:
    encoder = av.CodecContext.create(_ENCODERS[recipe.codec], "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = recipe.width, recipe.height, recipe.pix_fmt
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.flags |= av.codec.context.Flags.global_header
    words = [f"keyint={recipe.gop}:min-keyint={recipe.gop}:scenecut=0:bframes={recipe.b_frames}"]
    words.append("log-level=none:pools=none:frame-threads=1" if recipe.codec == "h265" else "log=-1")
    words.extend([recipe.options] if recipe.options else [])
    options = {"preset": "ultrafast", "threads": "1", f"x{recipe.codec[1:]}-params": ":".join(words)}
    encoder.options = {**options, "profile": recipe.profile} if recipe.profile else options
    return encoder


def picture_of(recipe: Recipe, number: int) -> av.VideoFrame:
    rows, columns = np.mgrid[0 : recipe.height, 0 : recipe.width]
    grey = ((rows * 3 + columns * 2 + number * 9) % 256).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1), format="rgb24").reformat(format=recipe.pix_fmt)
    frame.pts = number
    return frame


def sets_of(codec: Codec, extradata: bytes) -> ParameterSets:
    nals = split_annex_b(extradata)
    kinds = (32, 33, 34) if codec == "h265" else (0, 7, 8)
    vps, sps, pps = (tuple(nal for nal in nals if _kind(codec, nal) == kind) for kind in kinds)
    return ParameterSets(codec, vps, sps, pps)


def _payload(codec: Codec, packet: bytes) -> bytes:
    """Return the picture's slices after their lengths, as the recorder stores them."""
    slices = [nal for nal in split_annex_b(packet) if (_kind(codec, nal) < 32 if codec == "h265" else _kind(codec, nal) in (1, 5))]
    return b"".join(len(nal).to_bytes(4) + nal for nal in slices)


def split_annex_b(annex_b: bytes) -> list[bytes]:
    return [nal for nal in _START_CODE.split(annex_b) if nal]


def _kind(codec: Codec, nal: bytes) -> int:
    return nal[0] >> 1 & 0x3F if codec == "h265" else nal[0] & 0x1F

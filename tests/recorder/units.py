"""Access units and parameter sets made in memory, for tests that need no camera."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from recorder.rtp.access_unit import AccessUnit
from vms.domain.timespan import TICKS_PER_SECOND
from vms.media.fmp4 import ParameterSets

PICTURE_TICKS = TICKS_PER_SECOND // 25


@cache
def parameter_sets(width: int = 64) -> ParameterSets:
    """Return sets of a Baseline picture `width` x 48, as x264 writes them."""
    import av  # noqa: PLC0415 - slow to load, and not every test needs it

    codec = av.CodecContext.create("libx264", "w")
    if not isinstance(codec, av.VideoCodecContext):
        raise TypeError("libx264 is a video encoder")
    codec.width, codec.height, codec.pix_fmt = width, 48, "yuv420p"
    codec.framerate = Fraction(25)
    codec.options = {"preset": "ultrafast", "profile": "baseline"}
    codec.flags |= av.codec.context.Flags.global_header
    codec.open()
    nals = [nal for nal in (codec.extradata or b"").split(b"\x00\x00\x00\x01") if nal]
    sps = tuple(nal for nal in nals if nal[0] & 0x1F == 7)
    pps = tuple(nal for nal in nals if nal[0] & 0x1F == 8)
    return ParameterSets("h264", (), sps, pps)


def unit(
    number: int, *, gop: int = 25, size: int = 100, sets: ParameterSets | None = None, arrival: float = 0.0, rtp: int = 0
) -> AccessUnit:
    """Return picture `number` of an even 25 fps stream with a keyframe every `gop` pictures."""
    keyframe = number % gop == 0
    return AccessUnit(
        rtp_timestamp=(rtp + number * PICTURE_TICKS) & 0xFFFF_FFFF,
        payload=size.to_bytes(4) + bytes([number & 0xFF]) * size,
        keyframe=keyframe,
        arrival=arrival + number / 25,
        lost=False,
        parameter_sets=(sets or parameter_sets()) if number == 0 else None,
    )


def stream(count: int, *, gop: int = 25, size: int = 100, arrival: float = 0.0) -> Iterator[AccessUnit]:
    for number in range(count):
        yield unit(number, gop=gop, size=size, arrival=arrival)

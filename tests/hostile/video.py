"""Video for hostile cameras to misuse: a real clip, sent properly unless the script changes it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence

from tests.hostile.talk import Talk
from tests.recorder.rtp.packets import Sender, clip
from vms.media.parameter_sets import Codec

PICTURE_SECONDS = 0.04
Nals = tuple[bytes, ...]


def pictures(codec: Codec = "h264") -> tuple[Nals, ...]:
    """Return the clip's access units, a keyframe every 5."""
    return clip(codec)


def keyframe(codec: Codec = "h264") -> Nals:
    """Return the clip's first access unit with its parameter sets."""
    return clip(codec)[0]


def endlessly(sender: Sender | None = None, *, codec: Codec = "h264") -> Iterator[bytes]:
    """Yield the clip's pictures as packets, over and over, with numbers and timestamps that run on."""
    using = sender or Sender(codec, payload_size=1000)
    for unit in itertools.cycle(clip(using.codec)):
        yield b"".join(using.unit(unit))


def packets(units: Sequence[Sequence[bytes]], sender: Sender | None = None) -> bytes:
    """Return access units as interleaved frames."""
    using = sender or Sender(payload_size=1000)
    return b"".join(packet for unit in units for packet in using.unit(unit))


async def paced_video(talk: Talk, video: Iterator[bytes], *, between: bytes = b"") -> None:
    """Send one picture every 40 ms."""
    for picture in video:
        await talk.send(picture + between)
        await asyncio.sleep(PICTURE_SECONDS)

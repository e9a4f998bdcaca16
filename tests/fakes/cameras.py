"""Demo cameras with small pictures, for every test that needs a real RTSP stream.

    async def test_something(demo_cameras: DemoCameras) -> None:
        key = demo_cameras.keys[0]
        ...  # demo_cameras.port, .path(key, "main"), .url(key); demo_cameras.script.freeze(key)

The clips are drawn once and kept in `.cache/demo-cameras` at the top of the repository.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest_asyncio

from recorder.demo import timecode
from recorder.demo.cameras import DemoCameras
from recorder.demo.certificate import DemoCertificate
from recorder.demo.encode import Profile
from recorder.demo.packets import Clip, RtpFrame, rtp_frame
from recorder.demo.settings import DemoSettings
from recorder.demo.stream import Start
from vms.clock import Clock, SystemClock

USERNAME = "viewer"
PASSWORD = "correct horse: battery/staple?"

TINY_MAIN = Profile(320, 180, fps=10, gop_seconds=1)
TINY_SUB = Profile(192, 108, fps=10, gop_seconds=1)
TINY: Mapping[str, Profile] = {"main": TINY_MAIN, "sub": TINY_SUB}
TINY_H265: Mapping[str, Profile] = {"main": Profile(320, 180, fps=5, gop_seconds=1, codec="h265")}
TINY_OLD: Mapping[str, Profile] = {
    "main": Profile(320, 192, fps=10, gop_seconds=1, codec="jpeg"),
    "sub": Profile(320, 192, fps=10, gop_seconds=2, codec="mpeg4"),
}
"""What is re-encoded. JPEG over RTP counts sides in eights."""

CACHE = Path(__file__).parents[2] / ".cache" / "demo-cameras"


def code_of(frame: av.VideoFrame) -> int | None:
    """Return the milliseconds within the minute that a decoded picture shows."""
    return timecode.read(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


class ShiftedClock(SystemClock):
    """The machine's clock, but another time of day: it shows `second` of a minute when made, and runs on."""

    def __init__(self, *, second: float) -> None:
        self.show(second=second)

    def show(self, *, second: float) -> None:
        """Show `second` of a minute now."""
        now = datetime.now(UTC)
        self._shift = now.replace(second=0, microsecond=0) + timedelta(seconds=second) - now

    def step(self, seconds: float) -> None:
        """Put the clock forward, or back."""
        self._shift += timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._shift


def tiny_cameras(
    count: int = 1,
    *,
    profiles: Mapping[str, Profile] = TINY,
    start: Start = Start.IMMEDIATE,
    clock: Clock | None = None,
    session_seconds: float = 60,
    nonce_seconds: float = 3600,
    control: Path | None = None,
    certificate: DemoCertificate | None = None,
) -> AbstractAsyncContextManager[DemoCameras]:
    """Return `count` cameras with small pictures, to be entered with `async with`."""
    settings = DemoSettings(
        username=USERNAME,
        password=PASSWORD,
        profiles=profiles,
        start=start,
        clock=clock or SystemClock(),
        session_seconds=session_seconds,
        nonce_seconds=nonce_seconds,
        control=control,
        certificate=certificate,
        processes=0,
    )
    return DemoCameras(count, CACHE, settings)


def heavier(clip: Clip, *, bytes_per_picture: int) -> Clip:
    """Return `clip` with so many octets more in each picture, as a message that decoders skip: a camera that fills a slow disk."""
    message = rtp_frame([b"\x06\x05" + b"\xff" * bytes_per_picture], clip.profile.codec)
    before = bytearray(message.wire)
    before[message.starts[-1] + 5] &= 0x7F  # the marker: the picture ends later
    return replace(clip, frames=tuple(_behind(bytes(before), message, frame) for frame in clip.frames))


def _behind(wire: bytes, message: RtpFrame, frame: RtpFrame) -> RtpFrame:
    return RtpFrame(wire + frame.wire, (*message.starts, *(len(wire) + start for start in frame.starts)), frame.keyframe)


@pytest_asyncio.fixture
async def demo_cameras() -> AsyncIterator[DemoCameras]:
    """Two cameras, main and sub-stream each, that start at once."""
    async with tiny_cameras(2) as cameras:
        yield cameras

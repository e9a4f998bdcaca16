"""Encode a demo camera's minute once and keep it on disk, named by everything that shapes it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from recorder.demo.scene import Planes, Scene
from recorder.process import die_with_the_parent

LOOP_SECONDS = 60
CACHE_VERSION = 1
"""Counts changes to scenes or encoding: raise it when a cached clip would look or behave otherwise than a new one."""

Codec = Literal["h264", "h265", "jpeg", "mpeg4"]
Progress = Callable[[float, str], None]
"""Told the share done (0 to 1) and what is being done."""

_REPORT_EVERY_FRAMES = 30
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Profile:
    """How a stream is encoded. The GOP divides the minute, the frame rate divides RTP's 90 kHz."""

    width: int
    height: int
    fps: int
    gop_seconds: int
    codec: Codec = "h264"
    crf: int = 23
    preset: str = "ultrafast"
    looks_ahead: bool = False
    """H.264 alone: encoded with the pictures to come in view, as a loop drawn beforehand can be and no camera's: a quarter fewer bits."""

    def __post_init__(self) -> None:
        if LOOP_SECONDS % self.gop_seconds or 90_000 % self.fps or self.width % 2 or self.height % 2:
            raise ValueError(f"{self} does not loop in a minute. Give a GOP that divides 60 s, a rate that divides 90,000 and even sizes.")

    @property
    def frames(self) -> int:
        return LOOP_SECONDS * self.fps

    @property
    def gop_frames(self) -> int:
        return self.gop_seconds * self.fps

    def milliseconds(self, frame: int) -> int:
        """Return when within the minute that frame is taken."""
        return frame * 1000 // self.fps


MAIN = Profile(1280, 720, fps=15, gop_seconds=2, crf=17)
SUB = Profile(640, 360, fps=10, gop_seconds=2, crf=20)
SPARING_MAIN = replace(MAIN, gop_seconds=4, crf=28, preset="veryfast", looks_ahead=True)
SPARING_SUB = replace(SUB, gop_seconds=4, crf=28, preset="veryfast", looks_ahead=True)
"""For who records them for hours: an eighth of the bits (README), more processor time to draw them, and keyframes half as often."""


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """One clip to have: which scene, encoded how."""

    scene: str
    profile: Profile

    def file_name(self) -> str:
        """Return the name that only this content has, across versions of the encoder too."""
        library = av.library_versions["libavcodec"]
        described = repr((CACHE_VERSION, library, self.scene, astuple(self.profile)))
        return f"{hashlib.sha256(described.encode()).hexdigest()[:24]}.{self.profile.codec}"


def has_codec(codec: Codec) -> bool:
    """Tell whether this build of PyAV can encode `codec`."""
    return _ENCODERS[codec] in av.codecs_available


def prepare(orders: Sequence[ClipOrder], cache: Path, *, processes: int = 2, progress: Progress | None = None) -> list[Path]:
    """Return the Annex B files of `orders`, in their order; those not in `cache` are made in `processes` child processes (0: here)."""
    cache.mkdir(parents=True, exist_ok=True)
    report = progress or (lambda _share, _text: None)
    missing = sorted(
        {order for order in orders if not (cache / order.file_name()).exists()}, key=lambda order: (-_weight(order), order.scene)
    )
    if missing and processes:
        _encode_in_children(missing, cache, processes, report)
    else:
        tally = _Tally(missing, report)
        for order in missing:
            for frames in _encode_file(order, cache):
                tally.add(order, frames)
    if missing:
        report(1.0, "demo cameras are drawn")
    return [cache / order.file_name() for order in orders]


class _Tally:
    def __init__(self, orders: Sequence[ClipOrder], report: Progress) -> None:
        self._total, self._done, self._report = sum(order.profile.frames * _weight(order) for order in orders), 0.0, report

    def add(self, order: ClipOrder, frames: int) -> None:
        self._done += frames * _weight(order)
        self._report(min(self._done / self._total, 0.999), f"drawing {order.scene}, {order.profile.width}×{order.profile.height}")


def _weight(order: ClipOrder) -> float:
    """Cost of a frame: a large picture takes longer, a small one is not free."""
    return order.profile.width * order.profile.height + 250_000


def _encode_in_children(orders: Sequence[ClipOrder], cache: Path, processes: int, report: Progress) -> None:
    context = multiprocessing.get_context("spawn")
    done: SimpleQueue[tuple[ClipOrder, int]] = context.SimpleQueue()
    tally = _Tally(orders, report)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_join, initargs=(done, os.getpid())) as children:
        pending: set[Future[None]] = {children.submit(_encode_here, order, cache) for order in orders}
        while pending:
            finished, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            while not done.empty():
                tally.add(*done.get())
            for future in finished:
                future.result()


_told: SimpleQueue[tuple[ClipOrder, int]] | None = None
"""Where a child process tells what it has done; set once when it starts."""


def _join(done: SimpleQueue[tuple[ClipOrder, int]], parent: int) -> None:
    die_with_the_parent(parent)
    global _told  # noqa: PLW0603 - an executor hands its children a queue only through an initializer
    _told = done


def _encode_here(order: ClipOrder, cache: Path) -> None:
    for frames in _encode_file(order, cache):
        if _told is not None:
            _told.put((order, frames))


def _encode_file(order: ClipOrder, cache: Path) -> Iterator[int]:
    """Write the clip beside its place and rename it; yield the frames done since the last time."""
    target = cache / order.file_name()
    part = target.with_suffix(f".{os.getpid()}.part")
    profile, encoder = order.profile, _encoder(order.profile)
    scene = Scene(order.scene, width=profile.width, height=profile.height)
    with part.open("wb") as file:
        for number in range(profile.frames):
            frame = _video_frame(scene.frame(profile.milliseconds(number)), number, encoder.pix_fmt or "yuv420p")
            file.writelines(bytes(packet) for packet in encoder.encode(frame))
            if (number + 1) % _REPORT_EVERY_FRAMES == 0:
                yield _REPORT_EVERY_FRAMES
        file.writelines(bytes(packet) for packet in encoder.encode(None))
    part.replace(target)


def _video_frame(planes: Planes, number: int, pixels: str = "yuv420p") -> av.VideoFrame:
    height, width = planes.luma.shape
    stacked = np.concatenate((planes.luma.ravel(), planes.chroma.ravel())).reshape(height * 3 // 2, width)
    frame = av.VideoFrame.from_ndarray(stacked, format=pixels)
    frame.pts = number
    return frame


_ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265", "jpeg": "mjpeg", "mpeg4": "mpeg4"}
_OLD_QUANTIZER = "472"
"""Of JPEG and MPEG-4: 4 in libavcodec's lambda units of 118."""


def _encoder(profile: Profile) -> VideoCodecContext:
    """Closed GOPs of fixed length, no B-frames, one thread, access unit delimiters, BT.709: what a camera sends."""
    encoder = av.CodecContext.create(_ENCODERS[profile.codec], "w")
    if not isinstance(encoder, VideoCodecContext):
        raise TypeError(f"{_ENCODERS[profile.codec]} is no video encoder")
    encoder.width, encoder.height = profile.width, profile.height
    encoder.pix_fmt = "yuvj420p" if profile.codec == "jpeg" else "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, profile.fps), Fraction(profile.fps)
    encoder.thread_count = 1
    shared = f"keyint={profile.gop_frames}:min-keyint={profile.gop_frames}:scenecut=0:open-gop=0:bframes=0:aud=1:repeat-headers=1:annexb=1"
    colours = "colorprim=bt709:transfer=bt709:colormatrix=bt709:range="
    common = {"preset": profile.preset, "crf": str(profile.crf), **({} if profile.looks_ahead else {"tune": "zerolatency"})}
    if profile.codec in ("jpeg", "mpeg4"):
        own = {"huffman": "default"} if profile.codec == "jpeg" else {"g": str(profile.gop_frames), "bf": "0"}
        encoder.options = {"flags": "+qscale", "global_quality": _OLD_QUANTIZER, **own}
    elif profile.codec == "h264":
        encoder.options = {**common, "x264-params": f"{shared}:{colours}tv:threads=1"}
    else:
        encoder.options = {**common, "x265-params": f"{shared}:{colours}limited:pools=none:frame-threads=1:info=0:log-level=error"}
    return encoder

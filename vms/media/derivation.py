"""Makes a derivative of recorded pictures: decodes, keeps a span, covers regions, draws a mark, encodes H.264 anew, writes MP4.

The work of a confined child, of nobody else. Each picture goes on as pixels in a frame made here: no SEI, side data, metadata,
audio or second track of the original can ride along.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import av.audio.stream
import av.subtitles.stream
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from vms.domain.redaction import WHOLE, Box, Cover, Region
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND
from vms.errors import InvalidInput
from vms.media.clip import Clip, Copied
from vms.media.covering import Plane, Planes, cover

MAX_PIXELS = 3840 * 2160
"""Of one picture, as where a camera's pictures are re-encoded: its decoder refuses more."""
CARRIES_ITS_TIME_MS = 946_684_800_000
"""A file whose first picture has a later time than the year 2000 counts from 1970, as recorded fragments do."""
_NOMINAL_RATE = 25
_QUALITY = 20
_X264 = "keyint=50:bframes=0:threads=1:lookahead-threads=1:range=tv:colormatrix=smpte170m"
_TIME_BASE = Fraction(1, TICKS_PER_SECOND)
_SEI = 6


class Seekable(Protocol):
    """What PyAV asks of any file."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class Readable(Seekable, Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Seekable, Protocol):
    def write(self, content: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture of the span; its planes may be changed."""

    at_ms: int
    """UTC, rounded down."""
    ticks: int
    """90 kHz, since the first picture of the span."""
    planes: Planes
    sample_aspect_ratio: Fraction | None
    duration_ticks: int = 0
    """0: as long as the one before."""


Touch = Callable[[Picture], None]
"""Does something to a picture, in place."""


def pictures(source: Readable, *, starts_ms: int | None, start_ms: int, end_ms: int) -> Iterator[Picture]:
    """Yield the pictures of a span, in the order in which they are shown.

    `starts_ms`: when the file's first picture was taken; None: the file itself counts from 1970. InvalidInput when it does not,
    or can't be decoded: nothing that is damaged is passed over.
    """
    with _to_its_end(), av.open(source, "r", format="mov") as container:  # the one format: nothing in the file chooses another reader
        yield from _of_span(container, starts_ms, start_ms, end_ms)


def pictures_of_clip(source: Readable, clip: Clip) -> Iterator[Picture]:
    """Yield the pictures that a player shows of a file of a package, from `shown_from_ticks` on; raises as `pictures`.

    The first one is what is on the screen at that moment, which is when its time begins.
    """
    # the times of the samples as they stand: by the edit list, the picture that is shown at its beginning would be left out
    with _to_its_end(), av.open(source, "r", format="mov", options={"ignore_editlist": "1"}) as container:
        yield from _of_clip(container, clip)


def covering(regions: Sequence[Region], counted: list[int]) -> Touch:
    """Return what covers `regions`; `counted` has a number for each and counts the pictures in which it was covered."""

    def touch(picture: Picture) -> None:
        found = boxes_in(regions, picture.at_ms)
        cover(picture.planes, ((regions[number].cover, box) for number, box in found))
        for number, _ in found:
            counted[number] += 1

    return touch


def boxes_in(regions: Sequence[Region], at_ms: int) -> list[tuple[int, Box]]:
    """Return the number of each region that is covered at a moment, and where."""
    return [(number, box) for number, region in enumerate(regions) if (box := region.box_at(at_ms)) is not None]


def touched(found: Iterable[Picture], touches: Sequence[Touch]) -> Iterator[Picture]:
    """Yield pictures after each of `touches` had them, in this order."""
    for picture in found:
        for touch in touches:
            touch(picture)
        yield picture


def write_copy(made: Iterable[Picture], target: Writable, *, most_kbits: int | None = None) -> Copied:
    """Encode pictures into an MP4 of one H.264 track, of `most_kbits` in a second at the most."""
    pending = iter(made)
    if (first := next(pending, None)) is None:
        return Copied(0, ())
    with av.open(target, "w", format="mp4", options={"use_editlist": "0", "fflags": "+bitexact"}) as container:
        writer = _Writer(container, first, most_kbits)
        count = 0
        for picture in _with_first(first, pending):
            writer.take(picture)
            count += 1
        writer.finish()
    return Copied(count, tuple(writer.keyframes))


def rehearse() -> None:
    """Make a copy of two grey pictures in memory, so that all is loaded which a confined process could load no more."""
    original, grey = io.BytesIO(), [Planes(*(np.full((side, side), 128, np.uint8) for side in (32, 16, 16))) for _ in range(2)]
    write_copy((Picture(number, number * 3600, planes, None) for number, planes in enumerate(grey)), original)
    for picture in pictures(original, starts_ms=0, start_ms=0, end_ms=1000):
        cover(picture.planes, ((kind, Box(0, 0, WHOLE, WHOLE)) for kind in Cover))


@contextmanager
def _to_its_end() -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as err:
        if isinstance(err, MemoryError):  # nothing can be relied on behind it
            raise
        raise InvalidInput(f"The file can't be decoded to its end ({err.strerror}). Nothing was made of it.") from err


def _of_span(container: InputContainer, starts_ms: int | None, start_ms: int, end_ms: int) -> Iterator[Picture]:
    if not container.streams.video:
        raise InvalidInput("The file has no video track.")
    stream = container.streams.video[0]
    _decode_by_one_thread(stream)
    first_of_file: int | None = None
    first_of_span: int | None = None
    size: tuple[int, int] | None = None
    reformatter = VideoReformatter()
    for frame in container.decode(stream):
        ticks = _ticks(frame)
        first_of_file = ticks if first_of_file is None else first_of_file
        at = ticks + _offset(first_of_file, starts_ms)
        if frame.is_corrupt:
            raise InvalidInput(f"The picture at {at // TICKS_PER_MS} ms is damaged. Nothing was made of the file.")
        if at // TICKS_PER_MS >= end_ms:
            return
        if at // TICKS_PER_MS < start_ms:
            continue
        first_of_span = ticks if first_of_span is None else first_of_span
        size = (frame.width & ~1, frame.height & ~1) if size is None else size
        yield Picture(at // TICKS_PER_MS, ticks - first_of_span, _planes(reformatter, frame, size), stream.sample_aspect_ratio)


def _of_clip(container: InputContainer, clip: Clip) -> Iterator[Picture]:
    """A picture lasts until the next one comes, so each waits for that."""
    stream = container.streams.video[0]
    _decode_by_one_thread(stream)
    reformatter = VideoReformatter()
    shown: tuple[int, VideoFrame] | None = None
    size: tuple[int, int] = 0, 0
    lasted = 0

    def picture(at: int, frame: VideoFrame, until: int) -> Picture:
        ticks = at - clip.shown_from_ticks
        return Picture(at // TICKS_PER_MS, ticks, _planes(reformatter, frame, size), stream.sample_aspect_ratio, until - at)

    for frame in container.decode(stream):
        at = max(clip.start_ticks + _ticks(frame), clip.shown_from_ticks)
        if frame.is_corrupt:
            raise InvalidInput(f"The picture at {at // TICKS_PER_MS} ms is damaged. Nothing was made of the file.")
        if shown is None:  # pictures that are sent out of order let the first one come late
            at, size = clip.shown_from_ticks, (frame.width & ~1, frame.height & ~1)
        elif shown[0] < at:
            yield picture(*shown, at)
            lasted = at - shown[0]
        shown = at, frame
    if shown is not None:
        yield picture(*shown, max(clip.end_ticks, shown[0] + lasted))


def _decode_by_one_thread(stream: VideoStream) -> None:
    """A second one would need system calls that a confined process has not."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "err_detect": "explode"}


def _ticks(frame: VideoFrame) -> int:
    if frame.pts is None or frame.time_base is None:
        raise InvalidInput("A picture of the file has no time, so what is to be covered in it can't be told. Nothing was made of it.")
    return int(frame.pts * frame.time_base * TICKS_PER_SECOND)


def _offset(first_of_file: int, starts_ms: int | None) -> int:
    """Return what makes ticks of the file ticks since 1970."""
    if starts_ms is not None:
        return starts_ms * TICKS_PER_MS - first_of_file
    if first_of_file < CARRIES_ITS_TIME_MS * TICKS_PER_MS:
        raise InvalidInput("The file does not say when its first picture was taken. Give it: --starts 2026-11-25T18:00:00.000-08:00")
    return 0


def _planes(reformatter: VideoReformatter, frame: VideoFrame, size: tuple[int, int]) -> Planes:
    """Return a picture's own copy of its pixels: the decoder may still predict from the frame."""
    plain = reformatter.reformat(frame, *size, "yuv420p", dst_color_range=ColorRange.MPEG, threads=1)
    y, u, v = (_seen(plane).copy() for plane in plain.planes)
    return Planes(y, u, v)


def _seen(plane: VideoPlane) -> Plane:
    """Return a plane as numpy sees it, without what stands behind each line."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _with_first(first: Picture, others: Iterator[Picture]) -> Iterator[Picture]:
    yield first
    yield from others


class _Writer:
    """Encoder and MP4 track of one copy, on one thread."""

    def __init__(self, container: OutputContainer, first: Picture, most_kbits: int | None) -> None:
        self.keyframes: list[int] = []
        self._container = container
        self._stream = container.add_stream("libx264", rate=_NOMINAL_RATE)
        encoder = self._stream.codec_context
        encoder.width, encoder.height, encoder.pix_fmt = first.planes.width, first.planes.height, "yuv420p"
        encoder.time_base = self._stream.time_base = _TIME_BASE
        encoder.thread_count = 1
        if first.sample_aspect_ratio:
            encoder.sample_aspect_ratio = first.sample_aspect_ratio
        rate = "" if most_kbits is None else f":vbv-maxrate={most_kbits}:vbv-bufsize={most_kbits}"
        # a53cc: captions that stand in SEI of the original would go on; frames made here carry none, and this asks for none
        encoder.options = {"preset": "veryfast", "crf": str(_QUALITY), "a53cc": "0", "x264-params": _X264 + rate}
        self._encoder = encoder
        self._filter = BitStreamFilterContext(f"filter_units=remove_types={_SEI}", self._stream)

    def take(self, picture: Picture) -> None:
        frame = VideoFrame(picture.planes.width, picture.planes.height, "yuv420p")
        for plane, content in zip(frame.planes, (picture.planes.y, picture.planes.u, picture.planes.v), strict=True):
            _seen(plane)[:] = content
        frame.pts, frame.time_base, frame.duration = picture.ticks, _TIME_BASE, picture.duration_ticks
        self._mux(frame)

    def finish(self) -> None:
        self._mux(None)

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._encoder.encode(frame):
            if packet.is_keyframe and packet.pts is not None:
                self.keyframes.append(int(packet.pts * packet.time_base * TICKS_PER_SECOND))
            for plain in self._filter.filter(packet):
                plain.stream = self._stream
                self._container.mux(plain)

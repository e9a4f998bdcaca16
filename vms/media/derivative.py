"""Derivatives of recorded video, redacted or watermarked: made by a confined child from a file that is only read.

The child decodes hostile bytes, so this side hands it what it asks of the original and writes what it sends, and checks both.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO, TypeVar

from vms.domain.redaction import CameraPlan, RedactionPlan, canonical, read_plan
from vms.domain.timespan import TICKS_PER_SECOND
from vms.errors import InvalidInput, Unavailable
from vms.log import get_logger
from vms.media.clip import Clip, Copied
from vms.media.confined import start
from vms.media.derivation_wire import COPY, DONE, HEAD, LAYERS, MAX_OCTETS, MAX_SHEETS, MAX_TEXT, READ, REFUSED, SIZE, WRITE
from vms.media.sandbox import layers_of, missing_of

CHILD_MODULE = "vms.media.derivation_child"
VIEWING_MODULE = "vms.media.viewing_child"
SILENT_SECONDS = 120.0
"""So long a child may say nothing: it asks or writes every few pictures."""
NEEDS = "Run: pip install 'opencv-python>=5' and, on Debian, apt-get install libgl1 libglib2.0-0"
_MOST_TIMES_LARGER = 16
_MOST_KBITS = 50_000
_SAFE_SHARE = 0.8
"""Of the size that a viewing copy may have: an encoder keeps to its rate but nearly."""
_ANY_SIZE = 64 * 1024 * 1024
"""What is made is at most so many times as large as the original, or so large."""

log = get_logger(__name__)
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Job:
    plan: CameraPlan
    starts_ms: int | None
    """UTC of the file's first picture; None: the file counts from 1970 by itself."""
    sheet_every_ms: int = 10_000
    """A picture on the review sheets, beside those of the keyframes."""
    clip: Clip | None = None
    """Of a file of a package: all that it shows becomes the copy, and it says its times instead of `starts_ms`."""


@dataclass(frozen=True, slots=True)
class Derived:
    pictures: int
    keyframes: tuple[int, ...]
    """When each begins, in ticks of the copy."""
    covered: tuple[int, ...]
    """Of each region, in how many pictures it was covered."""
    plan: CameraPlan
    """As it was carried out: what was to be followed has the places that were found."""
    unsure: tuple[tuple[int, int, int], ...]
    """Number of a region, from 0, and from when until when nobody is sure of it, so that more is covered."""


def derive(job: Job, original: BinaryIO, target: Callable[[int], BinaryIO], *, module: str = CHILD_MODULE) -> Derived:
    """Make a redacted copy; `target` opens its files by number, `COPY` and its review sheets.

    InvalidInput when the job and the file don't fit; Unavailable when the child failed. What was written is worthless then.
    """
    plan = canonical(RedactionPlan((job.plan,)))
    asked = {"plan": plan, "starts_ms": job.starts_ms, "sheet_every_ms": job.sheet_every_ms, "clip": _told(job.clip)}
    _require_opencv()
    return _made(asked, original, target, module, lambda told: _derived(told, job))


def require_covered(derived: Derived) -> None:
    """InvalidInput for what covers nothing: times that are off would show everything."""
    if not derived.pictures:
        raise InvalidInput("No picture of the file lies within the plan's times. Look at the times of the plan, and at --starts.")
    if not any(derived.covered):
        raise InvalidInput("No region of the plan covers any picture of the file. Look at the times of the plan, and at --starts.")


def view(clip: Clip, original: BinaryIO, copy: BinaryIO, *, max_bytes: int, module: str = VIEWING_MODULE) -> Copied:
    """Make a copy in H.264 of what a file of a package shows, for where that can't be played; raises as `derive`."""
    seconds = max(1, (clip.end_ticks - clip.shown_from_ticks) // TICKS_PER_SECOND)
    asked = {"clip": _told(clip), "most_kbits": min(_MOST_KBITS, int(_SAFE_SHARE * max_bytes) * 8 // 1000 // seconds)}
    return _made(asked, original, lambda _: copy, module, _copied)


def watermark(text: str, original: BinaryIO, copy: BinaryIO, *, module: str = CHILD_MODULE) -> int:
    """Make a copy with `text` over each picture, and return how many there are; raises as `derive`."""
    _require_opencv()
    return _made({"mark": text}, original, lambda _: copy, module, lambda told: int(told["pictures"]))


def still(mark: str, clip: Clip, original: BinaryIO, target: BinaryIO, *, module: str = CHILD_MODULE) -> bool:
    """Write what a clip shows first as a PNG with `mark` over it, and say whether there is a picture; raises as `derive`."""
    _require_opencv()
    asked = {"still": mark, "clip": _told(clip)}
    return _made(asked, original, lambda _: target, module, lambda told: told["size"] is not None)


def _made(
    asked: Mapping[str, object],
    original: BinaryIO,
    target: Callable[[int], BinaryIO],
    module: str,
    read: Callable[[Mapping[str, Any]], Answer],
) -> Answer:
    try:
        process, ours = start(module)
    except OSError as err:
        raise Unavailable(f"The process that makes copies can't be started: {err.strerror}.") from err
    with ours:
        ours.settimeout(SILENT_SECONDS)
        try:
            return read(_Conversation(ours, original, target).hold(asked))
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise Unavailable("The process that makes copies ended or answered what was not asked. No copy was made; try again.") from err
        finally:
            process.kill()
            process.wait()


def _require_opencv() -> None:
    if find_spec("cv2") is None:
        raise Unavailable(f"Copies are made with OpenCV, which is not installed. {NEEDS}")


class _Conversation:
    """With one child, from its report to its answer."""

    def __init__(self, ours: socket.socket, original: BinaryIO, target: Callable[[int], BinaryIO]) -> None:
        self._socket = ours
        self._original = original
        self._target = target
        self._size = original.seek(0, os.SEEK_END)
        self._files: dict[int, tuple[BinaryIO, int]] = {}
        """And how large each is."""

    def hold(self, asked: Mapping[str, object]) -> Mapping[str, Any]:
        try:
            kind, _, octets, _ = self._head()
        except (OSError, ValueError) as err:
            raise Unavailable(f"The process that makes copies ended before it began. {NEEDS}") from err
        if kind != LAYERS:
            raise ValueError("no report of its sandbox")
        _say_what_is_missing(self._take(octets))
        self._answer(json.dumps({**asked, "size_bytes": self._size}).encode())
        for kind, number, octets, at in self._heads():
            match kind:
                case _ if kind == READ:
                    self._original.seek(at)
                    self._answer(self._original.read(octets))
                case _ if kind == WRITE:
                    self._write(number, at, self._take(octets))
                case _ if kind == REFUSED:
                    raise InvalidInput(self._take(octets).decode())
                case _ if kind == DONE:
                    return dict(json.loads(self._take(octets)))
                case _:
                    raise ValueError(f"a frame of kind {kind}")
        raise ValueError("it ended")

    def _write(self, number: int, at: int, content: bytes) -> None:
        if number > MAX_SHEETS or (number != COPY and number in self._files):
            raise ValueError(f"a file of number {number}")
        file, size = self._files[number] if number in self._files else (self._target(number), 0)
        end = max(size, at + len(content))
        if at > size or end > max(_ANY_SIZE, _MOST_TIMES_LARGER * self._size):
            raise ValueError(f"{len(content)} octets at {at} of a file of {size}")
        file.seek(at)
        file.write(content)
        self._files[number] = file, end

    def _heads(self) -> Iterator[tuple[int, int, int, int]]:
        while True:
            yield self._head()

    def _head(self) -> tuple[int, int, int, int]:
        kind, number, octets, at = HEAD.unpack(self._take(HEAD.size))
        if octets > (MAX_TEXT if kind == DONE else MAX_OCTETS):
            raise ValueError(f"a frame of {octets} octets")
        return kind, number, octets, at

    def _answer(self, content: bytes) -> None:
        self._socket.sendall(SIZE.pack(len(content)) + content)

    def _take(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            if not (part := self._socket.recv(min(size - len(parts), MAX_OCTETS))):
                raise ValueError("it ended by itself")
            parts += part
        return bytes(parts)


def _derived(told: Mapping[str, Any], job: Job) -> Derived:
    copied, covered = _copied(told), tuple(map(int, told["covered"]))
    if len(covered) != len(job.plan.regions):
        raise ValueError("it covered other regions")
    unsure = tuple((int(number), int(start), int(end)) for number, start, end in told["unsure"])
    return Derived(copied.pictures, copied.keyframes, covered, read_plan(told["plan"]).of(job.plan.camera), unsure)


def _copied(told: Mapping[str, Any]) -> Copied:
    return Copied(int(told["pictures"]), tuple(map(int, told["keyframes"])))


def _told(clip: Clip | None) -> tuple[int, int, int] | None:
    return None if clip is None else (clip.start_ticks, clip.shown_from_ticks, clip.end_ticks)


def _say_what_is_missing(report: bytes) -> None:
    if missing := missing_of(layers_of(report)):
        log.warning("copying process has not its whole sandbox", missing=missing)

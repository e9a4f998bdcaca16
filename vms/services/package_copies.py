"""Copies that stand in a package, made of its recordings by confined children: for viewing beside them,
redacted or stills in their stead.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from io import BufferedRandom
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, TypeAlias

from vms.domain.package import CameraScope, CopyKind, PictureCopy, Video
from vms.domain.redaction import CameraPlan
from vms.domain.timespan import Timespan, ticks_of
from vms.errors import InvalidInput, Unavailable
from vms.media.clip import Clip, Copied
from vms.media.derivation_wire import COPY
from vms.media.derivative import Derived, Job, derive, still, view

KeepSheet: TypeAlias = Callable[[CameraScope, bytes], None]
"""Takes a review sheet (PNG) of a camera's redacted copy."""
ORIGINAL = "original"
"""The folder of what is redacted, which is gone before the package is whole."""


def viewing_copy(folder: Path, video: Video, max_bytes: int) -> PictureCopy:
    """Write the H.264 copy of a file, which is of at most `max_bytes`."""
    path = _path(video, CopyKind.VIEWING)
    (folder / path).parent.mkdir(exist_ok=True)
    with (folder / video.path).open("rb") as original, (folder / path).open("x+b") as copy:
        copied = view(_clip(video), original, copy, max_bytes=max_bytes)
        if not copied.pictures or os.fstat(copy.fileno()).st_size > max_bytes:
            raise Unavailable(f"No viewing copy of {video.path} can be made: it has no picture, or became larger than a file may be.")
        return _finished(path, CopyKind.VIEWING, video, copied, copy)


def redacted_copies(
    folder: Path, scope: CameraScope, plan: CameraPlan, originals: Sequence[Video], keep_sheet: KeepSheet
) -> list[PictureCopy]:
    """Write the redacted copies of a camera's files and delete those. InvalidInput when a region covers no picture of any."""
    covered = [0] * len(plan.regions)
    made = []
    for video in originals:
        copy, derived = _redacted(folder, scope, plan, video, keep_sheet)
        covered = [sum(both) for both in zip(covered, derived.covered, strict=True)]
        made.append(copy)
        (folder / video.path).unlink()
    if not originals:
        return []
    if 0 in covered:
        raise InvalidInput(
            f"Region {covered.index(0) + 1} of the plan covers no picture of ‘{scope.camera}’. Look at its times, or leave it out."
        )
    shutil.rmtree(folder / ORIGINAL)
    return made


def stills(folder: Path, scope: CameraScope, mark: str, originals: Sequence[Video]) -> list[PictureCopy]:
    """Write one marked picture of each time that was asked for, and delete the recordings that they are of.

    It is what was on the screen at its beginning, or, where nothing was recorded yet, the first that was.
    """
    firsts = [_first_of(span, originals) for span in sorted(scope.spans)]
    made = [_still(folder, scope, mark, video) for video in firsts if video is not None]
    for video in originals:
        (folder / video.path).unlink()
    if originals:
        shutil.rmtree(folder / ORIGINAL)
    return made


def _first_of(span: Timespan, originals: Sequence[Video]) -> Video | None:
    start, end = ticks_of(span.start), ticks_of(span.end)
    inside = (one for one in originals if start <= one.part.shown_from_ticks < end)
    return min(inside, key=lambda one: one.part.shown_from_ticks, default=None)


def _still(folder: Path, scope: CameraScope, mark: str, video: Video) -> PictureCopy:
    path = str(PurePosixPath(_path(video, CopyKind.STILL)).with_suffix(".png"))
    (folder / path).parent.mkdir(exist_ok=True)
    with (folder / video.path).open("rb") as original, (folder / path).open("x+b") as copy:
        if not still(mark, _clip(video), original, copy):
            raise InvalidInput(f"The footage of ‘{scope.camera}’ from {video.path} on has no picture.")
        return _finished(path, CopyKind.STILL, video, Copied(1, (0,)), copy)


def _redacted(folder: Path, scope: CameraScope, plan: CameraPlan, video: Video, keep_sheet: KeepSheet) -> tuple[PictureCopy, Derived]:
    path, clip = _path(video, CopyKind.REDACTED), _clip(video)
    (folder / path).parent.mkdir(exist_ok=True)
    sheets: list[BinaryIO] = []
    with ExitStack() as opened:
        original = opened.enter_context((folder / video.path).open("rb"))
        copy = opened.enter_context((folder / path).open("x+b"))

        def target(number: int) -> BinaryIO:
            if number == COPY:
                return copy
            sheets.append(opened.enter_context(TemporaryFile(dir=folder / ORIGINAL)))
            return sheets[-1]

        derived = derive(Job(plan, None, clip=clip), original, target)
        if not derived.pictures:
            raise InvalidInput(f"The footage of ‘{scope.camera}’ from {video.path} on has no picture.")
        for sheet in sheets:
            sheet.seek(0)
            keep_sheet(scope, sheet.read())
        return _finished(path, CopyKind.REDACTED, video, Copied(derived.pictures, derived.keyframes), copy), derived


def _path(video: Video, kind: CopyKind) -> str:
    return f"{kind.value}/{video.path.partition('/')[2]}"


def _clip(video: Video) -> Clip:
    part = video.part
    return Clip(part.start_ticks, part.shown_from_ticks, part.end_ticks)


def _finished(path: str, kind: CopyKind, of: Video, copied: Copied, copy: BufferedRandom) -> PictureCopy:
    """Make a copy durable and read it back."""
    copy.flush()
    os.fsync(copy.fileno())
    copy.seek(0)
    digest = hashlib.file_digest(copy, "sha256").digest()
    return PictureCopy(path, kind, of, copied.pictures, copied.keyframes, digest, os.fstat(copy.fileno()).st_size)

"""The files of second places: a link on the volume of a segment's file, a copy on another one, and the way back.

Every step down is taken by directory handle without following links, and on the disk that was asked for: a link that somebody planted
leads nowhere, and the empty mount point of a disk that fell away takes nothing. Never unlinks footage; the only names that it
removes are its own `.part`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from vms.domain.ids import SegmentId
from vms.errors import Unavailable
from vms.store.files import IDENTITY, Volume
from vms.store.layout import PART_SUFFIX, protected_file, segment_file

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_BLOCK_BYTES = 1024 * 1024


def link_place(volume: Volume, segment: SegmentId) -> bool:
    """Give the published file a second name, durably; False when another file stands there. OSError when the disk refuses."""
    live, place = segment_file(segment), protected_file(segment)
    with _folder(volume, live.parent) as of_live, _made_folder(volume, place.parent) as folder:
        try:
            os.link(live.name, place.name, src_dir_fd=of_live, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            if not _same(os.stat(live.name, dir_fd=of_live, follow_symlinks=False), place.name, folder):
                return False
        os.fsync(folder)
    return True


def copy_place(source: Path, volume: Volume, segment: SegmentId, is_right: Callable[[Path], bool]) -> bool:
    """Copy a segment's file to its second place on `volume`, durably, in place of what stands there.

    It takes its name when `is_right` says so of what reached the disk; else nothing is left of it, and False is returned. OSError when a
    disk refuses.
    """
    place = protected_file(segment)
    part = f"{place.name}{PART_SUFFIX}"
    with _made_folder(volume, place.parent) as folder:
        try:
            _copy(source, part, folder)
            right = is_right(volume.path / place.with_name(part))
            if right:
                os.rename(part, place.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
        os.fsync(folder)
    return right


def give_back(volume: Volume, segment: SegmentId) -> None:
    """Give the file of the second place on `volume` its published name, durably, in place of a file that is damaged."""
    live, place = segment_file(segment), protected_file(segment)
    part = f"{live.name}{PART_SUFFIX}"
    with _folder(volume, place.parent) as folder, _made_folder(volume, live.parent) as of_live:
        right = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
        if not _same(right, live.name, of_live):
            if not _same(right, part, of_live):  # a crash between the next two leaves it
                os.link(place.name, part, src_dir_fd=folder, dst_dir_fd=of_live, follow_symlinks=False)
            os.rename(part, live.name, src_dir_fd=of_live, dst_dir_fd=of_live)
        os.fsync(of_live)


def is_file(path: Path) -> bool:
    """Say whether a file stands there, not a link to one. OSError when it can't be looked at."""
    try:
        return S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _copy(source: Path, part: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    read = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE, dir_fd=folder)
        try:
            while block := os.read(read, _BLOCK_BYTES):
                left = memoryview(block)
                while left:
                    left = left[os.write(write, left) :]
            os.fsync(write)
            if hasattr(os, "posix_fadvise"):  # what is looked at next is read from the disk
                os.posix_fadvise(write, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(write)
    finally:
        os.close(read)


def _same(wanted: os.stat_result, name: str, folder: int) -> bool:
    try:
        return os.path.samestat(wanted, os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


@contextmanager
def _folder(volume: Volume, inside: PurePosixPath) -> Iterator[int]:
    with _walked(volume, inside, lambda name, above: os.open(name, _DIRECTORY, dir_fd=above)) as folder:
        yield folder


@contextmanager
def _made_folder(volume: Volume, inside: PurePosixPath) -> Iterator[int]:
    """Open a folder inside a volume, with those above it made and durable."""

    def step(name: str, above: int) -> int:
        with suppress(FileExistsError):
            os.mkdir(name, _FOLDER_MODE, dir_fd=above)
        os.fsync(above)  # one that is there may come from a process that was killed before its fsync
        return os.open(name, _DIRECTORY, dir_fd=above)

    with _walked(volume, inside, step) as folder:
        yield folder


@contextmanager
def _walked(volume: Volume, inside: PurePosixPath, step: Callable[[str, int], int]) -> Iterator[int]:
    folder = os.open(volume.path, _DIRECTORY)
    try:
        try:
            os.stat(IDENTITY, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError as err:
            raise Unavailable(f"{volume.path} is no volume any more: {IDENTITY} is missing. Mount its disk there.") from err
        for name in inside.parts:
            inner = step(name, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)

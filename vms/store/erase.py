"""The one deleter of published footage. Only retention may import it; it decides nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path, PurePosixPath

from vms.errors import InvalidInput

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def erase_published(volume: Path, files: Iterable[PurePosixPath]) -> int:
    """Unlink `files` inside `volume`, fsync each folder once, take away those that became empty, and return how many files there were.

    Every step down is taken by directory handle without following links, so a link planted in the volume leads nowhere.
    Raises OSError when the disk refuses; the caller keeps the condemned rows and tries again.
    """
    named = sorted(files)
    for file in named:
        if file.is_absolute() or ".." in file.parts or len(file.parts) < 2:
            raise InvalidInput(f"{file} does not name a file inside a volume; nothing was erased")
    return sum(_erase_in(volume, folder, [file.name for file in inside]) for folder, inside in groupby(named, lambda file: file.parent))


def _erase_in(volume: Path, folder: PurePosixPath, names: Iterable[str]) -> int:
    erased = 0
    try:
        with _opened(volume, folder.parts) as handle:
            for name in names:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=handle)
                    erased += 1
            os.fsync(handle)
    except FileNotFoundError:  # the folder is gone, and so is what was in it
        return erased
    _tidy(volume, folder)
    return erased


def _tidy(volume: Path, folder: PurePosixPath) -> None:
    """Take away the folder of an hour, and of its day, when nothing is left in them."""
    for parts in (folder.parts, folder.parts[:-1]):
        if len(parts) < 3:
            return
        try:
            with _opened(volume, parts[:-1]) as parent:
                os.rmdir(parts[-1], dir_fd=parent)
        except OSError:  # not empty, or gone
            return


@contextmanager
def _opened(volume: Path, parts: Iterable[str]) -> Iterator[int]:
    folder = os.open(volume, _DIRECTORY)
    try:
        for name in parts:
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)

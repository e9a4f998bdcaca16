"""Marks of what processes are in the middle of, by number: each goes with its process, however that ends.

A mark is a lock on one octet of a file that stays empty (F_OFD_SETLK, Linux): two opened files of one process exclude each other too.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FLOCK = "hhqqi0q"
"""`struct flock` of 64-bit Linux: type, whence, start, length, pid."""


class Mark:
    """Stands until it is taken away, or its process is gone."""

    def __init__(self, path: Path, number: int) -> None:
        """BlockingIOError when the number has one already."""
        self._opened = _open(path)
        try:
            _lock(self._opened, number)
        except BlockingIOError:
            os.close(self._opened)
            raise

    def take_away(self) -> None:
        os.close(self._opened)


class Marks:
    """What is marked in a file."""

    def __init__(self, opened: int) -> None:
        self._opened = opened

    def has(self, number: int) -> bool:
        """Say whether any process has marked a number."""
        try:
            _lock(self._opened, number)
        except BlockingIOError:
            return True
        _lock(self._opened, number, fcntl.F_UNLCK)
        return False


@contextmanager
def marks(path: Path) -> Iterator[Marks]:
    opened = _open(path)
    try:
        yield Marks(opened)
    finally:
        os.close(opened)


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(opened: int, number: int, how: int = fcntl.F_WRLCK) -> None:
    fcntl.fcntl(opened, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, how, os.SEEK_SET, number, 1, 0))

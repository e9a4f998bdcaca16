"""The ballast of a volume: room set aside that is let go when the disk is too full for the very transactions that would free it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

BALLAST = ".ballast"
BALLAST_BYTES = 64 * 1024 * 1024
_FILE_MODE = 0o600


def ballast_bytes(limit_bytes: int) -> int:
    """Return how large the ballast of a volume is that may take so much."""
    return max(1, min(BALLAST_BYTES, limit_bytes // 100))


def make_ballast(folder: Path, size_bytes: int) -> None:
    """Set so many octets aside, all of them or OSError; one that a crash left half made is made whole."""
    fd = os.open(folder / BALLAST, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        if sys.platform == "linux":
            os.posix_fallocate(fd, 0, size_bytes)
        else:
            os.ftruncate(fd, size_bytes)
        os.fsync(fd)
    finally:
        os.close(fd)


def is_whole(folder: Path, size_bytes: int) -> bool:
    """Say whether so much is set aside: a crash or a full disk may have left less, or nothing."""
    try:
        return (folder / BALLAST).stat().st_blocks * 512 >= size_bytes
    except FileNotFoundError:
        return False


def let_go(folder: Path) -> bool:
    """Give the room of the ballast back to the disk, durably; False when there is none."""
    try:
        (folder / BALLAST).unlink()
    except FileNotFoundError:
        return False
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return True

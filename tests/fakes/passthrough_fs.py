"""A file system in user space that hands every operation on to a folder below it: what the fakes of disks stand on.

Needs libfuse (Debian: fuse3, libfuse2) and mfusepy. Served by one thread: an operation that waits holds up the whole disk, as
a disk does.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_STAT = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks")
_STATVFS = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_namemax")


class PassthroughFs:
    """The operations of fuse.h that a recorder, or a loop device, asks for. Paths begin with `/` at the mount point."""

    use_ns = True
    """Times are whole nanoseconds (mfusepy)."""

    def __init__(self, below: Path) -> None:
        self._below = below

    def below(self, path: str) -> str:
        """Return where `path` of the mounted file system really is."""
        return str(self._below / path.lstrip("/"))

    def getattr(self, path: str, fh: int | None = None) -> Mapping[str, int]:
        stat = os.lstat(self.below(path)) if fh is None else os.fstat(fh)
        times = {"st_atime": stat.st_atime_ns, "st_mtime": stat.st_mtime_ns, "st_ctime": stat.st_ctime_ns}
        return {**{name: getattr(stat, name) for name in _STAT}, **times}

    def readdir(self, path: str, _fh: int) -> Iterator[str]:
        yield from (".", "..", *sorted(os.listdir(self.below(path))))  # noqa: PTH208 - names are what libfuse wants

    def statfs(self, path: str) -> Mapping[str, int]:
        stat = os.statvfs(self.below(path))
        return {name: getattr(stat, name) for name in _STATVFS}

    def open(self, path: str, flags: int) -> int:
        return os.open(self.below(path), flags)

    def create(self, path: str, mode: int, flags: int) -> int:
        return os.open(self.below(path), flags | os.O_CREAT, mode)

    def read(self, _path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, _path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(self.below(path) if fh is None else fh, length)

    def fsync(self, _path: str, _datasync: int, _fh: int) -> None:
        """Do nothing: what is below never loses its power, and a test need not wait for it."""

    def fsyncdir(self, _path: str, _datasync: int, _fh: int) -> None:
        """Do nothing, likewise."""

    def release(self, _path: str, fh: int) -> None:
        os.close(fh)

    def rename(self, old: str, new: str) -> None:
        os.rename(self.below(old), self.below(new))  # noqa: PTH104 - both are plain names here

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self.below(path), mode)  # noqa: PTH102 - likewise

    def unlink(self, path: str) -> None:
        os.unlink(self.below(path))  # noqa: PTH108 - likewise

    def rmdir(self, path: str) -> None:
        os.rmdir(self.below(path))  # noqa: PTH106 - likewise

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self.below(path), mode)  # noqa: PTH101 - likewise

    def utimens(self, path: str, times: tuple[int, int]) -> None:
        os.utime(self.below(path), ns=times)


def serve(operations: PassthroughFs, mount_point: Path) -> None:
    """Mount and serve until unmounted. Pages stay cached over an open, as a disk's do."""
    importlib.import_module("mfusepy").FUSE(
        operations, str(mount_point), foreground=True, nothreads=True, kernel_cache=True, big_writes=True
    )

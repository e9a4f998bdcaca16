"""Segment files on a volume: the volume's identity and room, and procedure P that publishes a file whole or not at all.

Never unlinks published footage; the only names it removes are its own `.part`. The numbered steps stand in vms/README.md.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from vms.domain.ids import SegmentId, VolumeId
from vms.errors import Conflict, Unavailable, VmsError
from vms.store.ballast import BALLAST, BALLAST_BYTES, ballast_bytes, make_ballast
from vms.store.failpoints import failpoint
from vms.store.layout import LIVE, PART_SUFFIX, StoredFile, found_parts, found_published, found_strays, segment_file
from vms.store.mounts import refuse_network_share
from vms.store.usage import Usage

__all__ = [
    "BALLAST",
    "BALLAST_BYTES",
    "IDENTITY",
    "PUBLISH_STEPS",
    "DiskFault",
    "DiskFull",
    "DiskReadOnly",
    "OpenPart",
    "StoredFile",
    "Volume",
    "discard_part",
    "fsync_dir",
    "iter_parts",
    "iter_published",
    "iter_strays",
    "settle",
]

IDENTITY = "vms-volume.json"
FORMAT = 1
WATERMARK_BYTES = 1024 * 1024 * 1024
WATERMARK_DIVISOR = 50
"""Low watermark: 1 GiB, on small disks 2 %, never less than the ballast and never more than `max_bytes`."""
PUBLISH_STEPS = ("publish:a", "publish:b", "publish:c", "publish:d")
"""Failpoints after P1, P2, P3 and P4."""
_MEASURE_AGAIN = 64
"""The files are measured again after own growth of this part of the limit: other processes write there too."""
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_MAX_KNOWN_FOLDERS = 4096
_IOV_MAX = 1024
_KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE: reserve, and leave the file's end where it is (fallocate(2))."""


class DiskFault(VmsError):
    """The disk refused an operation. Final for this file, and after a failed sync for the volume: nothing is tried again.

    Linux marks pages clean after a failed write-back, so a second fsync would succeed over lost data.
    """


class DiskFull(DiskFault):
    """The disk has no room; the volume itself is sound."""


class DiskReadOnly(DiskFault):
    """The disk can be read, but takes nothing any more: what Linux makes of a file system that found itself damaged."""


class Volume:
    """A directory that takes footage. Any thread may ask; `OpenPart` keeps its use up to date."""

    def __init__(self, path: Path, volume_id: VolumeId, max_bytes: int | None) -> None:
        """Use `open` or `create`."""
        self.path = path
        self.id = volume_id
        self.max_bytes = max_bytes
        self._device = path.stat().st_dev
        self._usage = Usage(path)
        self._lock = threading.Lock()
        self._measured: int | None = None
        self._free_then = 0
        self._grown = 0
        self._durable_folders: set[Path] = set()

    @classmethod
    def create(cls, path: Path, max_bytes: int | None = None) -> Volume:
        """Make `path` a volume: folder, ballast, and last its identity, so that a creation cut short is done again whole.

        Raises Conflict when it is one already, ConfigError on a network share, DiskFull when not even the ballast fits.
        """
        path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        refuse_network_share(path)
        if (path / IDENTITY).exists():
            raise Conflict(f"{path} is a volume already. Open it, or give an empty directory.")
        with _disk_speaks(path):
            (path / LIVE).mkdir(mode=_FOLDER_MODE, exist_ok=True)
            make_ballast(path, ballast_bytes(max_bytes or _file_system_bytes(path)))
            volume_id = VolumeId(str(uuid.uuid4()))
            _write_whole(path / IDENTITY, json.dumps({"format": FORMAT, "volume": volume_id}).encode() + b"\n")
        return cls(path, volume_id, max_bytes)

    @classmethod
    def open(cls, path: Path, expect: VolumeId | None = None, max_bytes: int | None = None) -> Volume:
        """Open the volume at `path`.

        Raises Unavailable when it has no identity file or another volume's, as when its disk is not mounted; ConfigError on a
        network share.
        """
        volume_id = _read_identity(path)
        if expect is not None and volume_id != expect:
            raise Unavailable(f"{path} holds volume {volume_id}, not {expect}. Mount the right disk there.")
        refuse_network_share(path)
        return cls(path, volume_id, max_bytes)

    def segment_path(self, segment: SegmentId) -> Path:
        """Return the published file's path."""
        return self.path / segment_file(segment)

    def part_path(self, segment: SegmentId) -> Path:
        """Return the path of the file while it is written."""
        published = self.segment_path(segment)
        return published.with_name(published.name + PART_SUFFIX)

    def free_bytes(self) -> int:
        """Return what the file system still gives to this process's user."""
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def used_bytes(self) -> int:
        """Return what the volume's files take, reserved bytes and ballast included: measured, plus own growth since."""
        with self._lock:
            limit = self.max_bytes or _file_system_bytes(self.path)
            if self._measured is None or abs(self._grown) * _MEASURE_AGAIN >= limit:
                self._measure()
            return (self._measured or 0) + self._grown

    @property
    def low_watermark_bytes(self) -> int:
        """Recording stops when less than this is free."""
        total = _file_system_bytes(self.path)
        watermark = max(min(WATERMARK_BYTES, total // WATERMARK_DIVISOR), ballast_bytes(total))
        return watermark if self.max_bytes is None else min(watermark, self.max_bytes)

    @property
    def ballast_bytes(self) -> int:
        """How large the volume's ballast is when it is there."""
        return ballast_bytes(self.max_bytes or _file_system_bytes(self.path))

    def room_left(self) -> int:
        """Return how many octets more can be recorded here; 0 when recording stops already."""
        free = self.free_bytes() - self.low_watermark_bytes
        limit = free if self.max_bytes is None else min(free, self.max_bytes - self.used_bytes())
        return max(0, limit)

    def lack_of_room(self, expected_bytes: int = 0) -> str | None:
        """Return why `expected_bytes` more can't be recorded here, as a sentence; None when they can. DiskFault when it can't be asked."""
        with _disk_speaks(self.path):
            if self.path.stat().st_dev != self._device:
                raise DiskFault(f"{self.path} is not the disk it was: it was unmounted. Mount it and start the recorder again.")
            return self._lack_of_room(expected_bytes)

    def _lack_of_room(self, expected_bytes: int) -> str | None:
        free, watermark = self.free_bytes() - expected_bytes, self.low_watermark_bytes
        if free < watermark:
            return f"{self.path} has {_mb(free)} free and recording stops below {_mb(watermark)}. Free space there or add a volume."
        if self.max_bytes is not None and self.used_bytes() + self._grown_elsewhere() + expected_bytes > self.max_bytes:
            self.measure_again()  # another process may have erased something, or it was not the volume that grew
            used = self.used_bytes()
            if used + expected_bytes > self.max_bytes:
                return f"{self.path} holds {_mb(used)} of at most {_mb(self.max_bytes)} (max_bytes). Raise max_bytes or add a volume."
        return None

    def measure_again(self) -> None:
        """Forget the own count and look at the files."""
        with self._lock:
            self._measure()

    def note_growth(self, size_bytes: int) -> None:
        """Count what was reserved or written, or given back when negative."""
        with self._lock:
            self._grown += size_bytes

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its parents durable up to `live`, each once in this process.

        A folder that is there already may come from a process that was killed before its fsync: it is synced too. `live` is made
        with the volume only: an empty mount point never takes footage.
        """
        if folder == self.path / LIVE or folder in self._durable_folders:
            return
        self.make_folder(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        fsync_dir(folder.parent)
        if len(self._durable_folders) >= _MAX_KNOWN_FOLDERS:
            self._durable_folders.clear()
        self._durable_folders.add(folder)

    def _grown_elsewhere(self) -> int:
        """Return what the disk lost since the last measure and this process did not take: other workers may have, on this volume."""
        with self._lock:
            return max(0, self._free_then - self.free_bytes() - self._grown)

    def _measure(self) -> None:
        self._free_then = self.free_bytes()
        self._measured = self._usage.measure()
        self._grown = 0


class OpenPart:
    """One segment's file from creation to publication. One thread; after any failure only `close` is left to call."""

    def __init__(self, volume: Volume, segment: SegmentId, fd: int, *, written_bytes: int, reserved_bytes: int) -> None:
        """Use `create` or `reopen`."""
        self.segment = segment
        self.written_bytes = written_bytes
        """Where the last whole `writev` ended."""
        self._volume = volume
        self._fd: int | None = fd
        self._path = volume.part_path(segment)
        self._reserved_bytes = reserved_bytes

    @classmethod
    def create(cls, volume: Volume, segment: SegmentId, expected_bytes: int) -> OpenPart:
        """Create the `.part` and reserve `expected_bytes` for it.

        Raises Conflict when this segment has a file already or this process may open no more files, DiskFull or DiskFault when the
        disk refuses; nothing is left then.
        """
        path = volume.part_path(segment)
        with _disk_speaks(path), _process_lacks(path):
            volume.make_folder(path.parent)
            if volume.segment_path(segment).exists():
                raise Conflict(f"Segment {segment} is published already; footage is never written over.")
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
            except FileExistsError as err:
                raise Conflict(f"{path} is there already. Recovery at the recorder's start publishes what it holds.") from err
            try:
                _reserve(fd, expected_bytes)
            except OSError:
                os.close(fd)
                path.unlink()
                raise
        volume.note_growth(expected_bytes)
        failpoint("part:create")
        return cls(volume, segment, fd, written_bytes=0, reserved_bytes=expected_bytes)

    @classmethod
    def reopen(cls, volume: Volume, segment: SegmentId, *, whole_bytes: int) -> OpenPart:
        """Open what a crash left, to publish its first `whole_bytes`: call only `publish` or `close` on it."""
        path = volume.part_path(segment)
        with _disk_speaks(path):
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return cls(volume, segment, fd, written_bytes=whole_bytes, reserved_bytes=whole_bytes)

    def writev(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Append all of `buffers`, or raise DiskFull or DiskFault; then the file ends anywhere and stays a `.part`."""
        with self._acting() as fd:
            self.written_bytes += _write_all(fd, buffers)
        beyond = self.written_bytes - self._reserved_bytes
        if beyond > 0:
            self._volume.note_growth(beyond)
            self._reserved_bytes += beyond

    def data_sync(self) -> None:
        """Make what was written survive a power cut. A failure is final."""
        with self._acting(full_is_fault=True) as fd:
            _fdatasync(fd)

    def publish(self) -> Path:
        """Carry out procedure P and return the published path. When it returns, the file survives a power cut whole."""
        published = self._volume.segment_path(self.segment)
        with self._acting(full_is_fault=True) as fd:
            if published.exists():
                raise Conflict(f"Segment {self.segment} is published already; footage is never written over.")
            # P1: end the file after its last whole record and give back what was reserved beyond.
            os.ftruncate(fd, self.written_bytes)
            failpoint("publish:a")
            # P2: data and size are durable before the name says that they are.
            os.fsync(fd)
            failpoint("publish:b")
            # P3: the file has its final name, whole; a crash from here on leaves an orphan that recovery adopts.
            self._path.rename(published)
            failpoint("publish:c")
            # P4: the name is durable; only now may a row be inserted.
            fsync_dir(published.parent)
            failpoint("publish:d")
        self._volume.note_growth(self.written_bytes - self._reserved_bytes)
        self.close()
        return published

    def close(self) -> None:
        """Let go of the file as it is; again does nothing."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    @contextmanager
    def _acting(self, *, full_is_fault: bool = False) -> Iterator[int]:
        """Hand out the descriptor; whatever the disk refuses ends this handle."""
        if self._fd is None:
            raise DiskFault(f"{self._path} was closed or given up after a disk fault; recovery takes what is whole in it.")
        try:
            with _disk_speaks(self._path, full_is_fault=full_is_fault):
                yield self._fd
        except DiskFault:
            self.close()
            raise


def iter_published(volume: Volume, since_hour: int = 0) -> Iterator[StoredFile]:
    """Yield the published files of hours from `since_hour` (since the epoch) on, by stream and time."""
    return found_published(volume.path, since_hour)


def iter_parts(volume: Volume) -> Iterator[StoredFile]:
    """Yield the files that are not published: open ones, or what a crash left."""
    return found_parts(volume.path)


def iter_strays(volume: Volume) -> Iterator[Path]:
    """Yield what stands among the footage and is no segment file in its place."""
    return found_strays(volume.path)


def discard_part(volume: Volume, segment: SegmentId) -> None:
    """Remove a `.part` that holds no whole picture; published footage has another name and stays."""
    path = volume.part_path(segment)
    with _disk_speaks(path):
        path.unlink(missing_ok=True)
        fsync_dir(path.parent)


def settle(path: Path) -> None:
    """Bring a file that a crash left, and its name, to the disk, and have it read from there. DiskFault when the disk refuses.

    After a write-back that failed Linux goes on serving the lost pages from memory, clean: a salvage would take them for footage.
    """
    with _disk_speaks(path):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(fd)
            if sys.platform == "linux":
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
        fsync_dir(path.parent)


def fsync_dir(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _process_lacks(path: Path) -> Iterator[None]:
    """Turn what this process lacks into a Conflict about `path`: the disk is well, and goes on when there is more again."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise Conflict(f"{path}: {err.strerror}. Raise the recorder's limit of open files (LimitNOFILE), or give it memory.") from err
        raise


@contextmanager
def _disk_speaks(path: Path, *, full_is_fault: bool = False) -> Iterator[None]:
    """Turn what the operating system says into a DiskFault or DiskFull about `path`."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT) and not full_is_fault:
            raise DiskFull(f"{path}: no room on the disk. Free space there or add a volume.") from err
        fault = DiskReadOnly if err.errno == errno.EROFS else DiskFault
        raise fault(f"{path}: {err.strerror}. Look at the disk; recording goes on there after the recorder is started again.") from err


def _write_all(fd: int, buffers: Sequence[bytes | memoryview]) -> int:
    """Write every octet of `buffers` and return how many."""
    waiting = [memoryview(buffer) for buffer in buffers if len(buffer)]
    total = 0
    while waiting:
        written = os.writev(fd, waiting[:_IOV_MAX])
        total += written
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = waiting[0][written:]
    return total


def _reserve(fd: int, size_bytes: int) -> None:
    """Reserve blocks beyond the file's end, where the system can: one extent per file, and a full disk says so at once."""
    if size_bytes <= 0 or (allocate := _fallocate()) is None:
        return
    if allocate(fd, _KEEP_SIZE, 0, size_bytes) != 0:
        code = ctypes.get_errno()
        if code not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise OSError(code, os.strerror(code))


@cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    """Return fallocate(2), which Python has not; os.posix_fallocate would move the file's end."""
    if sys.platform != "linux":
        return None
    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64, use_errno=True)
    return signature(("fallocate", ctypes.CDLL(None, use_errno=True)))


def _fdatasync(fd: int) -> None:
    if sys.platform == "darwin":
        os.fsync(fd)
    else:
        os.fdatasync(fd)


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.tmp")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    fsync_dir(path.parent)


def _read_identity(path: Path) -> VolumeId:
    try:
        identity = json.loads((path / IDENTITY).read_bytes())
        if identity["format"] != FORMAT:
            raise Unavailable(f"{path} is a volume of format {identity['format']}; this program knows format {FORMAT}.")
        return VolumeId(str(uuid.UUID(identity["volume"])))
    except FileNotFoundError as err:
        raise Unavailable(f"{path} is no volume: {IDENTITY} is missing. Mount its disk there, or make one with: vms init") from err
    except OSError as err:
        raise Unavailable(f"{path / IDENTITY} can't be read: {err.strerror}. Look at the disk.") from err
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise Unavailable(f"{path / IDENTITY} can't be read. Put it back from a backup of the volume's identity.") from err


def _file_system_bytes(path: Path) -> int:
    stat = os.statvfs(path)
    return stat.f_blocks * stat.f_frsize


def _mb(size_bytes: int) -> str:
    return f"{max(0, size_bytes) / 1e6:.0f} MB"

"""A disk that fails as it is told: a folder mounted once more, with faults that a test sets and takes back while it is in use.

    python -m tests.fakes.fault_fs BELOW MOUNT_POINT FAULTS

FAULTS is a JSON file, a list of faults in the words of `Fault`; it is looked at before every operation.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from recorder.process import die_with_the_parent
from tests.fakes.passthrough_fs import PassthroughFs, serve

LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one kind of operation, on every path below `folder`."""

    operation: str
    """Named as the methods below."""
    error: str = ""
    """The name of an errno; empty: the operation is carried out, but late."""
    folder: str = ""
    bytes_per_second: int = 0
    """The operation takes as long as its octets do at this rate."""
    hangs: bool = False
    """The operation waits until the fault is taken back."""
    loses: bool = False
    """A failed sync: what was written since the last one is zeros on the disk, and still there in the page cache."""


def set_faults(control: Path, faults: Sequence[Fault]) -> None:
    """Put `faults` in force, in place of those before."""
    written = control.with_suffix(".tmp")
    written.write_text(json.dumps([asdict(fault) for fault in faults]), encoding="utf-8")
    written.rename(control)


class FaultFs(PassthroughFs):
    def __init__(self, below: Path, control: Path) -> None:
        super().__init__(below)
        self._control = control
        self._looked_at = (0, 0)
        self._faults: list[Fault] = []
        self._unsynced: dict[int, list[tuple[int, int]]] = {}

    def statfs(self, path: str) -> Mapping[str, int]:
        self._meet("statfs", path)
        return super().statfs(path)

    def readdir(self, path: str, fh: int) -> Iterator[str]:
        self._meet("readdir", path)
        return super().readdir(path, fh)

    def open(self, path: str, flags: int) -> int:
        self._meet("open", path)
        return super().open(path, flags)

    def create(self, path: str, mode: int, flags: int) -> int:
        self._meet("create", path)
        return super().create(path, mode, flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._meet("read", path, size)
        return super().read(path, size, offset, fh)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._meet("write", path, len(data))
        self._unsynced.setdefault(fh, []).append((offset, len(data)))
        return super().write(path, data, offset, fh)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        if (fault := self._fault("fsync", path)) is not None and fault.loses:
            for offset, length in self._unsynced.pop(fh, ()):
                os.pwrite(fh, bytes(length), offset)
        self._meet("fsync", path)
        self._unsynced.pop(fh, None)
        super().fsync(path, datasync, fh)

    def fsyncdir(self, path: str, datasync: int, fh: int) -> None:
        self._meet("fsyncdir", path)
        super().fsyncdir(path, datasync, fh)

    def release(self, path: str, fh: int) -> None:
        self._unsynced.pop(fh, None)
        super().release(path, fh)

    def rename(self, old: str, new: str) -> None:
        self._meet("rename", old)
        super().rename(old, new)

    def mkdir(self, path: str, mode: int) -> None:
        self._meet("mkdir", path)
        super().mkdir(path, mode)

    def _meet(self, operation: str, path: str, octets: int = 0) -> None:
        """Let the fault in force for this operation, if there is one, happen."""
        fault = self._fault(operation, path)
        if fault is None:
            return
        while fault.hangs and self._fault(operation, path) == fault:
            time.sleep(LOOK_AGAIN_SECONDS)
        if fault.bytes_per_second:
            time.sleep(octets / fault.bytes_per_second)
        if fault.error:
            number: int = getattr(errno, fault.error)
            raise OSError(number, os.strerror(number), path)

    def _fault(self, operation: str, path: str) -> Fault | None:
        self._look()
        return next((fault for fault in self._faults if fault.operation == operation and f"{path}/".startswith(f"{fault.folder}/")), None)

    def _look(self) -> None:
        stat = self._control.stat()
        if (stat.st_ino, stat.st_mtime_ns) != self._looked_at:
            self._looked_at = stat.st_ino, stat.st_mtime_ns
            self._faults = [Fault(**told) for told in json.loads(self._control.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    die_with_the_parent()
    serve(FaultFs(Path(sys.argv[1]), Path(sys.argv[3])), Path(sys.argv[2]))

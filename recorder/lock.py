"""One recorder per data directory: a file lock that its workers hold with it, so that a new one waits for the old one's last worker.

The file's time stamp says when its recorder last lived: what `kill -9` leaves is all that the next one can know of the moment.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vms.errors import Conflict

WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05


class NodeLock:
    """A context manager; `fd` is inherited by the workers, which keeps the lock until the last of them is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fd = -1
        self.last_lived_ms = 0
        """When the recorder before this one last lived, as its file says."""

    def __enter__(self) -> Self:
        """Wait for the lock, up to ten seconds; Conflict when another recorder keeps it."""
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(int(WAIT_SECONDS / _POLL_SECONDS)):
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_POLL_SECONDS)
            else:
                self.last_lived_ms = os.fstat(self.fd).st_mtime_ns // 1_000_000
                return self
        os.close(self.fd)
        raise Conflict(f"Another recorder works on {self._path.parent.parent}. Stop it first, or use another data directory.")

    def live(self) -> None:
        """Say that the recorder lives now. A disk that doesn't take the time stamp keeps nobody from recording."""
        with suppress(OSError):
            os.utime(self.fd)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self.fd)

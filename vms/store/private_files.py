"""Files written whole or not at all, that only their owner reads, or everybody."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vms.store.files import fsync_dir

_OWNER_ONLY, _EVERYBODY = 0o600, 0o644


def write_private(path: Path, content: bytes, *, written: Callable[[], None] = lambda: None) -> None:
    """Write a file whole or not at all; when this returns it is durable. `written` is told before the file takes its name."""
    _write(path, content, _OWNER_ONLY, written)


def write_public(path: Path, content: bytes) -> None:
    """Write a file in the same way that everybody may read, whatever the process's umask: a web server publishes it."""
    _write(path, content, _EVERYBODY, lambda: None)


def _write(path: Path, content: bytes, mode: int, written: Callable[[], None]) -> None:
    part = path.with_name(f"{path.name}.tmp")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWNER_ONLY), "wb") as file:
            os.fchmod(file.fileno(), mode)  # a part left by somebody else may have had another mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written()
        part.rename(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)

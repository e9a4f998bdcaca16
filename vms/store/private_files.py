"""Files that only their owner reads, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vms.store.files import fsync_dir

_OWNER_ONLY = 0o600


def write_private(path: Path, content: bytes, *, written: Callable[[], None] = lambda: None) -> None:
    """Write a file whole or not at all; when this returns it is durable. `written` is told before the file takes its name."""
    part = path.with_name(f"{path.name}.tmp")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWNER_ONLY), "wb") as file:
            os.fchmod(file.fileno(), _OWNER_ONLY)  # a part left by somebody else may have had another mode
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

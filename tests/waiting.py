"""Wait for a thing to become true, with a deadline: what tests use instead of sleeping for a while and hoping."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

from vms.store.database import Engines

Found = TypeVar("Found")

PAUSE_SECONDS = 0.02


def wait_until(true: Callable[[], Found | None], *, seconds: float = 40.0) -> Found:
    """Return the first true answer of `true`; AssertionError when none comes in time."""
    until = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > until:
            raise AssertionError(f"did not come true within {seconds:g} s: {getattr(true, '__qualname__', true)}")
        time.sleep(PAUSE_SECONDS)
    return found


def is_listening(path: Path) -> bool:
    """Say whether somebody takes connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def is_somebody_locked_out(engines: Engines) -> bool:
    """Say whether a transaction on PostgreSQL waits for another to end."""
    with engines.reading() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

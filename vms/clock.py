"""The one place that reads the machine's clocks; everything else is handed a `Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; tests hand in one that they drive."""

    def now(self) -> datetime:
        """Return the server's wall clock: aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step and go on counting while the machine sleeps."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_BOOTTIME)


def boot_id() -> str:
    """Return which start of the machine `monotonic` counts from: random on Linux, elsewhere the moment of it to a minute."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"{(time.time() - time.clock_gettime(_BOOTTIME)) / 60:.0f}"


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# CLOCK_BOOTTIME counts a suspended machine's sleep, CLOCK_MONOTONIC does not; macOS has only the latter.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

"""The one place that reads the machine's clocks; everything else is handed a `Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
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


# CLOCK_BOOTTIME counts a suspended machine's sleep, CLOCK_MONOTONIC does not; macOS has only the latter.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

"""How much room footage needs, and when disks are full. Octets, days; a megabit is 10⁶ bits, as cameras count."""

from __future__ import annotations

import math
from dataclasses import dataclass

SECONDS_A_DAY = 86_400
LATE_DAYS = 1.5 / 24
"""Footage goes up to so much after its window: an hour until the next pass, and the pass."""


def bytes_a_day(cameras: int, mbit: float) -> float:
    """Return what so many cameras of so many Mbit/s each send in a day."""
    return cameras * mbit * 1e6 / 8 * SECONDS_A_DAY


def bytes_needed(a_day: float, days: float) -> float:
    """Return what footage takes that is kept for `days`."""
    return a_day * (days + LATE_DAYS)


def disks_needed(needed: float, disk_bytes: float, kept_free: float) -> int:
    """Return how many disks hold `needed`, when the share `kept_free` of each stays free."""
    return max(1, math.ceil(needed / (disk_bytes * (1 - kept_free))))


@dataclass(frozen=True, slots=True)
class Room:
    """What this machine's volumes hold and take up."""

    a_day: float
    """Octets that are recorded in a day, by what was in the time before."""
    measured_days: float
    """How long that was measured."""
    total: int
    """Octets that footage may take on all volumes."""
    used: int
    days: float
    """The longest window."""
    oldest_days: float
    """How old the oldest footage is."""

    @property
    def needed(self) -> float:
        return bytes_needed(self.a_day, self.days)

    @property
    def full_in_days(self) -> float | None:
        """Return in how many days the volumes are full; None when footage goes before that."""
        if self.a_day <= 0:
            return None
        until_full = max(0, self.total - self.used) / self.a_day
        until_first_goes = max(0.0, self.days + LATE_DAYS - self.oldest_days)
        return until_full if until_full < until_first_goes else None

    @property
    def enough(self) -> bool:
        return self.needed <= self.total

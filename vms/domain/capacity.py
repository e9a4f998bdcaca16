"""How much room footage needs, and when disks are full. Octets, days; a megabit is 10⁶ bits, as cameras count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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


class Watermark(StrEnum):
    """How near the volumes of a machine are to being full, all together."""

    ROOM = "room"
    WARN = "warn"
    LOW = "low"
    CRITICAL = "critical"


WARN_HOURS = 48.0
LOW_HOURS = 12.0
CRITICAL_HOURS = 1.0
OVER = 1.25
"""A watermark is over when there is so much more room than it was crossed at: footage comes and goes in pieces."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What room the volumes have left, and what is measured to come and to go. Octets; rates are octets a second."""

    room: int
    written: float
    """By all streams that are to be recorded, each as in the last hour of its own that was recorded: whether it is recorded now or not."""
    growth: float
    """What was written beyond what was erased, in the day before."""
    gone: Sequence[float] = ()
    """What goes by its day until the end of each of the hours to come, the first of them 0 hours long; empty: none may be counted on."""

    @property
    def hours(self) -> float:
        """Return how long the room lasts if nothing is erased; without end when nothing is to be recorded."""
        return self.room / self.written / 3600 if self.written > 0 else math.inf

    @property
    def full_in_hours(self) -> float:
        """Return in how many hours the volumes are full: without end when as much goes as comes.

        Going on as in the day before; or later, where enough falls due in time: before its first footage is old enough to go, and for a
        day after that, a machine that has room for all its windows writes more than it erases.
        """
        by_the_day_before = self.room / self.growth / 3600 if self.growth > 0 else math.inf
        return max(by_the_day_before, self._full_by_what_falls_due())

    def _full_by_what_falls_due(self) -> float:
        rate, full = max(self.written, self.growth), math.inf
        if rate <= 0:
            return full
        for hour, gone in enumerate(self.gone or (0.0,)):
            full = (self.room + gone) / rate / 3600
            if full < hour + 1:
                break
        return full

    def watermark(self, before: Watermark = Watermark.ROOM) -> Watermark:
        """Return which is crossed; `before` stays until there is `OVER` times the room.

        Early ones by what comes and goes, so that volumes on which every day makes room for the next are not told to be full. The last one
        by what comes alone: the room of an hour is lost by one pass of retention that is late.
        """
        bounds = (
            (Watermark.CRITICAL, self.hours, CRITICAL_HOURS),
            (Watermark.LOW, self.full_in_hours, LOW_HOURS),
            (Watermark.WARN, self.full_in_hours, WARN_HOURS),
        )
        severity = list(Watermark)
        for mark, hours, bound in bounds:
            stays = severity.index(before) >= severity.index(mark)
            if hours < (bound * OVER if stays else bound):
                return mark
        return Watermark.ROOM

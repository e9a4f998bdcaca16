"""Half-open spans of time and the media clock: 90 kHz ticks since 1970-01-01 UTC, as fMP4 and RTP video count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TICKS_PER_SECOND = 90_000
TICKS_PER_MS = TICKS_PER_SECOND // 1000
MS_PER_HOUR = 3_600_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def ticks_of(at: datetime) -> int:
    """Return `at` (aware) in 90 kHz ticks since the epoch, rounded down."""
    return (at - EPOCH) // _MICROSECOND * 9 // 100


def datetime_of(ticks: int) -> datetime:
    """Return the UTC moment of `ticks`, to the microsecond."""
    return EPOCH + timedelta(microseconds=ticks * 100 // 9)


def ms_of(at: datetime) -> int:
    """Return `at` (aware) in whole milliseconds since the epoch, rounded down."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def datetime_of_ms(ms: int) -> datetime:
    """Return the UTC moment `ms` milliseconds after the epoch."""
    return EPOCH + timedelta(milliseconds=ms)


def local_time(at: datetime, zone: str) -> str:
    """Return `at` as the clocks of a time zone showed it, with its offset: "2026-11-01 01:30:00 -0700 America/Los_Angeles"."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %z} {zone}"


@dataclass(frozen=True, slots=True, order=True)
class Timespan:
    """The moments from `start` up to, not including, `end`; both aware. An empty or reversed span is refused."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a Timespan needs moments with a UTC offset")
        if self.end <= self.start:
            raise ValueError(f"a Timespan ends after it starts: {self.start.isoformat()} to {self.end.isoformat()}")

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Timespan) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def intersection(self, other: Timespan) -> Timespan | None:
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Timespan(start, end) if start < end else None


def day_of(day: date, zone: str) -> Timespan:
    """Return the 23, 24 or 25 hours of a calendar day in `zone`, in UTC; OverflowError for the last day that a date can be."""
    there = ZoneInfo(zone)
    begins = [datetime.combine(one, time(), there).astimezone(UTC) for one in (day, day + timedelta(days=1))]
    return Timespan(*begins)


def union(spans: Iterable[Timespan]) -> list[Timespan]:
    """Return `spans` sorted, with those that touch or overlap joined."""
    joined: list[Timespan] = []
    for span in sorted(spans):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Timespan(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined

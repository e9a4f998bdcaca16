"""Recording hours: when of each weekday, and of single days such as holidays, a camera in the mode `weekly` is recorded, in local time.

They are said in lines, which is how people write them, how the databases keep them and how nodes are told:

    Mon-Fri 09:00-21:00
    Sat 10:00-13:00, 14:00-17:00
    Sun closed
    2026-12-25 closed
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from vms.domain.timespan import Timespan, union

MAX_HOURS_CHARS = 4000
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CLOSED = "closed"
Spans = tuple[tuple[int, int], ...]
"""Of one day, in minutes since its midnight and in order; the last may end on the day after."""
_DAY = 24 * 60
_WHOLE: Spans = ((0, _DAY),)
_ONE_DAY = timedelta(days=1)
_ANY_MONDAY = date(1, 1, 8)
"""Of a week that no line can name, so that only what is said of weekdays counts in it and around it."""
_YEARS = range(2000, 3000)
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIMES = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
_EXAMPLE = "Write a day and its times, such as Mon-Fri 09:00-21:00, or 2026-12-25 closed."


@dataclass(frozen=True, slots=True)
class RecordingHours:
    """What is said of days. Of which nothing is said, is recorded whole."""

    week: tuple[Spans | None, ...] = (None,) * 7
    """Monday first."""
    dates: tuple[tuple[date, Spans], ...] = ()
    """In order. Each takes the place of its weekday."""

    def under(self, own: RecordingHours) -> RecordingHours:
        """Return what counts at a place that says `own`, below one where this counts: each day as the nearest place says it."""
        week = tuple(above if spans is None else spans for above, spans in zip(self.week, own.week, strict=True))
        return RecordingHours(week, tuple(sorted((dict(self.dates) | dict(own.dates)).items())))

    def within(self, window: Timespan, timezone: str) -> list[Timespan]:
        """Return what of `window` is recorded, in order."""
        zone = ZoneInfo(timezone)
        day, last = window.start.astimezone(zone).date() - _ONE_DAY, window.end.astimezone(zone).date()
        found: list[Timespan] = []
        while day <= last:
            found += (part for span in self._on(day) if (part := _moments(day, span, zone).intersection(window)) is not None)
            day += _ONE_DAY
        return union(found)

    def lacks(self, other: RecordingHours) -> bool:
        """Say whether there is a minute that is recorded by `other`, and not by this."""
        named = {day for day, _ in (*self.dates, *other.dates)}
        days = {_ANY_MONDAY + number * _ONE_DAY for number in range(7)} | named | {day + _ONE_DAY for day in named}
        return any(other._minutes(day) & ~self._minutes(day) for day in days)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """The weekdays of which nothing is said."""
        return tuple(name for name, spans in zip(WEEKDAYS, self.week, strict=True) if spans is None)

    @property
    def lines(self) -> list[str]:
        """How it is said: weekdays, those that are alike together, then dates."""
        found, first = [], 0
        for number in range(1, 8):
            if number < 7 and self.week[number] == self.week[first]:
                continue
            if (spans := self.week[first]) is not None:
                days = WEEKDAYS[first] if number == first + 1 else f"{WEEKDAYS[first]}-{WEEKDAYS[number - 1]}"
                found.append(f"{days} {_spelled(spans)}")
            first = number
        return found + [f"{day.isoformat()} {_spelled(spans)}" for day, spans in self.dates]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _on(self, day: date) -> Spans:
        said = dict(self.dates).get(day, self.week[day.weekday()])
        return _WHOLE if said is None else said

    def _minutes(self, day: date) -> int:
        """Return the minutes of a day that are recorded, as bits; the night before may reach into it."""
        own = sum(((1 << end - start) - 1) << start for start, end in self._on(day))
        before = sum((((1 << end - start) - 1) << start) >> _DAY for start, end in self._on(day - _ONE_DAY))
        return (own | before) & ((1 << _DAY) - 1)


ALL_HOURS = RecordingHours()
"""Nothing is said."""


@dataclass(frozen=True, slots=True)
class LocalHours:
    """Hours with the clock that they are read from."""

    hours: RecordingHours
    timezone: str
    """IANA name: the branch's."""

    def include(self, at: datetime) -> bool:
        """Say whether `at` is recorded."""
        return bool(self.within(Timespan(at, at + timedelta(microseconds=1))))

    def within(self, window: Timespan) -> list[Timespan]:
        return self.hours.within(window, self.timezone)


def hours_of(text: str) -> RecordingHours:
    """Read lines, or the same with semicolons between; ValueError says what is wrong with which."""
    if len(text) > MAX_HOURS_CHARS:
        raise ValueError(f"Hours have up to {MAX_HOURS_CHARS:,} characters. Leave out days that are past.")
    week: list[Spans | None] = [None] * 7
    dates: dict[date, Spans] = {}
    for line in filter(None, map(str.strip, re.split(r"[\n;]", text))):
        named, _, times = line.partition(" ")
        spans = _spans(line, times.strip())
        for day in _days(line, named):
            if (dates.get(day) if isinstance(day, date) else week[day]) is not None:
                raise ValueError(
                    f"‘{line}’ says a day again that is said before. Say all of a day in one line: Mon 09:00-12:00, 13:00-17:00"
                )
            if isinstance(day, date):
                dates[day] = spans
            else:
                week[day] = spans
    _refuse_nights_into_the_next_day(week)
    return RecordingHours(tuple(week), tuple(sorted(dates.items())))


def _days(line: str, named: str) -> list[int] | list[date]:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", named, re.ASCII):
        try:
            day = date.fromisoformat(named)
        except ValueError as err:
            raise ValueError(f"‘{line}’: there is no {named}. {_EXAMPLE}") from err
        if day.year not in _YEARS:
            raise ValueError(f"‘{line}’: {named} is no day to plan for. {_EXAMPLE}")
        return [day]
    found: list[int] = []
    for part in named.split(","):
        first, to, last = part.partition("-")
        begin, end = _weekday(line, first), _weekday(line, last if to else first)
        found += (number % 7 for number in range(begin, end + (7 if end < begin else 0) + 1))
    return found


def _weekday(line: str, name: str) -> int:
    plain = name.casefold()
    found = [number for number, full in enumerate(_NAMES) if len(plain) >= 3 and full.startswith(plain)]
    if not found:
        raise ValueError(f"‘{line}’: ‘{name}’ is no day. {_EXAMPLE}")
    return found[0]


def _spans(line: str, times: str) -> Spans:
    if times.casefold() == CLOSED:
        return ()
    found = sorted(_span(line, one.strip()) for one in times.split(","))
    if any(second[0] < first[1] for first, second in pairwise(found)):
        raise ValueError(f"‘{line}’: two of these times overlap. Make one of them.")
    return tuple(found)


def _span(line: str, text: str) -> tuple[int, int]:
    """Return one span; one that ends where it begins, or before, ends on the day after."""
    found = _TIMES.fullmatch(text)
    if found is None:
        raise ValueError(f"‘{line}’: ‘{text}’ is no time from and to. {_EXAMPLE}")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start >= _DAY or end > _DAY or start == end:
        raise ValueError(f"‘{line}’: ‘{text}’ is no time from and to. The whole day is 00:00-24:00.")
    return start, end if end > start else end + _DAY


def _refuse_nights_into_the_next_day(week: list[Spans | None]) -> None:
    for number, spans in enumerate(week):
        after = week[(number + 1) % 7]
        if spans and after and spans[-1][1] - _DAY > after[0][0]:
            raise ValueError(
                f"The night of {WEEKDAYS[number]} lasts until {_clock(spans[-1][1] - _DAY)} and {WEEKDAYS[(number + 1) % 7]} begins at "
                f"{_clock(after[0][0])}: two of these times overlap. Let one end where the other begins."
            )


def _moments(day: date, span: tuple[int, int], zone: ZoneInfo) -> Timespan:
    """Return a span of a day. What clocks show twice in the night in which they are set, or not at all, is taken for the longer."""
    start, end = (datetime(day.year, day.month, day.day) + timedelta(minutes=minutes) for minutes in span)  # noqa: DTZ001 - a reading
    return Timespan(min(_both(start, zone)), max(_both(end, zone)))


def _both(reading: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, second = (reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first, second


def _spelled(spans: Spans) -> str:
    return ", ".join(f"{_clock(start)}-{_clock(end if end <= _DAY else end - _DAY)}" for start, end in spans) or CLOSED


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"

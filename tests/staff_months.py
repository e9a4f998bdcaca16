"""Months of a library district's staff, as its access log would hold them: thirty people at work, and five who watch what they shouldn't.

Drawn from a seed. What is normal here: desks in shifts with a live wall, incidents at busy hours and at a few busy cameras, looked at
over neighbouring cameras and sometimes again on later days, a curious day, checks after a repair, late evenings, a guard at night, and
Directors who prepare requests. The five do their own work as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.ids import CameraId
from vms.domain.review import Finding, find
from vms.domain.timespan import Timespan
from vms.domain.watching import Watching

ZONE = "America/Los_Angeles"
_LOCAL = ZoneInfo(ZONE)
FIRST_DAY = date(2026, 3, 2)
DAYS = 30
STAFF = 30
"""Normal ones; the abusers come on top."""
ABUSERS = 5
DIRECTORS = 2
CAMERAS = tuple(CameraId(number) for number in range(1, 25))
BUSY = CAMERAS[:4]
BUSY_SHARE = 0.5
"""Of incidents, at one of `BUSY`."""
INCIDENTS_A_DAY = (0.1, 0.3, 0.4, 0.5, 0.6, 0.8)
"""By person: from one in two weeks to four a week that they look into."""
SHIFTS = ((8, 16), (9, 17), (12, 21))
NIGHT_SHIFT = (20, 28)
_SEGMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    role: str
    rest_days: frozenset[int]
    """Weekdays."""
    incidents_a_day: float
    guard: bool = False

    @property
    def label(self) -> str:
        return f"person:{self.number}"


@dataclass(slots=True)
class Day:
    """One working day of one person: what is drawn goes into `events`."""

    draw: random.Random
    person: Person
    date: date
    start: int
    """Hour of the day."""
    end: int
    """Up to 28: past midnight."""
    events: list[AccessEvent] = field(default_factory=list)

    def at(self, hour: float) -> datetime:
        return datetime.combine(self.date, time(), _LOCAL) + timedelta(hours=hour)

    def some_hour(self) -> float:
        return self.draw.uniform(self.start, self.end)

    def add(self, at: datetime, action: Action, **parts: object) -> None:
        known: dict[str, object] = {"camera_id": None, "purpose": None, "span": None, "detail": {}} | parts
        person = self.person
        self.events.append(
            AccessEvent(0, "district", at, person.label, f"staff {person.number}", person.role, action, view_id=None, **known)  # type: ignore[arg-type]
        )

    def watch_live(self) -> None:
        for hour in range(self.start, self.end):
            self.add(self.at(hour + 0.1), Action.VIEW_EXTEND, camera_id=self.draw.choice(CAMERAS), purpose=Purpose.LIVE)

    def look(self, hour: float, camera: CameraId, footage: datetime, minutes: float, purpose: Purpose = Purpose.INCIDENT) -> None:
        """Look at some minutes of footage, as the player does: a view of three hours, then segment by segment."""
        at = self.at(hour)
        around = Timespan(footage - timedelta(hours=1), footage + timedelta(hours=2))
        self.add(at, Action.VIEW_OPEN, camera_id=camera, purpose=purpose, span=around)
        for minute in range(max(1, round(minutes))):
            start = footage + minute * _SEGMENT
            span = Timespan(start, start + _SEGMENT)
            self.add(at + minute * _SEGMENT, Action.FOOTAGE_READ, camera_id=camera, purpose=purpose, span=span, detail={"segment": "5"})

    def refuse(self, hour: float) -> None:
        self.add(self.at(hour), Action.ACCESS_REFUSE, detail={"what": "view:open", "why": "not_allowed"})


@dataclass(frozen=True, slots=True)
class Incident:
    cameras: tuple[CameraId, ...]
    at: datetime
    minutes: float


Habit = Callable[[Day], None]


@dataclass(frozen=True, slots=True)
class Abuser:
    person: Person
    kind: str
    habit: Habit
    since: date


@dataclass(frozen=True, slots=True)
class Month:
    days: tuple[tuple[date, tuple[AccessEvent, ...]], ...]
    abusers: tuple[Abuser, ...]


def a_month(seed: int, *, incidents_a_day: Sequence[float] = INCIDENTS_A_DAY) -> Month:
    """Return a month of `STAFF` people and of `ABUSERS`, who begin on some day of it."""
    draw = random.Random(seed)
    people = [_person(draw, number, incidents_a_day) for number in range(STAFF + ABUSERS)]
    planted = tuple(_planted(draw, people[STAFF:]))
    open_cases: dict[int, list[tuple[date, Incident]]] = {person.number: [] for person in people}
    days = []
    for offset in range(DAYS):
        day = FIRST_DAY + timedelta(days=offset)
        events = [event for person in people for event in _work(draw, person, day, open_cases[person.number], planted)]
        days.append((day, tuple(sorted(events, key=lambda event: event.at))))
    return Month(tuple(days), planted)


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, on the day on which it was first there."""

    day: date
    finding: Finding


def told(month: Month) -> list[Told]:
    """Run the rules at the end of every day, as the hub does every hour; each finding once."""
    watching, found, known = Watching(ZONE), [], set()
    for day, events in month.days:
        for event in events:
            watching.take(event)
        for finding in find(watching, day):
            if finding.key not in known:
                known.add(finding.key)
                found.append(Told(day, finding))
        watching.forget(day)
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """What the rules made of one month."""

    flagged: dict[str, int | None]
    """Kind of abuse: days from its first act to the first finding about that person; None for never."""
    false_alarms: tuple[Told, ...]


def score(month: Month) -> Score:
    found = told(month)
    bad = {abuser.person.label for abuser in month.abusers}
    flagged = {}
    for abuser in month.abusers:
        days = [(one.day - abuser.since).days for one in found if one.finding.actor == abuser.person.label and one.day >= abuser.since]
        flagged[abuser.kind] = min(days, default=None)
    return Score(flagged, tuple(one for one in found if one.finding.actor not in bad))


def _person(draw: random.Random, number: int, incidents_a_day: Sequence[float]) -> Person:
    first = draw.randrange(7)
    rest = frozenset({first, (first + 1) % 7})
    role = "director" if number < DIRECTORS else "desk"
    return Person(number, role, rest, draw.choice(incidents_a_day), guard=number == STAFF - 1)


def _planted(draw: random.Random, people: list[Person]) -> Iterator[Abuser]:
    camera, patrons_way = draw.choice(CAMERAS), tuple(draw.sample(CAMERAS, 3))
    habits: dict[str, Habit] = {
        "same camera daily": lambda day: _same_camera(day, camera),
        "after hours": _after_hours,
        "one person at the same hour": lambda day: _follow(day, patrons_way, 15.5),
        "one person at any hour": lambda day: _follow(day, patrons_way[::-1], day.draw.uniform(9, 19)),
        "maintenance as a pretext": lambda day: _pretext(day, patrons_way),
    }
    for person, (kind, habit) in zip(people, habits.items(), strict=True):
        day = FIRST_DAY + timedelta(days=draw.randrange(DAYS - 9))
        while day.weekday() in person.rest_days:
            day += timedelta(days=1)
        yield Abuser(person, kind, habit, day)


def _work(
    draw: random.Random, person: Person, date_: date, cases: list[tuple[date, Incident]], planted: tuple[Abuser, ...]
) -> list[AccessEvent]:
    """Draw one person's day."""
    if date_.weekday() in person.rest_days:
        return []
    week = date_.toordinal() // 7
    start, end = NIGHT_SHIFT if person.guard else SHIFTS[(person.number + week) % len(SHIFTS)]
    day = Day(draw, person, date_, start, end)
    if person.role == "desk":
        day.watch_live()
    _incidents(day, cases)
    _oddities(day)
    if person.role == "director":
        _requests(day, cases)
    for abuser in planted:
        if abuser.person == person and date_ >= abuser.since:
            abuser.habit(day)
    return day.events


def _incidents(day: Day, cases: list[tuple[date, Incident]]) -> None:
    draw = day.draw
    for due, incident in list(cases):
        if due <= day.date:
            cases.remove((due, incident))
            _look_into(day, incident)
    for _ in range(_poisson(draw, day.person.incidents_a_day)):
        hour = day.some_hour()
        before = draw.choice((draw.uniform(0.1, 3), draw.uniform(0.1, 3), draw.uniform(12, 60)))
        happened = _at_a_busy_hour(draw, day.at(hour) - timedelta(hours=before))
        incident = Incident(_neighbours(draw), min(happened, day.at(hour) - timedelta(minutes=30)), draw.uniform(2, 12))
        _look_into(day, incident, hour)
        cases.extend((day.date + timedelta(days=again), incident) for again in (1, 2, 3) if draw.random() < 0.15)


def _look_into(day: Day, incident: Incident, hour: float | None = None) -> None:
    at = day.some_hour() if hour is None else hour
    for number, camera in enumerate(incident.cameras):
        day.look(at + 0.2 * number, camera, incident.at + number * timedelta(minutes=2), incident.minutes)


def _oddities(day: Day) -> None:
    """Draw what happens to everybody now and then."""
    draw = day.draw
    if draw.random() < 1 / 20:  # curious: a bird in the reading room, a film team in the street
        for camera in draw.sample(CAMERAS, draw.randint(2, 6)):
            day.look(day.some_hour(), camera, day.at(day.start) - timedelta(hours=draw.uniform(0, 40)), 4)
    if draw.random() < 1 / 40:  # a camera was mended, or all of them
        for camera in draw.sample(CAMERAS, draw.choice((1, 1, 2, 12))):
            day.look(day.some_hour(), camera, day.at(day.start), 2, Purpose.MAINTENANCE)
    if draw.random() < 1 / 20:  # something happened at closing time
        _look_into(day, Incident(_neighbours(draw), day.at(day.end - 0.5), 8), day.end + draw.uniform(0.2, 2.5))
    if draw.random() < 1 / 10:  # too far back, or a bookmark of another role
        for _ in range(draw.choice((1, 1, 2, 4))):
            day.refuse(day.some_hour())


def _requests(day: Day, cases: list[tuple[date, Incident]]) -> None:
    """A Director prepares what police or a lawyer asked for, over some days, and sometimes at night."""
    draw = day.draw
    if draw.random() < 0.3:
        cameras, footage = _neighbours(draw), _at_a_busy_hour(draw, day.at(12) - timedelta(days=draw.uniform(1, 12)))
        for camera in cameras:
            day.look(day.some_hour(), camera, footage, draw.uniform(10, 40), Purpose.REQUEST)
        cases.append((day.date + timedelta(days=draw.randint(1, 4)), Incident(cameras, footage, 15)))
    if draw.random() < 1 / 15:
        day.look(draw.uniform(21, 23), draw.choice(CAMERAS), day.at(draw.uniform(14, 20)), 10)


def _same_camera(day: Day, camera: CameraId) -> None:
    day.look(day.some_hour(), camera, day.at(day.start - day.draw.uniform(0.5, 5)), day.draw.uniform(5, 30))


def _after_hours(day: Day) -> None:
    for camera in day.draw.sample(CAMERAS, day.draw.randint(1, 3)):
        day.look(day.draw.uniform(21.5, 25), camera, day.at(day.draw.uniform(10, 20)), 15)


def _follow(day: Day, way: tuple[CameraId, ...], hour: float) -> None:
    """Go after somebody who came yesterday, or today if that is over."""
    came = day.at(hour + day.draw.uniform(-0.2, 0.2)) - timedelta(days=hour > day.end - 2)
    for number, camera in enumerate(way):
        day.look(day.end - 1 + 0.2 * number, camera, came + number * timedelta(minutes=5), 6)


def _pretext(day: Day, way: tuple[CameraId, ...]) -> None:
    for camera in day.draw.sample(way, 2):
        day.look(day.some_hour(), camera, day.at(day.draw.uniform(9, 12)) - timedelta(days=1), 10, Purpose.MAINTENANCE)


def _neighbours(draw: random.Random) -> tuple[CameraId, ...]:
    first = draw.choice(BUSY) if draw.random() < BUSY_SHARE else draw.choice(CAMERAS)
    number = draw.choice((1, 1, 2, 3))
    return tuple(CameraId((first - 1 + step) % len(CAMERAS) + 1) for step in range(number))


def _at_a_busy_hour(draw: random.Random, near: datetime) -> datetime:
    """Move half of what happens to the afternoon, when schools are out."""
    if draw.random() < 0.5:
        return near
    return near.replace(hour=14, minute=0) + timedelta(hours=draw.triangular(0, 4, 1.5))


def _poisson(draw: random.Random, mean: float) -> int:
    count, left = 0, draw.expovariate(1)
    while left < mean:
        count += 1
        left += draw.expovariate(1)
    return count

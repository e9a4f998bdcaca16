"""What people looked at in the last weeks: the access log's entries, reduced to what the rules of `vms.domain.review` ask about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.ids import CameraId
from vms.domain.outcome import Refusal

DAYS_KEPT = 28
"""The longest pattern that a rule asks about."""
SLOT_MINUTES = 30
"""Footage is told apart by the half hour."""
SLOTS_A_DAY = 24 * 60 // SLOT_MINUTES
CONSOLE = "os:"

RELEVANT = frozenset({Action.VIEW_OPEN, Action.VIEW_EXTEND, Action.FOOTAGE_READ, Action.ACCESS_REFUSE})
"""All that `Watching.take` looks at."""


@dataclass(frozen=True, slots=True)
class Look:
    """Recorded footage of one half hour of one camera that was sent to somebody within one hour. All in the district's time."""

    day: date
    hour: int
    camera_id: CameraId
    purpose: Purpose | None
    footage_day: date
    footage_slot: int
    """0 to 47."""

    @property
    def night(self) -> date:
        """The day, or the one before for what happens in its small hours: a sitting over midnight is one night."""
        return self.day if self.hour >= 12 else self.day - timedelta(days=1)


@dataclass(slots=True)
class Watcher:
    """One account's acts of watching."""

    label: str
    name: str
    role: str
    looks: set[Look] = field(default_factory=set)
    live_hours: set[tuple[date, int]] = field(default_factory=set)
    """Hours of the clock in which a live picture was open."""
    opened: Counter[Purpose | None] = field(default_factory=Counter)
    """Views of recordings, since the first event that was taken."""
    refusals: Counter[date] = field(default_factory=Counter)


class Watching:
    """Who looked at what: bounded by `DAYS_KEPT` once `forget` is called, for people, the Director among them, and for the console."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._watchers: dict[str, Watcher] = {}

    @property
    def watchers(self) -> list[Watcher]:
        return sorted(self._watchers.values(), key=lambda one: one.label)

    def take(self, event: AccessEvent) -> None:
        """Count one entry of the log; they come in the log's order."""
        if not event.actor.startswith(("person:", CONSOLE)) or event.action not in RELEVANT:
            return
        watcher = self._watchers.setdefault(event.actor, Watcher(event.actor, event.actor_name, event.role))
        watcher.name, watcher.role = event.actor_name, event.role
        local = event.at.astimezone(self._zone)
        match event.action:
            case Action.VIEW_OPEN | Action.VIEW_EXTEND if event.span is None:
                watcher.live_hours.add((local.date(), local.hour))
            case Action.VIEW_OPEN:
                watcher.opened[event.purpose] += 1
            # A playlist is read whole; what was really sent are segments.
            case Action.FOOTAGE_READ if event.span is not None and event.camera_id is not None and "segment" in event.detail:
                footage = event.span.start.astimezone(self._zone)
                slot = (footage.hour * 60 + footage.minute) // SLOT_MINUTES
                watcher.looks.add(Look(local.date(), local.hour, event.camera_id, event.purpose, footage.date(), slot))
            case Action.ACCESS_REFUSE if event.detail.get("why") != Refusal.SIGN_IN:
                watcher.refusals[local.date()] += 1

    def forget(self, today: date) -> None:
        """Drop what is older than any rule asks for."""
        oldest = today - timedelta(days=DAYS_KEPT)
        for watcher in self._watchers.values():
            watcher.looks = {look for look in watcher.looks if look.day > oldest}
            watcher.live_hours = {hour for hour in watcher.live_hours if hour[0] > oldest}
            watcher.refusals = Counter({day: count for day, count in watcher.refusals.items() if day > oldest})


def camera_days(looks: Iterable[Look]) -> set[tuple[CameraId, date]]:
    """Return which cameras were looked at on which days."""
    return {(look.camera_id, look.day) for look in looks}

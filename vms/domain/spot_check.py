"""Spot checks: a camera's day that somebody picks, or that is drawn, to see what became of its footage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from vms.domain.day_proof import ToldProof
from vms.domain.ids import CameraId, NodeId, SpotCheckId
from vms.domain.timespan import Timespan, day_of

MOST_DAYS_BACK = 400
"""From so many days one is drawn: a year, and the longest time that footage is kept."""


WAITS = timedelta(days=7)
"""A check not answered by then has lapsed: it keeps nobody from asking another. A late answer is taken all the same."""


@dataclass(frozen=True, slots=True)
class Checkable:
    """A camera as a draw sees it. Holds are no part of it: what is drawn must tell nothing of them."""

    camera_id: CameraId
    name: str
    """Branch and name."""
    node_id: NodeId
    zone: str
    since: datetime
    until: datetime | None
    """None: the camera is in use."""

    def days(self, at: datetime) -> Sequence[date]:
        """Return the days, in the branch's time, that may be drawn: those that are over, while the camera was one."""
        there = ZoneInfo(self.zone)
        last = at.astimezone(there).date() - timedelta(days=1)
        if self.until is not None:
            last = min(last, self.until.astimezone(there).date())
        first = max(self.since.astimezone(there).date(), last - timedelta(days=MOST_DAYS_BACK - 1))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class AskedDay:
    """What a recording machine is asked."""

    id: SpotCheckId
    camera_id: CameraId
    day: Timespan


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """A camera's day that was checked, or waits for its machine."""

    id: SpotCheckId
    camera_id: CameraId
    camera: str
    """Branch and name."""
    zone: str
    node_id: NodeId
    day: Timespan
    drawn: bool
    """Nobody picked it."""
    asked_by: str
    asked_by_name: str
    asked_at: datetime
    answered_at: datetime | None
    proof: ToldProof | None
    """None: it waits, or has lapsed."""

    @property
    def lapses_at(self) -> datetime:
        return self.asked_at + WAITS

    def has_lapsed(self, at: datetime) -> bool:
        return self.proof is None and self.lapses_at <= at


def day_name(day: Timespan, zone: str) -> str:
    """Return a day as the log has it: 2026-11-02."""
    return f"{day.start.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


def drawn(cameras: Sequence[Checkable], at: datetime, below: Callable[[int], int]) -> tuple[Checkable, Timespan] | None:
    """Draw a day of a camera, each day of each as likely as any other; None when no day is over yet.

    `below` returns a number from 0 up to its argument that nobody can foretell.
    """
    every = [(camera, camera.days(at)) for camera in cameras]
    total = sum(len(days) for _, days in every)
    number = below(total) if total else 0
    for camera, days in every:
        if number < len(days):
            return camera, day_of(days[number], camera.zone)
        number -= len(days)
    return None

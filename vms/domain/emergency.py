"""Emergency access: for half an hour one session sees every camera of the district; others are told at once, and one of them reviews it.

What it opens is beside the table of roles: `vms.domain.people.IN_EMERGENCY`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from vms.domain.ids import EmergencyId, PersonId, SessionId
from vms.domain.timespan import Timespan
from vms.domain.working_days import end_of_working_day

LASTS = timedelta(minutes=30)
LOOKS_BACK = timedelta(minutes=30)
"""So far before its opening recordings are shown: to see how it came about, and where somebody went."""
REVIEW_DAYS = 2
"""Working days in which somebody else says whether it was right, the day of the opening not counted."""
MOST_UNREVIEWED = 3
"""Of one person's that wait for a review: one after the other they would open the district for days before the first is overdue."""
MAX_REASON_CHARS = 200
MAX_NOTE_CHARS = 1000
MAX_OFFICER_CHARS = 100
"""Of name, badge and agency each."""
MAX_SHOWN_CHARS = 2000
"""Of all to whom the screen was shown under one."""


@dataclass(frozen=True, slots=True)
class Emergency:
    """What one session has opened, as long as nobody has ended it."""

    id: EmergencyId
    opened_at: datetime
    ends_at: datetime

    @property
    def footage_from(self) -> datetime:
        return self.opened_at - LOOKS_BACK

    def lasts(self, at: datetime) -> bool:
        return self.opened_at <= at < self.ends_at


class State(StrEnum):
    OPEN = "open"
    UNREVIEWED = "unreviewed"
    OVERDUE = "overdue"
    """Not reviewed in time: who used it opens no other until it is."""
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class EmergencyReview:
    """What somebody else said of an emergency access."""

    by: PersonId
    by_name: str
    at: datetime
    was_for: str
    right: bool
    note: str


@dataclass(frozen=True, slots=True)
class Officer:
    """To whom the screen was shown."""

    name: str
    badge: str
    agency: str

    @property
    def words(self) -> str:
        return f"{self.name}, badge {self.badge}, {self.agency}"


@dataclass(frozen=True, slots=True)
class Watched:
    """A camera as it was watched in the session of an emergency access while that was open, in the own right or by it."""

    branch: str
    camera: str
    recorded: Timespan | None
    """What of its recording was open; None for live."""
    during: Timespan
    """When; to the deadline of what was not closed."""


@dataclass(frozen=True, slots=True)
class EmergencyAccess:
    """One emergency access, open or past."""

    id: EmergencyId
    person_id: PersonId
    person_name: str
    session_id: SessionId
    reason: str
    """Empty once the district's rule has erased it."""
    opened_at: datetime
    over_at: datetime
    """When its time runs out, or when it was ended before: by hand, or with its session."""
    review_due_at: datetime
    shown_to: str = ""
    """To whom of which agency the screen was shown, as who used it says: one after the other."""
    review: EmergencyReview | None = None

    def state(self, at: datetime) -> State:
        if self.review is not None:
            return State.REVIEWED
        if self.review_due_at <= at:
            return State.OVERDUE
        return State.OPEN if self.is_open(at) else State.UNREVIEWED

    def is_open(self, at: datetime) -> bool:
        return at < self.over_at

    def is_for(self, reviewer: PersonId) -> bool:
        """Say whether `reviewer` is somebody else than who used it."""
        return reviewer != self.person_id


def review_due(opened_at: datetime, zone: str, holidays: Collection[date]) -> datetime:
    """Return the end of the second working day in `zone` after the day of the opening."""
    return end_of_working_day(opened_at, REVIEW_DAYS, zone, holidays)

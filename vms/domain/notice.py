"""What the public is told of the cameras: facts that anybody may know, in no language yet. Nothing of sealed matters is among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from vms.domain.people import LOOK_BACK, PERMISSIONS, Permission, Role

FEWEST = 5
"""Of what happened less often, but happened, only that is said: a small number may point at somebody."""
HALVES = 2
"""So many half-years are shown, the last ones that are over."""


@dataclass(frozen=True, slots=True)
class CoveredBranch:
    name: str
    areas: tuple[tuple[str, int], ...]
    """Each with its number of cameras in use."""
    elsewhere: int
    """Cameras in none of its areas."""


@dataclass(frozen=True, slots=True)
class KeptHere:
    """How long footage of a place is kept."""

    place: str
    """Empty for the district."""
    days: int
    legal_basis: str
    public_text: str
    approved_on: date | None


@dataclass(frozen=True, slots=True)
class HalfYear:
    """The months from January to June, or from July to December."""

    year: int
    second: bool

    @property
    def first(self) -> date:
        return date(self.year, 7 if self.second else 1, 1)

    @property
    def after(self) -> date:
        return date(self.year + 1, 1, 1) if self.second else date(self.year, 7, 1)

    @property
    def last(self) -> date:
        return self.after - timedelta(days=1)

    @property
    def before(self) -> HalfYear:
        return HalfYear(self.year, second=False) if self.second else HalfYear(self.year - 1, second=True)


@dataclass(frozen=True, slots=True)
class Counts:
    """How often something happened in a half-year."""

    during: HalfYear
    complaints: int
    complaints_answered: int
    requests: int
    """For footage, that came; none of a kind that the law may make secret, here or below."""
    requests_approved: int
    holds: int
    """Legal holds placed; none that is sealed."""
    emergencies: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Everything that its pages say."""

    district: str
    director: str
    contact: str
    """Where to ask and complain, as the district writes it; may be empty."""
    inquiry_url: str
    """Where the form for inquiries is; empty where the district has none."""
    branches: tuple[CoveredBranch, ...]
    not_covered: tuple[str, ...]
    """Named by the district."""
    kept: tuple[KeptHere, ...]
    """The district first."""
    longest_days: int
    third_parties: tuple[str, ...]
    answer_days: int
    """Working days within which a complaint is answered."""
    counts: tuple[Counts, ...]
    """The newest half-year first."""
    log_key: str
    """The line by which others know the access log's key; empty before its first checkpoint."""
    reviewed_on: date | None
    """When the cameras and their rules were last reviewed."""


def halves_over(today: date, since: date) -> list[HalfYear]:
    """Return the last half-years that are over and of which the product saw some, the newest first."""
    half = HalfYear(today.year, second=today.month > 6).before
    found: list[HalfYear] = []
    while len(found) < HALVES and half.after > since:
        found.append(half)
        half = half.before
    return found


def told_count(number: int) -> int | None:
    """Return a number as it is told; None when it is too small to be."""
    return number if number == 0 or number >= FEWEST else None


def viewers() -> list[tuple[Role, bool, timedelta | None]]:
    """Return the roles that see pictures, from the table itself: whether recordings too, and how far back (None: all that is kept)."""
    return [
        (role, Permission.RECORDED_VIEW in PERMISSIONS[role], LOOK_BACK.get(role))
        for role in Role
        if Permission.LIVE_VIEW in PERMISSIONS[role]
    ]

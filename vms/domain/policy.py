"""Retention policies: how many days footage is kept and in which hours it is recorded, said of the district, a branch, an area or a camera.

Each inherits from above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.camera import CameraDetails, RecordingMode
from vms.domain.hours import ALL_HOURS, LocalHours, RecordingHours
from vms.domain.ids import AreaId, BranchId, CameraId, PolicyVersion

SHIPPED_FLOOR = 0
"""Whether a law wants footage kept for some days is for the district to find out: `CHECK_THE_SCHEDULE`."""
SHIPPED_TARGET = 14
SHIPPED_CEILING = 30
LEAST_EARLY_DAYS = 1
"""Nothing younger goes before its day, whatever is said: no window is shorter either."""
MOST_DAYS = 3653
"""Ten years: no policy keeps footage for longer."""
CHECK_THE_SCHEDULE = "No floor is set: check your records schedule."
LOWER_WAIT = timedelta(hours=72)
"""Nothing that keeps footage shorter is in force sooner after it was proposed."""
REVIEW_NOTICE = timedelta(days=14)
"""So long before its review date a policy is one to review."""
MAX_BASIS_CHARS = 300
MAX_PUBLIC_CHARS = 1000
MAX_REASON_CHARS = 500
_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


class PlaceKind(StrEnum):
    DISTRICT = "district"
    BRANCH = "branch"
    AREA = "area"
    CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class PolicyPlace:
    """What a policy is said of."""

    kind: PlaceKind
    id: int
    """0 of the district."""


DISTRICT = PolicyPlace(PlaceKind.DISTRICT, 0)


@dataclass(frozen=True, slots=True)
class Days:
    """What a policy says; None: as the place above."""

    min_days: int | None = None
    """The floor: so long footage is kept even when a disk runs full."""
    target_days: int | None = None
    """So long it is kept."""
    max_days: int | None = None
    """The ceiling: no place below keeps any longer."""
    hours: RecordingHours = ALL_HOURS
    """When cameras in the mode `weekly` are recorded; a day of which nothing is said: as the place above."""
    early: bool | None = None
    """Whether what is past the floor may go before its day when disks are full; None: as the place above, of the district: it may not."""


@dataclass(frozen=True, slots=True)
class Window:
    """What counts at a place, once everything above it is counted: floor ≤ target ≤ ceiling."""

    min_days: int
    target_days: int
    max_days: int
    hours: RecordingHours = ALL_HOURS
    early: bool = False

    @property
    def whole_week(self) -> Window:
        """The same for a camera that goes by no hours."""
        return replace(self, hours=ALL_HOURS)

    @property
    def keep_ms(self) -> int:
        return self.target_days * _DAY_MS

    @property
    def floor_ms(self) -> int | None:
        """Return how old footage is at least when it goes because disks are full; None when none may before its day."""
        return max(self.min_days, LEAST_EARLY_DAYS) * _DAY_MS if self.early else None

    @property
    def surely_ms(self) -> int:
        """Return for how long footage is kept whatever the disks do."""
        return self.keep_ms if self.floor_ms is None else min(self.keep_ms, self.floor_ms)


Said = Mapping[PolicyPlace, Days]
"""What is in force, by place; whatever has no line inherits."""
Chain = Sequence[PolicyPlace]
"""A place and those above it, the district first."""


def chain_of(branch: BranchId | None = None, area: AreaId | None = None, camera: CameraId | None = None) -> tuple[PolicyPlace, ...]:
    """Return the chain of the lowest place that is given."""
    below = ((PlaceKind.BRANCH, branch), (PlaceKind.AREA, area), (PlaceKind.CAMERA, camera))
    return (DISTRICT, *(PolicyPlace(kind, number) for kind, number in below if number is not None))


def window_at(said: Said, chain: Chain) -> Window | None:
    """Return what counts at the end of `chain`; None while the district has no policy: nothing may be destroyed then."""
    first = said.get(DISTRICT, Days())
    if first.min_days is None or first.target_days is None or first.max_days is None:
        return None
    window = Window(first.min_days, first.target_days, first.max_days, first.hours, bool(first.early))
    for place in chain[1:]:
        window = within(window, said.get(place, Days()))
    return window


def hours_for(details: CameraDetails, said: Said) -> LocalHours | None:
    """Return in which hours a camera is recorded by what policies say; None when it goes by none."""
    camera = details.camera
    if camera.recording_mode is not RecordingMode.WEEKLY:
        return None
    window = window_at(said, chain_of(camera.branch_id, camera.area_id, camera.id))
    return LocalHours(ALL_HOURS if window is None else window.hours, details.branch.timezone)


def within(above: Window, own: Days) -> Window:
    """Return what counts where `own` is said below `above`: it never leaves floor and ceiling of the place above.

    A number that no longer fits, because the place above changed after it was said, counts as the nearest that does.
    """
    floor = _between(above.min_days if own.min_days is None else own.min_days, above.min_days, above.max_days)
    ceiling = _between(above.max_days if own.max_days is None else own.max_days, floor, above.max_days)
    target = _between(above.target_days if own.target_days is None else own.target_days, floor, ceiling)
    return Window(floor, target, ceiling, above.hours.under(own.hours), above.early if own.early is None else own.early)


def why_not(above: Window | None, own: Days) -> str | None:
    """Return what is wrong with saying `own` below `above` (None: of the district); None when nothing is."""
    if above is None and None in (own.min_days, own.target_days, own.max_days):
        return "The district's policy names floor, target and ceiling: there is nothing above it to take them from."
    if any(days is not None and days < 1 for days in (own.target_days, own.max_days)):
        return "A target and a ceiling are at least 1 day: footage that is kept for none is not recorded, which is a camera's setting."
    counts = within(above or Window(0, 1, MOST_DAYS), own)
    for name, given, found in (
        ("floor", own.min_days, counts.min_days),
        ("ceiling", own.max_days, counts.max_days),
        ("target", own.target_days, counts.target_days),
    ):
        if given is not None and given != found:
            allowed = f"0 to {MOST_DAYS} days" if above is None else f"{above.min_days} to {above.max_days} days, as the place above allows"
            return f"A {name} of {given} days doesn't fit: floor ≤ target ≤ ceiling, within {allowed}."
    if counts.early and counts.min_days < LEAST_EARLY_DAYS:
        return "On full disks footage would go down to its floor, and there is none. Say a floor of at least 1 day with it."
    if 0 < len(unsaid := counts.hours.unsaid) < 7:
        return f"Nothing is said of {', '.join(unsaid)}. Give each day of the week its hours, or say closed, such as: {unsaid[-1]} closed"
    return None


class Effect(StrEnum):
    """What a change of policy does to footage."""

    LOWERS = "lowers"
    """Somewhere footage is kept for fewer days, or may be on full disks, a floor is lower, or less is recorded."""
    RAISES = "raises"
    """Nowhere fewer or less, somewhere more: days, or a floor or a ceiling, or hours."""
    NEITHER = "neither"


def effect_of(changes: Iterable[tuple[Window | None, Window | None]]) -> Effect:
    """Return what a change does, given what counted before (None: nothing did) and counts after at each place that it reaches."""
    known = [(before, after) for before, after in changes if before is not None and after is not None]
    if any(_less(before, after) for before, after in known):
        return Effect.LOWERS
    return Effect.RAISES if any(_more(before, after) for before, after in known) else Effect.NEITHER


@dataclass(frozen=True, slots=True)
class InForce:
    """From when on a version counts."""

    seq: int
    """Of `hold_clock`: whoever has applied this number, or a higher one, destroys by this version."""
    at: datetime
    by: str
    """`Actor.label`"""
    by_name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """The Director's, under a version."""

    by_name: str
    at: datetime


class ReviewState(StrEnum):
    """Of a policy that somebody is to look at again."""

    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """One version of what is said of one place. It never changes: a later version takes its place."""

    version: PolicyVersion
    place: PolicyPlace
    days: Days
    legal_basis: str
    public_text: str
    review_at: datetime | None
    reason: str
    made_by: str
    """`Actor.label`"""
    made_by_name: str
    made_at: datetime
    in_force: InForce | None = None
    """None while it waits for a second person, or was stopped."""
    approval: Signature | None = None
    """None: nobody who may has signed it. It counts all the same."""

    def review_state(self, at: datetime) -> ReviewState | None:
        """Return how near its review date is; None while there is none, or time enough."""
        if self.review_at is None or at < self.review_at - REVIEW_NOTICE:
            return None
        return ReviewState.NEAR if at < self.review_at else ReviewState.OVER


def version_for(versions: Iterable[RetentionPolicy], chain: Chain, seq: int) -> PolicyVersion | None:
    """Return by which version footage at the end of `chain` was kept for whoever had applied `seq`: the nearest that gave a target.

    None where there was none, or where that target didn't fit what the place above allowed: no one version says those days.
    """
    known = sorted((one.in_force.seq, one.version, one) for one in versions if one.in_force is not None and one.in_force.seq <= seq)
    counted = {one.place: one for *_, one in known}
    window = window_at({place: one.days for place, one in counted.items()}, chain)
    for place in reversed(chain):
        if (one := counted.get(place)) is not None and one.days.target_days is not None:
            return one.version if window is not None and window.target_days == one.days.target_days else None
    return None


def _between(number: int, least: int, most: int) -> int:
    return max(least, min(number, most))


def _less(before: Window, after: Window) -> bool:
    fewer = after.target_days < before.target_days or after.min_days < before.min_days
    return fewer or (after.early and not before.early) or after.hours.lacks(before.hours)


def _more(before: Window, after: Window) -> bool:
    more = after.target_days > before.target_days or after.min_days > before.min_days or after.max_days > before.max_days
    return more or (before.early and not after.early) or before.hours.lacks(after.hours)

"""What a change of a retention policy would do: which cameras keep footage for how long, and what of it would go. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from vms.domain.footage import CoverageSpan
from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, joined, protected
from vms.domain.ids import CameraId
from vms.domain.policy import Days, Effect, PolicyPlace, Said, Window, effect_of, window_at, within
from vms.domain.retention import StreamRule, free_times
from vms.domain.timespan import Timespan, datetime_of_ms, ms_of
from vms.store import cameras, coverage, holds, policies, purging, stream_rules
from vms.store.policies import Spot


@dataclass(frozen=True, slots=True)
class CameraEffect:
    """A camera whose window changes, or the hours that it is recorded in."""

    camera_id: CameraId
    name: str
    """Branch and name."""
    before: Window
    after: Window
    going_s: int
    """Seconds of recorded time that would go at once: within its window today, past the new one, and under no hold.

    By what its recorder reported of what it recorded, all streams together; where a disk lost some of that, it is counted as well.
    """
    early_s: int = 0
    """Seconds of recorded time, counted alike, that would stay and might go on full disks, and might not before."""

    @property
    def early(self) -> str:
        """What becomes of going early on full disks; empty when nothing does."""
        if self.before.floor_ms == self.after.floor_ms:
            return ""
        return "not before its day" if self.after.floor_ms is None else f"on full disks from {self.after.min_days} days on"

    @property
    def hours(self) -> str:
        """What becomes of the hours that it is recorded in; empty when nothing does."""
        if self.before.hours == self.after.hours:
            return ""
        return "fewer hours" if self.after.hours.lacks(self.before.hours) else "more hours"


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a camera would go that this machine's index knows."""

    segments: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What saying other days of a place comes to."""

    effect: Effect
    before: Window | None
    """At the place itself."""
    after: Window | None
    cameras: tuple[CameraEffect, ...]
    """Those whose window changes."""
    clipped: tuple[str, ...]
    """Places below whose own numbers leave what would be allowed: the nearest that does counts there."""


def outcome(session: Session, spots: Sequence[Spot], place: PolicyPlace, days: Days, *, at: datetime) -> Outcome:
    """Return what would follow if `days` were said of `place`, one of `spots`."""
    before = policies.said(session)
    after = {**before, place: days}
    below = [spot for spot in spots if place in spot.chain]
    windows = [(spot, _used(spot, window_at(before, spot.chain)), _used(spot, window_at(after, spot.chain))) for spot in below]
    changed = [
        CameraEffect(spot.camera_id, spot.name, old, new, *_going_s(session, spot.camera_id, old, new, at))
        for spot, old, new in windows
        if spot.camera_id is not None and old is not None and new is not None and old != new
    ]
    return Outcome(
        effect_of((old, new) for _, old, new in windows),
        *next((window_at(before, spot.chain), window_at(after, spot.chain)) for spot in below if spot.place == place),
        tuple(changed),
        tuple(spot.name for spot in below if spot.place != place and _fits(before, spot) and not _fits(after, spot)),
    )


def counted_here(index: Connection, changed: Sequence[CameraEffect], *, at: datetime) -> dict[CameraId, Counted]:
    """Return what would go of each camera that this machine records: what the next pass would delete by the new window alone."""
    rules, now_ms, found = stream_rules.rules(index), ms_of(at), dict[CameraId, Counted]()
    for camera in changed:
        mine = [rule for rule in rules if rule.camera_id == camera.camera_id]
        if mine:
            new, old = (_due(index, mine, window, now_ms) for window in (camera.after, camera.before))
            found[camera.camera_id] = Counted(max(0, new[0] - old[0]), max(0, new[1] - old[1]))
    return found


def _due(index: Connection, rules: Sequence[StreamRule], window: Window, now_ms: int) -> tuple[int, int]:
    told = [purging.due_by(index, rule, window.keep_ms, now_ms) for rule in rules]
    return sum(segments for segments, _ in told), sum(size for _, size in told)


def _used(spot: Spot, window: Window | None) -> Window | None:
    """Return what of a window is gone by at a place: hours by cameras in the mode `weekly` alone."""
    return window if window is None or spot.weekly else window.whole_week


def _fits(said: Said, spot: Spot) -> bool:
    """Say whether all numbers that are said of a place count there as they are."""
    own, above = said.get(spot.place), window_at(said, spot.chain[:-1])
    if own is None or above is None:
        return True
    counts = within(above, own)
    given = ((own.min_days, counts.min_days), (own.target_days, counts.target_days), (own.max_days, counts.max_days))
    return all(number is None or number == found for number, found in given)


def _going_s(session: Session, camera: CameraId, before: Window, after: Window, at: datetime) -> tuple[int, int]:
    """Return how much recorded time would go at once, and how much more might on full disks."""
    stays = min(before.surely_ms, after.keep_ms)
    return _free_s(session, camera, before.keep_ms, after.keep_ms, at), _free_s(session, camera, stays, after.surely_ms, at)


def _free_s(session: Session, camera: CameraId, older_ms: int, younger_ms: int, at: datetime) -> int:
    """Return how many seconds were recorded between these ages that no hold protects."""
    if younger_ms >= older_ms:
        return 0
    start_ms, end_ms = ms_of(at) - older_ms, ms_of(at) - younger_ms
    span = Timespan(datetime_of_ms(start_ms), datetime_of_ms(end_ms))
    recorded = coverage.find(session, cameras.every_stream(session, camera), span)
    held = [protected(time, LEAST_CLOCK_ERROR) for time in holds.held_times(session, camera)]
    return sum(_overlap_ms(recorded, max(free or start_ms, start_ms), until) for free, until in free_times(end_ms, held)) // 1000


def _overlap_ms(recorded: Sequence[CoverageSpan], start_ms: int, end_ms: int) -> int:
    """Return for how long anything was recorded in a time, streams beside each other counted once."""
    spans = joined(HeldTime(one.start_ms, one.end_ms) for one in recorded if one.start_ms < one.end_ms)
    return sum(max(0, min(one.end_ms or end_ms, end_ms) - max(one.start_ms, start_ms)) for one in spans)

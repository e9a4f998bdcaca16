"""Legal holds: what has to be kept against everything, and how much around it they protect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from vms.domain.ids import AreaId, BranchId, CameraId, HoldId
from vms.domain.timespan import TICKS_PER_MS

ROLL = timedelta(seconds=60)
"""Kept, and shown, before and after what a hold names: what led to an act and what followed it."""
LEAST_CLOCK_ERROR = timedelta(seconds=2)
"""No clock is trusted more closely than this: a hold names what people saw on another clock."""


class HoldKind(StrEnum):
    PROVISIONAL = "provisional"
    """Somebody has asked; the paper is still to come. The only kind that may lapse."""
    PRESERVATION_LETTER = "preservation-letter"
    LITIGATION = "litigation"
    SUBPOENA = "subpoena"
    INCIDENT = "incident"
    RECORDS_REQUEST = "records-request"


@dataclass(frozen=True, slots=True, order=True)
class HeldTime:
    """The milliseconds since 1970 from `start_ms` up to, not including, `end_ms`."""

    start_ms: int
    end_ms: int | None
    """None: whatever is still to come, too."""

    def __post_init__(self) -> None:
        if self.end_ms is not None and self.end_ms <= self.start_ms:
            raise ValueError(f"a hold ends after it starts: {self.start_ms} to {self.end_ms}")

    def widened(self, by: timedelta) -> HeldTime:
        """Return it with so much more on both sides."""
        more = by // timedelta(milliseconds=1)
        return HeldTime(self.start_ms - more, None if self.end_ms is None else self.end_ms + more)

    def contains(self, other: HeldTime) -> bool:
        """Say whether all of `other` is in it."""
        ends_later = self.end_ms is None or (other.end_ms is not None and other.end_ms <= self.end_ms)
        return self.start_ms <= other.start_ms and ends_later

    def meets(self, other: HeldTime) -> bool:
        """Say whether some of `other` is in it."""
        begins_before = other.end_ms is None or self.start_ms < other.end_ms
        return begins_before and (self.end_ms is None or other.start_ms < self.end_ms)

    def overlaps(self, start_ticks: int, end_ticks: int) -> bool:
        """Say whether footage from `start_ticks` up to `end_ticks` (90 kHz since 1970) is in it, if only by one tick."""
        return end_ticks > self.start_ms * TICKS_PER_MS and (self.end_ms is None or start_ticks < self.end_ms * TICKS_PER_MS)


def protected(held: HeldTime, clock_error: timedelta) -> HeldTime:
    """Return what is kept for `held`: with roll, and with the worst clock error that is known of its camera, at least two seconds."""
    return held.widened(max(clock_error, LEAST_CLOCK_ERROR) + ROLL)


def readable(held: HeldTime) -> HeldTime:
    """Return what may be shown past the window for `held`: with roll, not with the clock's error."""
    return held.widened(ROLL)


def joined(spans: Iterable[HeldTime]) -> list[HeldTime]:
    """Return `spans` by start, with those that touch or overlap as one."""
    found: list[HeldTime] = []
    for span in sorted(spans, key=lambda one: one.start_ms):
        last = found[-1] if found else None
        if last is None or (last.end_ms is not None and last.end_ms < span.start_ms):
            found.append(span)
        elif last.end_ms is not None and (span.end_ms is None or span.end_ms > last.end_ms):
            found[-1] = HeldTime(last.start_ms, span.end_ms)
    return found


@dataclass(frozen=True, slots=True)
class HoldScope:
    """What a hold is about: positions, whatever hardware stands there. Cameras that come to an area or branch later are in it."""

    cameras: frozenset[CameraId] = frozenset()
    areas: frozenset[AreaId] = frozenset()
    branches: frozenset[BranchId] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.cameras or self.areas or self.branches)

    def has(self, camera: CameraId, branch: BranchId, area: AreaId | None) -> bool:
        return camera in self.cameras or branch in self.branches or area in self.areas


@dataclass(frozen=True, slots=True)
class HoldChange:
    """A camera came under a hold, or is released from it: what nodes apply in the order of `seq`."""

    seq: int
    hold_id: HoldId
    camera_id: CameraId
    time: HeldTime | None
    """As the hold names it, without roll; None when it is released."""
    sealed: bool = False
    """It keeps like any other, and nothing that people are told or shown follows from it."""


@dataclass(frozen=True, slots=True)
class HoldAnswer:
    """What a node found of a camera when it put a hold into force: the truth, also where it is too late. All streams together."""

    hold_id: HoldId
    camera_id: CameraId
    kept_segments: int
    kept_bytes: int
    first_ms: int | None
    """Start of the earliest kept segment; None when there is none yet."""
    last_ms: int | None
    """End of the latest."""
    condemned_segments: int
    """Being destroyed already: these are lost."""
    purged_segments: int
    """Destroyed before, by the purge log: of each batch that touches the held time, its share."""

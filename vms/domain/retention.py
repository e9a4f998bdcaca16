"""What may be destroyed: the time before a stream's cutoff, less what holds protect. Nothing stores a day of expiry or a held flag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vms.domain.hold import HeldTime, HoldChange, joined, readable
from vms.domain.ids import CameraId, StreamId

_MS = timedelta(milliseconds=1)
LEASE_LASTS = timedelta(minutes=15)
"""So long a node may destroy by one answer of the hub, counted by its own clock from before it asked."""
LEASE_MARGIN = timedelta(seconds=30) + LEASE_LASTS / 1000
"""By so much longer the hub counts it: clocks don't run alike."""


AT_WORK = timedelta(hours=1, minutes=30)
"""From the end of a window until a pass has been: so long footage may still be there."""
MOST_DRIFT = timedelta(hours=1)
"""By so much the wall clock may move against the time that has passed before nothing is destroyed by it."""
LONGEST_OFF = timedelta(days=4)
"""A machine that was off for longer than a long weekend, or whose clock is wrong by as much: a person says which."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """How a machine's clocks stood at one moment."""

    boot_id: str
    """Of the start of the machine that `uptime_ms` counts from."""
    uptime_ms: int
    at_ms: int
    """By the wall clock, since 1970."""


def lease_lasts(asked: ClockReading, now: ClockReading) -> bool:
    """Say whether a lease that was asked for then still lasts: by the machine's uptime, whatever the wall clock says."""
    return asked.boot_id == now.boot_id and 0 <= now.uptime_ms - asked.uptime_ms < LEASE_LASTS // _MS


def why_not_trusted(known: ClockReading, now: ClockReading) -> str | None:
    """Return why nothing may be destroyed by the wall clock as it is now, given when it was last right; None when it may.

    Only a clock that runs ahead destroys too early. One that went back is waited for.
    """
    lead = (now.at_ms - known.at_ms) * _MS
    if now.boot_id == known.boot_id:
        lead -= (now.uptime_ms - known.uptime_ms) * _MS
        return f"The clock went forward by {_hours(lead)} by itself." if lead > MOST_DRIFT else None
    return f"The machine was off for {_hours(lead)}, or its clock is wrong." if lead > LONGEST_OFF else None


def _hours(length: timedelta) -> str:
    hours = round(length / timedelta(hours=1))
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


@dataclass(frozen=True, slots=True)
class StreamRule:
    """How long the footage of a stream is kept, as the hub says it."""

    stream_id: StreamId
    camera_id: CameraId
    """Whose holds protect it."""
    keep_ms: int
    floor_ms: int | None = None
    """What is so old, and under no hold, may go before its day when disks are full; None: nothing may."""

    @property
    def days(self) -> float:
        return self.keep_ms * _MS / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Orders:
    """What the hub tells a node that asks what it may destroy; with it the node has a lease."""

    hold_seq: int
    """The newest change of holds: all up to it are in force here once `changes` are applied."""
    changes: tuple[HoldChange, ...]
    """Behind what the node said that it has applied, in order."""
    rules: tuple[StreamRule, ...]
    """Of every stream that the node ever recorded. Footage of a stream without one stays."""


def readable_times(rule: StreamRule | None, held: Iterable[HeldTime], now_ms: int, gone: Sequence[HeldTime] = ()) -> list[HeldTime]:
    """Return when footage that may be shown was recorded: within its window, and around what holds name. Without a rule, all of it.

    Nothing of what is `gone` for people, whatever has it since.
    """
    if rule is None:
        return [HeldTime(0, None)]
    return without(joined([HeldTime(now_ms - rule.keep_ms, None), *map(readable, held)]), gone)


def without(spans: Sequence[HeldTime], out: Sequence[HeldTime]) -> list[HeldTime]:
    """Return `spans` less `out`, both by start and each without overlaps."""
    found = list[HeldTime]()
    for span in spans:
        start: int | None = span.start_ms
        for one in out:
            if start is None or (one.end_ms is not None and one.end_ms <= start):
                continue
            if span.end_ms is not None and one.start_ms >= span.end_ms:
                break
            if one.start_ms > start:
                found.append(HeldTime(start, one.start_ms))
            start = one.end_ms
        if start is not None and (span.end_ms is None or start < span.end_ms):
            found.append(HeldTime(start, span.end_ms))
    return found


def free_times(before_ms: int, held: Iterable[HeldTime]) -> list[tuple[int | None, int]]:
    """Return the times before `before_ms` that nothing of `held` touches, in ms since 1970: [from, to), the first from None.

    A segment may go when the whole of it lies in one of them.
    """
    free: list[tuple[int | None, int]] = []
    start: int | None = None
    for span in joined(held):
        if span.start_ms >= before_ms:
            break
        free.append((start, span.start_ms))
        if span.end_ms is None or span.end_ms >= before_ms:
            return free
        start = span.end_ms
    return [*free, (start, before_ms)]

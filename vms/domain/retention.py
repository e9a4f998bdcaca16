"""What may be destroyed: the time before a stream's cutoff, less what holds protect. Nothing stores a day of expiry or a held flag."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from vms.domain.hold import HeldTime, HoldChange, joined
from vms.domain.ids import CameraId, StreamId

LEASE_LASTS = timedelta(minutes=15)
"""So long a node may destroy by one answer of the hub, counted by its own clock from before it asked."""
LEASE_MARGIN = timedelta(seconds=30) + LEASE_LASTS / 1000
"""By so much longer the hub counts it: clocks don't run alike."""


@dataclass(frozen=True, slots=True)
class StreamRule:
    """How long the footage of a stream is kept, as the hub says it."""

    stream_id: StreamId
    camera_id: CameraId
    """Whose holds protect it."""
    keep_ms: int


@dataclass(frozen=True, slots=True)
class Orders:
    """What the hub tells a node that asks what it may destroy; with it the node has a lease."""

    hold_seq: int
    """The newest change of holds: all up to it are in force here once `changes` are applied."""
    changes: tuple[HoldChange, ...]
    """Behind what the node said that it has applied, in order."""
    rules: tuple[StreamRule, ...]
    """Of every stream that the node ever recorded. Footage of a stream without one stays."""


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

"""Which steps of a machine's clock were taken back, and when it was therefore wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vms.domain.footage import ClockEvent
from vms.domain.timespan import ms_of

SHORTEST_MS = 5 * 60_000
"""A smaller step forward leaves no more lead, when it is taken back, than a run makes up for in a week."""
SLACK_MS = 60_000
"""A step is taken back when the clock is about where it would be without both."""


@dataclass(frozen=True, slots=True)
class Detour:
    """What the wall clock showed, in ms since the epoch, between a step forward and the step that took it back."""

    start_ms: int
    end_ms: int


def detour(landed_ms: int, forward_ms: int, back_at_ms: int, back_ms: int) -> Detour | None:
    """Return the detour of a step that landed at `landed_ms` and one by `back_ms` back to `back_at_ms`; None when they are no pair.

    A step back that lands behind the other's landing takes nothing back: the clock had reached that hour by itself.
    """
    far = forward_ms >= SHORTEST_MS and abs(forward_ms - back_ms) <= SLACK_MS
    return Detour(landed_ms, back_at_ms + back_ms) if far and back_at_ms < landed_ms <= back_at_ms + back_ms else None


def spent(events: Sequence[ClockEvent], oldest_ms: int) -> list[ClockEvent]:
    """Return the steps that explain nothing any more where all footage began at `oldest_ms` or later.

    A leap ahead that was not taken back stays until all footage is behind what the clock can have shown before it still is.
    """
    pairs = detours(events)
    return [event for event in events if _explains_until_ms(event, pairs) < oldest_ms]


def _explains_until_ms(event: ClockEvent, pairs: Sequence[Detour]) -> int:
    """Return the latest that the clock showed, or may have shown, of the time that a step explains."""
    at_ms = ms_of(event.at)
    if event.step_ms < SHORTEST_MS:
        return max(at_ms, at_ms - event.step_ms)
    ends = [pair.end_ms for pair in pairs if pair.start_ms == at_ms]
    return max(ends, default=at_ms + event.step_ms + SLACK_MS)


def detours(events: Sequence[ClockEvent]) -> list[Detour]:
    """Return the detours that `events`, in whatever order, tell of."""
    forward = [event for event in events if event.step_ms > 0]
    back = [event for event in events if event.step_ms < 0]
    pairs = [detour(ms_of(one.at), one.step_ms, ms_of(other.at), -other.step_ms) for one in forward for other in back]
    return sorted((pair for pair in pairs if pair is not None), key=lambda pair: pair.start_ms)

"""Where on the line of time a stream's next run may stand: behind its footage, but around footage of hours that the clock left again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from recorder.clock import MAX_PICTURE_TICKS
from vms.domain.clock_steps import detour
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND

NEAR_TICKS = MAX_PICTURE_TICKS + 5 * TICKS_PER_SECOND
"""A run ends so long before footage that stands in its way: it may still hold a fragment, four seconds and the longest picture."""
REMEMBERED = 16
ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class _Forward:
    """A step forward, and where the footage ended then."""

    landed_ms: int
    step_ms: int
    not_before: int


class Places:
    """All in 90 kHz ticks since the epoch. `not_before`: where the footage ends that the next run follows.

    `taken`: spans of footage that stand ahead of it, because the clock was there and came back.
    """

    def __init__(self, not_before: int, taken: Iterable[tuple[int, int]] = ()) -> None:
        self.not_before = not_before
        self._taken = sorted((start, end) for start, end in taken)
        self._forward: deque[_Forward] = deque(maxlen=REMEMBERED)

    def recorded(self, until: int) -> None:
        """Learn where a run ended."""
        self.not_before = max(self.not_before, until)

    def next(self, at: int) -> int:
        """Return the first moment from `at` on that is free."""
        return max(at, self.limit(at))

    def limit(self, at: int) -> int:
        """Return the moment before which a run that comes at `at` may not begin."""
        moment = max(at, self.not_before)
        for start, end in self._taken:
            if start - NEAR_TICKS <= moment < end:
                moment = end
        return moment if moment > max(at, self.not_before) else self.not_before

    def until(self, start: int) -> int:
        """Return where a run that begins at `start` has to end."""
        return min((taken - NEAR_TICKS for taken, _ in self._taken if taken >= start), default=ENDLESS)

    def stepped(self, step_ms: int, now: int) -> bool:
        """Learn that the clock was moved by `step_ms` and shows `now`; say whether that took an earlier step back."""
        now_ms = now // TICKS_PER_MS
        if step_ms > 0:
            self._forward.append(_Forward(now_ms, step_ms, self.not_before))
            return False
        undone = next((each for each in self._forward if detour(each.landed_ms, each.step_ms, now_ms, -step_ms)), None)
        if undone is None:
            return False
        landed = undone.landed_ms * TICKS_PER_MS
        if self.not_before > landed:
            self._taken = sorted([*self._taken, (landed, self.not_before)])
            self.not_before = undone.not_before
        self._forward = deque((each for each in self._forward if each.landed_ms < undone.landed_ms), maxlen=REMEMBERED)
        return True

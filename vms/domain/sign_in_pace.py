"""How guessing a password gets slower: pauses that double, never an account that is shut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Tries:
    """Tries of one kind that are not forgotten yet, and when the last one was."""

    counted: int
    last: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """So many tries cost nothing; then each pause is twice the one before, up to the longest."""

    free: int
    first_pause: timedelta
    longest_pause: timedelta
    forget: timedelta
    """Without a try for so long, all is as if there had been none."""

    def wait(self, tries: Tries | None, at: datetime) -> timedelta:
        """Return how long the next try still has to wait; a clock that was set back makes no pause longer than it is."""
        if tries is None or tries.counted < self.free or at - tries.last > self.forget:
            return NONE
        doublings = min(tries.counted - self.free, math.ceil(math.log2(self.longest_pause / self.first_pause)))
        pause = min(self.first_pause * (1 << doublings), self.longest_pause)
        return max(NONE, min(tries.last + pause - at, pause))

    def counted(self, tries: Tries | None, at: datetime) -> Tries:
        """Return the tries with one more."""
        remembered = 0 if tries is None or at - tries.last > self.forget else tries.counted
        return Tries(remembered + 1, at)


OF_PERSON_HERE = Pace(5, timedelta(seconds=1), timedelta(minutes=1), timedelta(minutes=15))
"""Of one name at one address."""
OF_ADDRESS = Pace(20, timedelta(seconds=1), timedelta(seconds=2), timedelta(minutes=15))
"""Of all names at one address. A branch may stand behind it, with somebody in it who guesses: the others are to get in between."""
OF_NAME = Pace(5, timedelta(minutes=2), timedelta(minutes=16), timedelta(hours=1))
"""Of one name at all addresses: ten tries in any hour, 5 + those after 2, 4, 8, 16 and 16 minutes."""
LONGEST_MEMORY = max(pace.forget for pace in (OF_PERSON_HERE, OF_ADDRESS, OF_NAME))
KNOWN_PLACE = timedelta(days=180)
"""So long after a sign-in an address is known as a place where this person signs in."""

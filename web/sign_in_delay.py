"""Slow guessing down: a growing pause per name and address, a short one per address and per name; nobody is locked out.

In this process's memory: with one web process that is all there is, and a restart forgives.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from vms.domain.names import name_key

FREE_TRIES = 5
LONGEST_PAUSE_SECONDS = 60.0
FREE_TRIES_OF_ADDRESS = 20
"""A branch may stand behind one address, with somebody in it who guesses: the others are to get in between."""
FREE_TRIES_OF_NAME = 50
"""From all addresses together."""
LONGEST_SHARED_PAUSE_SECONDS = 2.0
FORGET_SECONDS = 900.0
MAX_KEYS = 10_000

Key = tuple[str, str]
"""Name and address; either is empty where it counts for all."""


@dataclass(slots=True)
class _Tries:
    counted: int = 0
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class _Bound:
    key: Key
    free: int
    longest_pause: float


@dataclass(slots=True)
class SignInDelay:
    """Times are monotonic seconds. Safe from several threads."""

    _tries: OrderedDict[Key, _Tries] = field(default_factory=OrderedDict)
    _known: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    """Who signed in from where: they wait for nobody else's tries."""
    _lock: Lock = field(default_factory=Lock)

    def begin(self, name: str, address: str, now: float) -> int:
        """Count a try and return 0, or return how long to wait first.

        Call it before the password is looked at, so that tries sent all at once count each; `succeeded` takes it back.
        """
        with self._lock:
            wait = self._wait(name, address, now)
            if not wait:
                self._count(name, address, now)
            return wait

    def wait_seconds(self, name: str, address: str, now: float) -> int:
        """Return how long this person at this address still has to wait, rounded up; 0 is now."""
        with self._lock:
            return self._wait(name, address, now)

    def succeeded(self, name: str, address: str) -> None:
        with self._lock:
            own, *shared = _bounds(name, address)
            self._tries.pop(own.key, None)
            for bound in shared:
                if (tries := self._tries.get(bound.key)) is not None:
                    tries.counted = max(0, tries.counted - 1)
            self._known[own.key] = None
            self._known.move_to_end(own.key)
            _shorten(self._known)

    def _wait(self, name: str, address: str, now: float) -> int:
        own, *shared = _bounds(name, address)
        bounds = [own] if own.key in self._known else [own, *shared]
        return max(self._pause(bound, now) for bound in bounds)

    def _count(self, name: str, address: str, now: float) -> None:
        for bound in _bounds(name, address):
            tries = self._tries.setdefault(bound.key, _Tries())
            tries.counted = 1 if now - tries.last > FORGET_SECONDS else tries.counted + 1
            tries.last = now
            self._tries.move_to_end(bound.key)
        _shorten(self._tries)

    def _pause(self, bound: _Bound, now: float) -> int:
        tries = self._tries.get(bound.key)
        if tries is None or tries.counted < bound.free or now - tries.last > FORGET_SECONDS:
            return 0
        pause = min(2.0 ** min(tries.counted - bound.free, 10), bound.longest_pause)
        return max(0, math.ceil(tries.last + pause - now))


def _bounds(name: str, address: str) -> Sequence[_Bound]:
    key = name_key(name)
    return (
        _Bound((key, address), FREE_TRIES, LONGEST_PAUSE_SECONDS),
        _Bound(("", address), FREE_TRIES_OF_ADDRESS, LONGEST_SHARED_PAUSE_SECONDS),
        _Bound((key, ""), FREE_TRIES_OF_NAME, LONGEST_SHARED_PAUSE_SECONDS),
    )


def _shorten(kept: OrderedDict[Key, _Tries] | OrderedDict[Key, None]) -> None:
    while len(kept) > MAX_KEYS:
        kept.popitem(last=False)

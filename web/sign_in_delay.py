"""Slow guessing down: a growing pause per name and address, and per address; nobody is locked out.

In this process's memory: with one web process that is all there is, and a restart forgives.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from vms.domain.names import name_key

FREE_TRIES = 5
FREE_TRIES_OF_ADDRESS = 20
"""A branch may stand behind one address."""
LONGEST_PAUSE_SECONDS = 60.0
FORGET_SECONDS = 900.0
MAX_KEYS = 10_000


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    last: float = 0.0


@dataclass(slots=True)
class SignInDelay:
    """Times are monotonic seconds. Safe from several threads."""

    _tries: OrderedDict[tuple[str, str], _Tries] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait_seconds(self, name: str, address: str, now: float) -> int:
        """Return how long this person at this address still has to wait, rounded up; 0 is now."""
        with self._lock:
            return max(self._pause(key, free, now) for key, free in _keys(name, address))

    def failed(self, name: str, address: str, now: float) -> None:
        with self._lock:
            for key, _ in _keys(name, address):
                tries = self._tries.setdefault(key, _Tries())
                tries.failed = 1 if now - tries.last > FORGET_SECONDS else tries.failed + 1
                tries.last = now
                self._tries.move_to_end(key)
            while len(self._tries) > MAX_KEYS:
                self._tries.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        with self._lock:
            self._tries.pop((name_key(name), address), None)

    def _pause(self, key: tuple[str, str], free: int, now: float) -> int:
        tries = self._tries.get(key)
        if tries is None or tries.failed < free or now - tries.last > FORGET_SECONDS:
            return 0
        pause = min(2.0 ** min(tries.failed - free, 10), LONGEST_PAUSE_SECONDS)
        return max(0, math.ceil(tries.last + pause - now))


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((name_key(name), address), FREE_TRIES), (("", address), FREE_TRIES_OF_ADDRESS)

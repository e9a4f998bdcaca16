"""Which reads of footage have their access event already, so that one segment fetched in pieces is one event.

Only what was committed is remembered; a process that restarts writes the event once more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock

MAX_READS = 50_000


@dataclass(slots=True)
class ReadLedger:
    """Safe from several threads."""

    _written: OrderedDict[Hashable, None] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def has(self, read: Hashable) -> bool:
        with self._lock:
            return read in self._written

    def add(self, read: Hashable) -> None:
        """Remember that the event of `read` is committed."""
        with self._lock:
            self._written[read] = None
            while len(self._written) > MAX_READS:
                self._written.popitem(last=False)

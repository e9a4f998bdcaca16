"""Refusals that no service has written down: an event in a transaction of its own, floods as one event a minute."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from vms.clock import Clock
from vms.domain.ids import PersonId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services import access_log
from vms.store.database import Engines

ONCE_PER = timedelta(minutes=1)
"""The same person refused for the same reason again within this time is one event."""


@dataclass(slots=True)
class RefusalLog:
    """One per process. Blocking; safe from several threads."""

    central: Engines
    clock: Clock
    _written: dict[tuple[PersonId, str], datetime] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def write(self, person: Person, what: str, refused: Refused) -> None:
        """Write that `person` was refused `what`, unless the same reason was written less than a minute ago."""
        at = self.clock.now()
        with self._lock:
            self._written = {key: last for key, last in self._written.items() if timedelta(0) <= at - last < ONCE_PER}
            if (person.id, refused.sentence) in self._written:
                return
            with self.central.writing() as session:
                access_log.refuse(session, person, what, refused, at=at)
            self._written[person.id, refused.sentence] = at

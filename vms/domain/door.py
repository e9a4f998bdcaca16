"""A search warrant at the door: who stands in for the Director, in which order, and whom somebody tried to reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vms.domain.ids import PersonId

MOST_DEPUTIES = 12
MAX_PHONE_CHARS = 40


@dataclass(frozen=True, slots=True)
class Deputy:
    """Somebody who may decide about requests, and how to reach them when a warrant is at the door."""

    person: PersonId
    phone: str
    mail: str
    """Empty where there is none; one of the two is there."""


@dataclass(frozen=True, slots=True)
class DoorCall:
    """Somebody tried to reach a deputy by telephone."""

    name: str
    """The deputy's, as the account was called then."""
    reached: bool
    by_name: str
    at: datetime

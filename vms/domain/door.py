"""A search warrant at the door: who stands in for the Director, in which order, and whom somebody tried to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import PersonId

MOST_DEPUTIES = 12
MAX_PHONE_CHARS = 40


class CallWay(StrEnum):
    """How somebody tried to reach a deputy."""

    PHONE = "phone"
    MAIL = "mail"
    """Whether it was read is known only when somebody takes the warrant up."""


@dataclass(frozen=True, slots=True)
class Deputy:
    """Somebody who may decide about requests, and how to reach them when a warrant is at the door."""

    person: PersonId
    phone: str
    mail: str
    """Empty where there is none; one of the two is there."""


@dataclass(frozen=True, slots=True)
class DoorCall:
    """Somebody tried to reach a deputy by telephone, or a mail was sent."""

    name: str
    """The deputy's, as the account was called then; empty where none of them could be mailed."""
    reached: bool
    by_name: str
    at: datetime
    way: CallWay = CallWay.PHONE


def next_to_mail(order: Sequence[str], calls: Sequence[DoorCall], wait: timedelta, at: datetime) -> str | None:
    """Return who of those with a mail address, named in the order of calling, is mailed at `at`.

    None while the one before has still time to answer, once somebody was reached, and when all were mailed.
    """
    mailed = [one for one in calls if one.way is CallWay.MAIL and one.name]
    if any(one.reached for one in calls) or any(at < one.at + wait for one in mailed):
        return None
    return next((name for name in order if all(one.name != name for one in mailed)), None)

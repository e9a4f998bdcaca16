"""Complaints: what somebody says about cameras, footage or staff, by when it is answered, and who may answer it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vms.domain.ids import CameraId, ComplaintId, HoldId, PersonId
from vms.domain.people import Permission, Person, Role
from vms.domain.timespan import Timespan
from vms.errors import VmsError

MAX_NAME_CHARS = 120
MAX_ADDRESS_CHARS = 300
MAX_TEXT_CHARS = 4000
MOST_CAMERAS = 10
"""Who has more in mind means a branch: the Director looks at the log for that."""


class Way(StrEnum):
    """How it came."""

    PAPER = "paper"
    MAIL = "mail"
    FORM = "form"
    """The one of the public notice, filled in."""


class About(StrEnum):
    PRACTICE = "practice"
    """Cameras, footage or a rule: nobody in particular."""
    STAFF = "staff"
    DIRECTOR = "director"


class ComplaintState(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, once."""

    text: str
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Complaint:
    """Its text never changes."""

    id: ComplaintId
    way: Way
    about: About
    about_person: PersonId | None
    """Of somebody on the staff the account, as far as it is known."""
    about_name: str
    """As the account was called then; empty without one."""
    from_name: str
    """Empty for somebody who gave none."""
    from_address: str
    text: str
    cameras: frozenset[CameraId]
    time: Timespan | None
    """What happened then, before these cameras; None when it is about no moment."""
    received_at: datetime
    due_at: datetime
    entered_by: str
    """`Actor.label`"""
    entered_by_name: str
    entered_at: datetime
    hold_id: HoldId | None = None
    """Of the footage that it is about."""
    answer: Answer | None = None
    fault: VmsError | None = None
    """Why its texts can't be read: it is in lists then, and nothing is done about it."""

    def state(self, at: datetime) -> ComplaintState:
        if self.answer is not None:
            return ComplaintState.ANSWERED
        return ComplaintState.OVERDUE if self.due_at <= at else ComplaintState.OPEN

    def may_answer(self, person: Person) -> bool:
        """Say whether `person`, who sees it (`vms.store.complaints.get`), may write the answer down.

        About the Director the Board answers: that is written down by an Auditor or by who entered it.
        """
        if self.about is About.DIRECTOR:
            return person.role is Role.AUDITOR or person.label == self.entered_by
        return person.may(Permission.COMPLAINT_ANSWER) and reads_all(person)


def reads_all(person: Person) -> bool:
    """Say whether `person` reads complaints that others entered: they are about the whole district, and so is who reads them."""
    return person.may(Permission.COMPLAINT_READ) and person.reach(Permission.COMPLAINT_READ) is None

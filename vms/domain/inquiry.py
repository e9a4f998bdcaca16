"""An inquiry by the public form: who asks about what, and what became of it. It confirms nothing, and gives no right to anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vms.domain.ids import InquiryId, RequestId
from vms.domain.instruments import Instrument
from vms.errors import VmsError

MAX_LINE_CHARS = 200
MAX_TEXT_CHARS = 1500
"""With the place in front it fits into what a request says that it is needed for."""
MAX_REASON_CHARS = 500
MOST_WAITING = 200
MOST_A_DAY = 50
"""More than staff look at is somebody who fills the list: the form then says where to go with paper."""


class AskedBy(StrEnum):
    """As what somebody asks, by their own word."""

    AGENCY = "agency"
    """Police, or another agency of government."""
    PERSON = "person"
    """About themselves, or a child of theirs."""
    OTHER = "other"


class InquiryState(StrEnum):
    WAITING = "waiting"
    REQUEST = "request"
    """A request was made of it."""
    ASIDE = "aside"
    """Somebody set it aside, with a reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an inquiry; said once."""

    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime
    reason: str = ""
    """Why it was set aside."""
    request: RequestId | None = None
    """That was made of it."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What somebody without an account said; none of it was looked into."""

    id: InquiryId
    asked_by: AskedBy
    name: str
    agency: str
    """Agency, firm, or in which relation; may be empty."""
    contact: str
    happened: str
    place: str
    when: str
    """In their words."""
    brings_paper: bool
    at: datetime
    outcome: Outcome | None = None
    fault: VmsError | None = None
    """Why its texts can't be read: it is in lists then, and nothing is done about it."""

    @property
    def state(self) -> InquiryState:
        if self.outcome is None:
            return InquiryState.WAITING
        return InquiryState.ASIDE if self.outcome.request is None else InquiryState.REQUEST

    @property
    def purpose(self) -> str:
        """Return what a request that is made of it is needed for."""
        return f"{self.place}: {self.happened}"

    @property
    def instrument(self) -> Instrument | None:
        """Return by what somebody asks who brings no paper; None where the paper decides."""
        if self.brings_paper:
            return None
        return INSTRUMENTS[self.asked_by]


INSTRUMENTS = {
    AskedBy.AGENCY: Instrument.AGENCY_REQUEST,
    AskedBy.PERSON: Instrument.SUBJECT_ACCESS,
    AskedBy.OTHER: Instrument.PUBLIC_RECORDS,
}
"""As what each is asked for without a paper; its rule has the words of what to bring."""

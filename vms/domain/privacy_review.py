"""Reviews of the cameras and their rules, once a year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from vms.domain.ids import PrivacyReviewId

REVIEW_EVERY = timedelta(days=365)
MAX_RESULT_CHARS = 4000


@dataclass(frozen=True, slots=True)
class PrivacyReview:
    """What came of one. It never changes."""

    id: PrivacyReviewId
    at: datetime
    by: str
    """`Actor.label`"""
    by_name: str
    result: str
    evidence: str
    """SHA-256 of the evidence pack as it was then, in hex."""


@dataclass(frozen=True, slots=True)
class ReviewStanding:
    reviews: tuple[PrivacyReview, ...]
    """The newest first."""
    due_at: datetime

    def overdue(self, at: datetime) -> bool:
        return self.due_at <= at

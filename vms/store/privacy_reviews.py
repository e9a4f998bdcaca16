"""Privacy reviews: added to and read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import PrivacyReviewId
from vms.domain.privacy_review import PrivacyReview
from vms.store.review_tables import PrivacyReviewRow


def add(session: Session, review: PrivacyReview) -> None:
    session.execute(
        insert(PrivacyReviewRow).values(
            id=review.id, at=review.at, by=review.by, by_name=review.by_name, result=review.result, evidence=review.evidence
        )
    )


def newest_at(session: Session) -> datetime | None:
    return session.scalar(select(func.max(PrivacyReviewRow.at)))


def find(session: Session, *, limit: int | None) -> list[PrivacyReview]:
    """Return the newest first."""
    rows = session.scalars(select(PrivacyReviewRow).order_by(PrivacyReviewRow.at.desc(), PrivacyReviewRow.id).limit(limit))
    return [PrivacyReview(PrivacyReviewId(row.id), row.at, row.by, row.by_name, row.result, row.evidence) for row in rows]

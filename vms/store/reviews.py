"""What was found about who watches, and digests: rows that are added, read, and erased with the entries that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from vms.domain.timespan import Timespan
from vms.store.log_tables import ReviewRow


@dataclass(frozen=True, slots=True)
class Review:
    """A finding, or the digest of a month."""

    id: int
    about: str
    at: datetime
    actor: str | None
    """None for a digest."""
    sentence: str
    counts: str | None
    last_number: int


def add(session: Session, review: Review) -> None:
    session.execute(
        insert(ReviewRow).values(
            id=review.id,
            about=review.about,
            at=review.at,
            actor=review.actor,
            sentence=review.sentence,
            counts=review.counts,
            last_number=review.last_number,
        )
    )


def forget(session: Session, last_number: int) -> int:
    """Delete what is about nothing newer than an entry of the log; return how many rows."""
    return len(session.scalars(delete(ReviewRow).where(ReviewRow.last_number <= last_number).returning(ReviewRow.id)).all())


def told(session: Session, about: str, *, since: datetime | None = None) -> bool:
    """Say whether `about` was told, ever or since a moment."""
    query = select(ReviewRow.id).where(ReviewRow.about == about).limit(1)
    return session.scalar(query if since is None else query.where(ReviewRow.at > since)) is not None


def subjects(session: Session, during: Timespan) -> list[str]:
    """Return whom each finding of a time was about."""
    query = select(ReviewRow.actor).where(ReviewRow.at >= during.start, ReviewRow.at < during.end, ReviewRow.actor.is_not(None))
    return [actor for actor in session.scalars(query) if actor is not None]


def every(session: Session) -> Iterator[Review]:
    """Yield all of them, in no order."""
    yield from (_review(row) for row in session.scalars(select(ReviewRow)))


def find(session: Session, *, skip: int, limit: int | None) -> Sequence[Review]:
    """Return the newest first; `skip` those of the pages before."""
    rows = session.scalars(select(ReviewRow).order_by(ReviewRow.at.desc(), ReviewRow.id).offset(skip).limit(limit))
    return [_review(row) for row in rows]


def _review(row: ReviewRow) -> Review:
    return Review(row.id, row.about, row.at, row.actor, row.sentence, row.counts, row.last_number)

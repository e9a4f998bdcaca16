"""Emergency accesses and their reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from vms.domain.emergency import Emergency, EmergencyAccess, EmergencyReview
from vms.domain.ids import EmergencyId, PersonId, SessionId
from vms.domain.timespan import Timespan
from vms.store.people_tables import EmergencyRow, PersonRow, SessionRow

_Reviewer = aliased(PersonRow)
_Query: TypeAlias = Select[EmergencyRow, str, datetime | None, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """Emergency accesses of a time."""

    reviewed: int
    unreviewed: int
    unreviewed_before: int
    """Opened earlier, and still without a review."""


def add(session: Session, access: EmergencyAccess, *, last_number: int) -> None:
    """Insert what somebody opens; the database refuses a second one of a person that nobody has closed."""
    session.execute(
        insert(EmergencyRow).values(
            id=access.id,
            person_id=access.person_id,
            session_id=access.session_id,
            reason=access.reason,
            opened_at=access.opened_at,
            ends_at=access.over_at,
            review_due_at=access.review_due_at,
            shown_to="",
            was_for="",
            review_note="",
            last_number=last_number,
        )
    )


def close(session: Session, number: EmergencyId, at: datetime) -> None:
    session.execute(update(EmergencyRow).where(EmergencyRow.id == number, EmergencyRow.closed_at.is_(None)).values(closed_at=at))


def get(session: Session, number: EmergencyId) -> EmergencyAccess | None:
    return next(iter(_found(session, _QUERY.where(EmergencyRow.id == number))), None)


def unclosed(session: Session, person: PersonId) -> EmergencyAccess | None:
    """Return what `person` has opened and neither ended nor replaced; its time may be over."""
    return next(iter(_found(session, _QUERY.where(EmergencyRow.person_id == person, EmergencyRow.closed_at.is_(None)))), None)


def lasts(session: Session, emergency: Emergency, at: datetime) -> bool:
    """Say whether nobody has ended `emergency` meanwhile, or its session, or its time."""
    if not emergency.lasts(at):
        return False
    query = select(EmergencyRow.id).join(SessionRow, SessionRow.id == EmergencyRow.session_id)
    query = query.where(EmergencyRow.id == emergency.id, EmergencyRow.closed_at.is_(None), SessionRow.ended_at.is_(None))
    return session.scalar(query) is not None


def of_person(session: Session, person: PersonId, *, limit: int) -> list[EmergencyAccess]:
    """Return those of `person`, the newest first."""
    return _found(session, _QUERY.where(EmergencyRow.person_id == person).order_by(EmergencyRow.opened_at.desc()).limit(limit))


def find(session: Session, *, skip: int, limit: int) -> list[EmergencyAccess]:
    """Return those without a review first, then the newest first; `skip` those of the pages before."""
    order = EmergencyRow.reviewed_at.is_not(None), EmergencyRow.opened_at.desc(), EmergencyRow.id
    return _found(session, _QUERY.order_by(*order).offset(skip).limit(limit))


def oldest_overdue(session: Session, person: PersonId, at: datetime) -> EmergencyAccess | None:
    """Return the first of `person` whose review is overdue."""
    query = _QUERY.where(EmergencyRow.person_id == person, _overdue(at)).order_by(EmergencyRow.review_due_at)
    return next(iter(_found(session, query.limit(1))), None)


def count_unreviewed(session: Session, person: PersonId) -> int:
    return _count(session, and_(EmergencyRow.person_id == person, EmergencyRow.reviewed_at.is_(None)))


def due_reviews(session: Session, reviewer: PersonId) -> list[datetime]:
    """Return when each review is due that is missing and that `reviewer` could write, the first one first."""
    query = select(EmergencyRow.review_due_at).where(EmergencyRow.reviewed_at.is_(None), EmergencyRow.person_id != reviewer)
    return list(session.scalars(query.order_by(EmergencyRow.review_due_at)))


def review(session: Session, number: EmergencyId, told: EmergencyReview, *, last_number: int) -> bool:
    """Keep a review; False when there is one already: of two who review at once one does."""
    missing = and_(EmergencyRow.id == number, EmergencyRow.reviewed_at.is_(None))
    values = {"reviewed_by": told.by, "reviewed_at": told.at, "was_for": told.was_for, "was_right": told.right}
    values |= {"review_note": told.note, "last_number": last_number}
    return session.scalar(update(EmergencyRow).where(missing).values(**values).returning(EmergencyRow.id)) is not None


def show(session: Session, number: EmergencyId, shown_to: str) -> None:
    session.execute(update(EmergencyRow).where(EmergencyRow.id == number).values(shown_to=shown_to))


def to_remind(session: Session, at: datetime) -> list[EmergencyAccess]:
    """Return those whose review is overdue and of which no reminder was mailed."""
    return _found(session, _QUERY.where(_overdue(at), EmergencyRow.reminded_at.is_(None)).order_by(EmergencyRow.review_due_at))


def mark_reminded(session: Session, number: EmergencyId, at: datetime) -> None:
    session.execute(update(EmergencyRow).where(EmergencyRow.id == number).values(reminded_at=at))


def count(session: Session, during: Timespan) -> Counted:
    inside = and_(EmergencyRow.opened_at >= during.start, EmergencyRow.opened_at < during.end)
    missing = EmergencyRow.reviewed_at.is_(None)
    return Counted(
        reviewed=_count(session, and_(inside, EmergencyRow.reviewed_at.is_not(None))),
        unreviewed=_count(session, and_(inside, missing)),
        unreviewed_before=_count(session, and_(EmergencyRow.opened_at < during.start, missing)),
    )


def forget(session: Session, last_number: int) -> None:
    """Delete what is about nothing newer than an entry of the log. What was never reviewed loses its texts and stays until it is."""
    old = EmergencyRow.last_number <= last_number
    session.execute(delete(EmergencyRow).where(old, EmergencyRow.reviewed_at.is_not(None)))
    session.execute(update(EmergencyRow).where(old).values(reason="", shown_to=""))


_QUERY: _Query = (
    select(EmergencyRow, PersonRow.name, SessionRow.ended_at, _Reviewer.name)
    .join(PersonRow, PersonRow.id == EmergencyRow.person_id)
    .join(SessionRow, SessionRow.id == EmergencyRow.session_id)
    .outerjoin(_Reviewer, _Reviewer.id == EmergencyRow.reviewed_by)
    .execution_options(populate_existing=True)
)


def _overdue(at: datetime) -> ColumnElement[bool]:
    return and_(EmergencyRow.reviewed_at.is_(None), EmergencyRow.review_due_at <= at)


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(EmergencyRow).where(which)) or 0


def _found(session: Session, query: _Query) -> list[EmergencyAccess]:
    return [_access(found) for found in session.execute(query)]


def _access(found: Row[EmergencyRow, str, datetime | None, str]) -> EmergencyAccess:
    row, name, session_ended_at, reviewer = found
    ends: Sequence[datetime | None] = (row.ends_at, row.closed_at, session_ended_at)
    return EmergencyAccess(
        id=EmergencyId(row.id),
        person_id=PersonId(row.person_id),
        person_name=name,
        session_id=SessionId(row.session_id),
        reason=row.reason,
        opened_at=row.opened_at,
        over_at=min(end for end in ends if end is not None),
        review_due_at=row.review_due_at,
        shown_to=row.shown_to,
        review=_review(row, reviewer),
    )


def _review(row: EmergencyRow, reviewer: str) -> EmergencyReview | None:
    if row.reviewed_by is None or row.reviewed_at is None or row.was_right is None:
        return None
    return EmergencyReview(PersonId(row.reviewed_by), reviewer, row.reviewed_at, row.was_for, row.was_right, row.review_note)

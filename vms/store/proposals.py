"""Acts that wait for a second person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, insert, or_, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import PersonId, ProposalId
from vms.domain.people import Person
from vms.domain.second_person import OF_PERSONS, POWERS, Act, Decision, Proposal
from vms.store.database import unique
from vms.store.people_tables import ProposalRow


def add(session: Session, proposal: Proposal) -> None:
    """Insert `proposal`; Conflict when the same act about the same subject waits already."""
    with unique("This was proposed already and waits."):
        session.execute(
            insert(ProposalRow).values(
                id=proposal.id,
                act=proposal.act,
                subject_id=proposal.subject,
                reason=proposal.reason,
                proposed_by=proposal.by,
                proposed_by_name=proposal.by_name,
                proposed_at=proposal.at,
                earliest_at=proposal.earliest_at,
                alone_at=proposal.alone_at,
            )
        )


def open_one(session: Session, act: Act, subject: int) -> Proposal | None:
    """Return what waits of `act` about `subject`."""
    row = session.scalar(
        select(ProposalRow).where(ProposalRow.act == act, ProposalRow.subject_id == subject, ProposalRow.decision.is_(None))
    )
    return None if row is None else _proposal(row)


def proposer(session: Session, act: Act, subject: int) -> str | None:
    query = select(ProposalRow.proposed_by).where(ProposalRow.act == act, ProposalRow.subject_id == subject)
    return session.scalar(query.order_by(ProposalRow.proposed_at.desc()).limit(1))


def approved_by_another(session: Session, act: Act, subject: PersonId) -> bool:
    """Say whether somebody else approved `act` about `subject` when it was last proposed, or is to: it isn't done alone."""
    query = select(ProposalRow.decision, ProposalRow.alone_at).where(ProposalRow.act == act, ProposalRow.subject_id == subject)
    last = session.execute(query.order_by(ProposalRow.proposed_at.desc()).limit(1)).one_or_none()
    return last is not None and (last[0] is Decision.APPROVED or (last[0] is None and last[1] is None))


def get(session: Session, number: ProposalId) -> Proposal | None:
    row = session.scalar(select(ProposalRow).where(ProposalRow.id == number).execution_options(populate_existing=True))
    return None if row is None else _proposal(row)


def waiting(session: Session, *, limit: int) -> list[Proposal]:
    """Return what waits, the oldest first."""
    return _found(session, select(ProposalRow).where(ProposalRow.decision.is_(None)).limit(limit))


def concerning(session: Session, person: Person, *, limit: int) -> list[Proposal]:
    """Return what waits that is done alone, about `person`, proposed by `person` or for `person` to approve, the oldest first."""
    theirs = ProposalRow.act.in_([act for act in Act if person.may(POWERS[act]) and person.reach(POWERS[act]) is None])
    own = or_(ProposalRow.alone_at.is_not(None), _about(person.id), ProposalRow.proposed_by == person.label, theirs)
    return _found(session, select(ProposalRow).where(ProposalRow.decision.is_(None), own).limit(limit))


def told_to_all(session: Session) -> list[Proposal]:
    """Return what waits that everybody is to know of: acts done alone, and accounts to be taken over."""
    told = or_(ProposalRow.alone_at.is_not(None), ProposalRow.act == Act.PERSON_RESET)
    return _found(session, select(ProposalRow).where(ProposalRow.decision.is_(None), told))


def mark_announced(session: Session, at: datetime) -> None:
    unseen = and_(ProposalRow.decision.is_(None), ProposalRow.alone_at.is_not(None), ProposalRow.announced_at.is_(None))
    session.execute(update(ProposalRow).where(unseen).values(announced_at=at))


def due(session: Session, at: datetime, *, announced_by: datetime) -> list[Proposal]:
    """Return what is to be done alone by `at` and was announced by another moment."""
    ripe = and_(ProposalRow.decision.is_(None), ProposalRow.alone_at <= at, ProposalRow.announced_at <= announced_by)
    return _found(session, select(ProposalRow).where(ripe))


def decide(session: Session, number: ProposalId, decision: Decision, at: datetime) -> bool:
    """Close what waits; False when it was closed before: of two who decide at once one does."""
    still_open = and_(ProposalRow.id == number, ProposalRow.decision.is_(None))
    values = {"decision": decision, "decided_at": at}
    return session.scalar(update(ProposalRow).where(still_open).values(**values).returning(ProposalRow.id)) is not None


def rename_proposers(session: Session, persons: Iterable[int], name: str) -> None:
    """Put `name` into the place of the names of those who proposed something."""
    labels = [f"person:{one}" for one in persons]
    session.execute(update(ProposalRow).where(ProposalRow.proposed_by.in_(labels)).values(proposed_by_name=name))


def _about(person: PersonId) -> ColumnElement[bool]:
    return and_(ProposalRow.act.in_(sorted(OF_PERSONS)), ProposalRow.subject_id == person)


def _found(session: Session, query: Select[ProposalRow]) -> list[Proposal]:
    rows = session.scalars(query.order_by(ProposalRow.proposed_at, ProposalRow.id).execution_options(populate_existing=True))
    return [_proposal(row) for row in rows]


def _proposal(row: ProposalRow) -> Proposal:
    return Proposal(
        id=ProposalId(row.id),
        act=row.act,
        subject=row.subject_id,
        reason=row.reason,
        by=row.proposed_by,
        by_name=row.proposed_by_name,
        at=row.proposed_at,
        earliest_at=row.earliest_at,
        alone_at=row.alone_at,
    )

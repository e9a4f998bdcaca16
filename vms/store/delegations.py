"""Delegations: the Delegate's role, lent to accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, insert, select, true, update
from sqlalchemy.orm import Session

from vms.domain.camera import Area
from vms.domain.delegation import Delegation
from vms.domain.ids import AreaId, BranchId, DelegationId, PersonId
from vms.domain.reach import Reach
from vms.store.central_tables import AreaRow
from vms.store.database import unique
from vms.store.people_tables import DelegationAreaRow, DelegationBranchRow, DelegationRow

_UNENDED = and_(DelegationRow.granted_at.is_not(None), DelegationRow.ended_at.is_(None))


def add(session: Session, person: PersonId, delegation: Delegation) -> None:
    """Insert what is proposed; it gives nothing before it is granted."""
    reach = delegation.reach
    session.execute(
        insert(DelegationRow).values(
            id=delegation.id,
            person_id=person,
            whole_district=reach is None,
            starts_at=delegation.starts_at,
            ends_at=delegation.ends_at,
        )
    )
    if reach is not None and reach.branches:
        session.execute(
            insert(DelegationBranchRow), [{"delegation_id": delegation.id, "branch_id": branch} for branch in sorted(reach.branches)]
        )
    if reach is not None and reach.areas:
        areas = sorted(area.id for area in reach.areas)
        session.execute(insert(DelegationAreaRow), [{"delegation_id": delegation.id, "area_id": area} for area in areas])


def grant(session: Session, delegation: Delegation, at: datetime) -> None:
    """Let a delegation count, from its start on; Conflict when another of the same person has not ended."""
    with unique("The Delegate's role is lent to this account already. End that delegation first."):
        session.execute(
            update(DelegationRow).where(DelegationRow.id == delegation.id).values(granted_at=at, starts_at=delegation.starts_at)
        )


def end(session: Session, number: DelegationId, at: datetime) -> bool:
    """Take a granted delegation back, or write down that it is over; False when that was done before."""
    still = and_(DelegationRow.id == number, _UNENDED)
    return session.scalar(update(DelegationRow).where(still).values(ended_at=at).returning(DelegationRow.id)) is not None


def get(session: Session, numbers: Collection[DelegationId]) -> dict[DelegationId, Delegation]:
    """Return delegations by their numbers, granted or not."""
    found = _found(session, DelegationRow.id.in_(sorted(numbers))) if numbers else []
    return {one.id: one for _, one in found}


def lent(session: Session, person: PersonId | None = None) -> dict[PersonId, Delegation]:
    """Return what was granted and not ended, of everybody or of one person: to come, lasting, or over without anybody having noticed."""
    return dict(_found(session, and_(_UNENDED, true() if person is None else DelegationRow.person_id == person)))


def over(session: Session, at: datetime) -> list[tuple[PersonId, Delegation]]:
    """Return what is over on its day, and of which that was not written down yet."""
    return _found(session, and_(_UNENDED, DelegationRow.ends_at <= at))


def _found(session: Session, which: ColumnElement[bool]) -> list[tuple[PersonId, Delegation]]:
    query: Select[int, int, datetime, datetime, bool] = select(
        DelegationRow.id, DelegationRow.person_id, DelegationRow.starts_at, DelegationRow.ends_at, DelegationRow.whole_district
    )
    return [
        (PersonId(person), Delegation(DelegationId(number), starts_at, ends_at, None if whole else _reach(session, number)))
        for number, person, starts_at, ends_at, whole in session.execute(query.where(which).order_by(DelegationRow.id)).all()
    ]


def _reach(session: Session, number: int) -> Reach:
    branches = session.scalars(select(DelegationBranchRow.branch_id).where(DelegationBranchRow.delegation_id == number))
    areas = session.execute(
        select(AreaRow.id, AreaRow.branch_id, AreaRow.name)
        .join(DelegationAreaRow, DelegationAreaRow.area_id == AreaRow.id)
        .where(DelegationAreaRow.delegation_id == number)
    )
    return Reach(
        frozenset(BranchId(one) for one in branches), frozenset(Area(AreaId(area), BranchId(branch), name) for area, branch, name in areas)
    )

"""Branches of the district."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, true
from sqlalchemy.orm import Session

from vms.domain.camera import Branch
from vms.domain.ids import BranchId
from vms.domain.names import name_key
from vms.store.central_tables import BranchRow
from vms.store.database import unique


def add(session: Session, branch: Branch, *, at: datetime) -> None:
    """Insert `branch`; Conflict when the name is taken."""
    with unique(f"There is a branch ‘{branch.name}’ already. Choose another name."):
        row = {"id": branch.id, "name": branch.name, "name_key": name_key(branch.name), "timezone": branch.timezone, "created_at": at}
        session.execute(insert(BranchRow).values(row))


def find(session: Session, reach: frozenset[BranchId] | None) -> list[Branch]:
    """Return the branches within `reach` (None: all), by name."""
    query = select(BranchRow.id, BranchRow.name, BranchRow.timezone).where(within(reach)).order_by(BranchRow.name_key)
    return [Branch(BranchId(number), name, zone) for number, name, zone in session.execute(query)]


def within(reach: frozenset[BranchId] | None) -> ColumnElement[bool]:
    """Return the condition on `branch.id` that keeps a query inside what an actor may see."""
    return true() if reach is None else BranchRow.id.in_(sorted(reach))

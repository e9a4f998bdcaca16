"""Branches of the district."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from vms.domain.camera import Branch
from vms.domain.ids import BranchId
from vms.domain.names import name_key
from vms.domain.reach import Reach
from vms.store.central_tables import BranchRow
from vms.store.database import unique
from vms.store.reach import touched_branches, whole_branches


def add(session: Session, branch: Branch, *, at: datetime) -> None:
    """Insert `branch`; Conflict when the name is taken."""
    with unique(f"There is a branch ‘{branch.name}’ already. Choose another name."):
        row = {"id": branch.id, "name": branch.name, "name_key": name_key(branch.name), "timezone": branch.timezone, "created_at": at}
        session.execute(insert(BranchRow).values(row))


def find(session: Session, reach: Reach | None) -> list[Branch]:
    """Return the branches of which any part is within `reach` (None: all), by name."""
    return _find(session, touched_branches(reach))


def find_whole(session: Session, reach: Reach | None) -> list[Branch]:
    """Return the branches that are within `reach` as a whole, by name."""
    return _find(session, whole_branches(reach))


def _find(session: Session, condition: ColumnElement[bool]) -> list[Branch]:
    query = select(BranchRow.id, BranchRow.name, BranchRow.timezone).where(condition).order_by(BranchRow.name_key)
    return [Branch(BranchId(number), name, zone) for number, name, zone in session.execute(query)]

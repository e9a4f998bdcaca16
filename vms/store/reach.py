"""The conditions that keep a query inside what an actor may see. They stand in the SQL, so no list is longer than its reader's reach."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, true

from vms.domain.reach import Reach
from vms.store.central_tables import BranchRow, CameraRow


def whole_branches(reach: Reach | None) -> ColumnElement[bool]:
    """Return the condition on `branch` for those that are within `reach` as a whole."""
    return true() if reach is None else BranchRow.id.in_(sorted(reach.branches))


def touched_branches(reach: Reach | None) -> ColumnElement[bool]:
    """Return the condition on `branch` for those of which any part is within `reach`."""
    return true() if reach is None else BranchRow.id.in_(sorted(reach.branches | {area.branch_id for area in reach.areas}))


def cameras_within(reach: Reach | None) -> ColumnElement[bool]:
    """Return the condition on `camera`."""
    if reach is None:
        return true()
    of_branches = CameraRow.branch_id.in_(sorted(reach.branches))
    return or_(of_branches, CameraRow.area_id.in_(sorted(area.id for area in reach.areas))) if reach.areas else of_branches

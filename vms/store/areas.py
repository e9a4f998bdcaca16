"""Areas of branches, such as the entrance or the children's room. One is there from the first camera that names it."""

from __future__ import annotations

from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from vms.domain.camera import Area
from vms.domain.ids import AreaId, BranchId, new_number
from vms.domain.names import name_key
from vms.domain.reach import Reach
from vms.store.central_tables import AreaRow, BranchRow, CameraRow
from vms.store.reach import cameras_within


def find(session: Session, reach: Reach | None) -> list[Area]:
    """Return the areas within `reach` (None: all) in which a camera is in use, by branch and name."""
    in_use = exists().where(CameraRow.area_id == AreaRow.id, CameraRow.removed_at.is_(None), cameras_within(reach))
    query = select(AreaRow).join(BranchRow, BranchRow.id == AreaRow.branch_id).where(in_use).order_by(BranchRow.name_key, AreaRow.name)
    return [area_of(row) for row in session.scalars(query)]


def named(session: Session, branch: BranchId, name: str) -> Area:
    """Return the area of `branch` with that name, whatever the case; added where there is none. Who adds one holds the branch."""
    session.execute(select(BranchRow.id).where(BranchRow.id == branch).with_for_update())
    known = [area_of(row) for row in session.scalars(select(AreaRow).where(AreaRow.branch_id == branch))]
    found = next((area for area in known if name_key(area.name) == name_key(name)), None)
    if found is not None:
        return found
    area = Area(AreaId(new_number()), branch, name)
    session.execute(insert(AreaRow).values(id=area.id, branch_id=branch, name=name))
    return area


def area_of(row: AreaRow) -> Area:
    return Area(AreaId(row.id), BranchId(row.branch_id), row.name)

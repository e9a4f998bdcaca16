"""Areas: parts of branches, such as the entrance, that cameras look at and to which accounts may be limited."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from vms.domain.camera import Area, Branch
from vms.domain.ids import BranchId
from vms.domain.names import name_key, plain_name
from vms.domain.people import Actor, Permission, reach
from vms.errors import InvalidInput, NotFound
from vms.store import areas

ELSEWHERE = "You look after an area of this branch, not all of it. Choose one of your areas, or ask IT of the whole branch."


def list_areas(session: Session, actor: Actor, permission: Permission = Permission.CAMERA_LIST) -> list[Area]:
    """Return the areas with cameras in use where `actor` may do what `permission` names, by branch and name."""
    return areas.find(session, reach(actor, permission))


def area_named(session: Session, actor: Actor, branch: Branch, name: str) -> Area:
    """Return the area of `branch` with that name; NotFound lists those there are."""
    known = [area for area in list_areas(session, actor) if area.branch_id == branch.id]
    found = next((area for area in known if name_key(area.name) == name_key(" ".join(name.split()))), None)
    if found is None:
        names = ", ".join(f"‘{area.name}’" for area in known) or "none yet; a camera's --area adds one"
        raise NotFound(f"{branch.name} has no area ‘{name}’. Areas: {names}.")
    return found


def checked_area(text: str) -> str:
    """Return the name of an area as it is kept; "" for none. ValueError for a name that can't be."""
    return plain_name(text, "area") if text.strip() else ""


def area_for_camera(session: Session, actor: Actor, branch: BranchId, name: str) -> Area | None:
    """Return where a camera is to stand: the area of that name, added where there is none; None for an empty name.

    Who looks after an area puts cameras into that alone: InvalidInput for any other.
    """
    mine = reach(actor, Permission.CAMERA_MANAGE)
    if mine is None or branch in mine.branches:
        return areas.named(session, branch, name) if name else None
    found = next((area for area in mine.inside(branch).areas if name_key(area.name) == name_key(name)), None)
    if found is None:
        raise InvalidInput(ELSEWHERE)
    return found


def offered_areas(session: Session, actor: Actor, branches: Collection[BranchId]) -> list[str]:
    """Return names of areas of `branches` for a camera to stand in: those there are, or the own of who looks after those alone."""
    mine = reach(actor, Permission.CAMERA_MANAGE)
    own = frozenset() if mine is None else mine.areas
    names = {area.name for area in [*list_areas(session, actor, Permission.CAMERA_MANAGE), *own] if area.branch_id in branches}
    return sorted(names, key=name_key)

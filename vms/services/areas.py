"""Areas: parts of branches, such as the entrance, that cameras look at and to which accounts may be limited."""

from __future__ import annotations

from sqlalchemy.orm import Session

from vms.domain.camera import Area, Branch
from vms.domain.ids import BranchId
from vms.domain.names import name_key
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, reach
from vms.errors import NotFound
from vms.store import areas

ELSEWHERE = Refused(Refusal.NOT_ALLOWED, "You look after a part of this branch. Choose one of your areas, or ask IT of the whole branch.")


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


def area_for_camera(session: Session, actor: Actor, branch: BranchId, name: str) -> Area | Refused | None:
    """Return where a camera is to stand: the area of that name, added where there is none; None for an empty name.

    Who looks after a part of the branch puts cameras into that part alone.
    """
    mine = reach(actor, Permission.CAMERA_MANAGE)
    if mine is None or branch in mine.branches:
        return areas.named(session, branch, name) if name else None
    own = mine.inside(branch).areas
    return next((area for area in own if name_key(area.name) == name_key(name)), ELSEWHERE)

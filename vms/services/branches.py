"""Branches: the places that people, cameras and views belong to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.camera import Branch
from vms.domain.ids import BranchId, new_number
from vms.domain.names import name_key
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, allows, reach
from vms.errors import InvalidInput, NotFound
from vms.services.access_log import record, refuse
from vms.services.district import checked_timezone, load_district
from vms.services.names import checked_name
from vms.services.refusals import not_allowed
from vms.store import branches


def add_branch(session: Session, actor: Actor, *, name: str, timezone: str | None, at: datetime) -> Branch | Refused:
    """Add a branch, in the district's time zone unless told; InvalidInput for name or zone, Conflict when the name is taken."""
    if not allows(actor, Permission.CAMERA_MANAGE) or reach(actor, Permission.CAMERA_MANAGE) is not None:
        return refuse(session, actor, Action.BRANCH_ADD, not_allowed("add a branch", "IT"), at=at)
    branch = Branch(BranchId(new_number()), checked_name(name, "branch"), checked_timezone(timezone or _district_timezone(session)))
    branches.add(session, branch, at=at)
    record(session, actor=actor, action=Action.BRANCH_ADD, at=at, detail={"branch": str(branch.id), "name": branch.name})
    return branch


def list_branches(session: Session, actor: Actor, permission: Permission = Permission.CAMERA_LIST) -> list[Branch]:
    """Return the branches in which `actor` may do what `permission` names, by name; an emergency widens some permissions alone."""
    return branches.find(session, reach(actor, permission))


def list_whole_branches(session: Session, actor: Actor, permission: Permission) -> list[Branch]:
    """Return the branches that are the actor's as a whole where `permission` is what is asked for, by name."""
    return branches.find_whole(session, reach(actor, permission))


def branch_named(session: Session, actor: Actor, text: str) -> Branch:
    """Return the branch with this name or number; NotFound lists those there are."""
    known = list_branches(session, actor)
    wanted = name_key(" ".join(text.split()))
    found = next((branch for branch in known if text == str(branch.id) or name_key(branch.name) == wanted), None)
    if found is None:
        names = ", ".join(f"‘{branch.name}’" for branch in known) or "none yet; add one with: vms branch add NAME"
        raise NotFound(f"There is no branch ‘{text}’. Branches: {names}.")
    return found


def _district_timezone(session: Session) -> str:
    district = load_district(session)
    if district is None:
        raise InvalidInput("A branch needs a time zone, an IANA name such as America/Los_Angeles.")
    return district.timezone

"""The branches and areas that an account or a delegation is limited to."""

from __future__ import annotations

from sqlalchemy.orm import Session

from vms.domain.ids import AreaId, BranchId
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, reach
from vms.domain.reach import Reach
from vms.errors import InvalidInput
from vms.services.refusals import no_such, not_allowed
from vms.store import areas as area_rows
from vms.store import branches as branch_rows


def checked_places(
    session: Session, actor: Actor, permission: Permission, branches: frozenset[BranchId] | None, areas: frozenset[AreaId]
) -> Reach | Refused | None:
    """Return these branches and, without those in them, these areas, as a reach; None is the whole district.

    Refused where they lie beyond what `permission` lets `actor` give. InvalidInput for areas beside the whole district.
    """
    mine = reach(actor, permission)
    if branches is None:
        if areas:
            raise InvalidInput("The whole district is limited to no area. Give branches, or none of them, beside the areas.")
        return None if mine is None else not_allowed("give rights in the whole district", "IT of the whole district")
    if not branches <= {branch.id for branch in branch_rows.find_whole(session, mine)}:
        return no_such("branch")
    known = {area.id: area for area in area_rows.find(session, mine)} if areas else {}
    if not areas <= known.keys():
        return no_such("area")
    return Reach(branches, frozenset(known[number] for number in areas if known[number].branch_id not in branches))


def places_told(reach: Reach | None) -> dict[str, str]:
    """Return a reach as entries of the access log tell it."""
    if reach is None:
        return {"branches": "all"}
    told = {"branches": " ".join(str(branch) for branch in sorted(reach.branches))}
    return told | ({"areas": " ".join(str(number) for number in sorted(area.id for area in reach.areas))} if reach.areas else {})

"""How far somebody's rights go: whole branches, and areas of others."""

from __future__ import annotations

from dataclasses import dataclass

from vms.domain.camera import Area
from vms.domain.ids import AreaId, BranchId


@dataclass(frozen=True, slots=True)
class Reach:
    """A part of the district. Wherever one is asked for, None means the whole district."""

    branches: frozenset[BranchId]
    areas: frozenset[Area] = frozenset()
    """Of branches that are not in it as a whole."""

    def has(self, branch: BranchId, area: AreaId | None) -> bool:
        """Say whether a camera of `branch` in `area` (None: in none) is within."""
        return branch in self.branches or any(one.id == area for one in self.areas)

    def touches(self, branch: BranchId) -> bool:
        """Say whether any part of `branch` is within."""
        return branch in self.branches or any(one.branch_id == branch for one in self.areas)

    def covers(self, other: Reach) -> bool:
        """Say whether all of `other` is within."""
        return other.branches <= self.branches and all(one.branch_id in self.branches or one in self.areas for one in other.areas)

    def plus(self, other: Reach) -> Reach:
        """Return what is within either."""
        branches = self.branches | other.branches
        return Reach(branches, frozenset(one for one in self.areas | other.areas if one.branch_id not in branches))

    def inside(self, branch: BranchId) -> Reach:
        """Return what of it is in `branch`."""
        return Reach(self.branches & {branch}, frozenset(one for one in self.areas if one.branch_id == branch))


def either(one: Reach | None, other: Reach | None) -> Reach | None:
    """Return what is within one or the other, of which each may be the whole district."""
    return None if one is None or other is None else one.plus(other)

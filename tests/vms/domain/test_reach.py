"""How far rights go: what is within a reach, and which reach covers which."""

from __future__ import annotations

import pytest

from vms.domain.camera import Area
from vms.domain.ids import AreaId, BranchId
from vms.domain.reach import Reach

OURS, THEIRS = BranchId(5), BranchId(6)
CRIB, DOOR, PIER = Area(AreaId(1), OURS, "Children's room"), Area(AreaId(2), OURS, "Entrance"), Area(AreaId(3), THEIRS, "Quay")
NOTHING, BRANCH = Reach(frozenset()), Reach(frozenset({OURS}))


def areas(*within: Area) -> Reach:
    return Reach(frozenset(), frozenset(within))


def test_a_branch_has_all_its_areas_and_an_area_has_itself() -> None:
    assert all(BRANCH.has(OURS, area) for area in (None, CRIB.id, DOOR.id))
    assert not BRANCH.has(THEIRS, PIER.id)
    assert areas(CRIB).has(OURS, CRIB.id)
    assert not any(areas(CRIB).has(OURS, area) for area in (None, DOOR.id))


def test_an_area_touches_its_branch() -> None:
    assert [reach.touches(OURS) for reach in (BRANCH, areas(CRIB), areas(PIER), NOTHING)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("mine", "other", "covers"),
    [
        (BRANCH, areas(CRIB, DOOR), True),
        (BRANCH, areas(CRIB, PIER), False),
        (areas(CRIB), areas(CRIB), True),
        (areas(CRIB), areas(DOOR), False),
        (areas(CRIB, DOOR), BRANCH, False),
        (NOTHING, areas(CRIB), False),
        (areas(CRIB), NOTHING, True),
        (Reach(frozenset({OURS}), frozenset({PIER})), Reach(frozenset(), frozenset({DOOR, PIER})), True),
    ],
)
def test_one_covers_another_when_all_of_that_is_within(mine: Reach, other: Reach, covers: bool) -> None:  # noqa: FBT001 - what is expected
    assert mine.covers(other) is covers


def test_of_a_reach_its_part_in_one_branch_is_left() -> None:
    both = Reach(frozenset({OURS}), frozenset({PIER}))
    assert (both.inside(OURS), both.inside(THEIRS)) == (BRANCH, areas(PIER))

"""The one table that says who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import CONSOLE, NOW
from vms.domain.ids import BranchId, NodeId, PersonId, SessionId
from vms.domain.people import IDLE_LIMITS, PERMISSIONS, Actor, Node, Permission, Person, Proof, Role, System, allows, reach
from vms.domain.reach import Reach
from vms.domain.screens import SessionKind

_WATCHING = {Permission.LIVE_VIEW, Permission.RECORDED_VIEW}


def _person(role: Role, branches: frozenset[BranchId] | None = None) -> Person:
    return Person(PersonId(1), "Ana", role, SessionId(2), branches)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_configures_cameras_and_watches_them(role: Role) -> None:
    assert not (Permission.CAMERA_MANAGE in PERMISSIONS[role] and PERMISSIONS[role] & _WATCHING)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_proposes_and_confirms_accounts(role: Role) -> None:
    assert len(PERMISSIONS[role] & {Permission.PEOPLE_PROPOSE, Permission.PEOPLE_CONFIRM}) < 2


@pytest.mark.parametrize("role", list(Role))
def test_no_role_may_everything_and_the_auditor_does_nothing(role: Role) -> None:
    assert PERMISSIONS[role] < set(Permission)
    changes = {
        Permission.CAMERA_MANAGE,
        Permission.EMERGENCY_OPEN,
        Permission.PEOPLE_PROPOSE,
        Permission.PEOPLE_CONFIRM,
        Permission.PEOPLE_END,
    }
    assert role is not Role.AUDITOR or not PERMISSIONS[role] & (changes | _WATCHING)


def test_a_delegate_may_no_more_than_the_director_and_confirms_nobody() -> None:
    assert PERMISSIONS[Role.DELEGATE] < PERMISSIONS[Role.DIRECTOR]
    assert Permission.PEOPLE_CONFIRM not in PERMISSIONS[Role.DELEGATE]


@pytest.mark.parametrize("actor", [CONSOLE, System("digest"), Node(NodeId(3))])
@pytest.mark.parametrize("permission", [*_WATCHING, Permission.LOG_READ, Permission.PEOPLE_CONFIRM, Permission.SIGNED_IN])
def test_acts_of_people_need_a_person(actor: Actor, permission: Permission) -> None:
    assert not allows(actor, permission)


def test_a_person_may_what_the_role_may() -> None:
    assert allows(_person(Role.IT), Permission.CAMERA_MANAGE)
    assert not allows(_person(Role.DESK), Permission.CAMERA_MANAGE)


@pytest.mark.parametrize("role", list(Role))
def test_a_locked_workstation_may_live_pictures_and_a_new_proof_alone(role: Role) -> None:
    limit = IDLE_LIMITS[role]
    sat = replace(_person(role), kind=SessionKind.WORKSTATION, acted_at=NOW, at=NOW + limit - timedelta(seconds=1))
    locked = replace(sat, at=NOW + limit)
    kept = {Permission.PUBLIC, Permission.SESSION_OWN, Permission.CAMERA_LIST, Permission.LIVE_VIEW}
    assert (sat.locked_since, locked.locked_since) == (None, NOW + limit)
    assert {one for one in Permission if sat.may(one)} == PERMISSIONS[role]
    assert {one for one in Permission if locked.may(one)} == PERMISSIONS[role] & kept


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("left_for", [timedelta(0), timedelta(days=1)])
def test_a_wall_may_live_pictures_alone(role: Role, left_for: timedelta) -> None:
    wall = replace(_person(role), kind=SessionKind.WALL, acted_at=NOW, at=NOW + left_for)
    assert {one for one in Permission if wall.may(one)} == PERMISSIONS[role] & {Permission.PUBLIC, Permission.LIVE_VIEW}
    assert wall.locked_since is None


def test_no_session_elsewhere_locks() -> None:
    assert replace(_person(Role.DESK), acted_at=NOW, at=NOW + timedelta(hours=7)).may(Permission.RECORDED_VIEW)


def test_who_has_no_second_factor_yet_is_let_no_further_by_a_lock() -> None:
    person = replace(_person(Role.DESK), proof=Proof.PASSWORD, kind=SessionKind.WORKSTATION, acted_at=NOW, at=NOW + timedelta(hours=1))
    assert {one for one in Permission if person.may(one)} == {Permission.PUBLIC, Permission.SESSION_OWN}


def test_a_person_reaches_the_branches_of_the_account() -> None:
    ours = BranchId(5)
    limited, whole = _person(Role.DESK, frozenset({ours})), _person(Role.DIRECTOR)
    for permission in Permission:
        assert reach(limited, permission) == Reach(frozenset({ours}))
        assert reach(whole, permission) is None
        assert reach(CONSOLE, permission) is None

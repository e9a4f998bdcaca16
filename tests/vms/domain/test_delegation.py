"""What a lent role adds to the own one, and beside which roles it never stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, after
from vms.domain.camera import Area
from vms.domain.delegation import Delegation
from vms.domain.ids import AreaId, BranchId, DelegationId, PersonId, SessionId
from vms.domain.people import IDLE_LIMITS, NO_DELEGATE, PERMISSIONS, SESSION_LIMITS, Account, Permission, Person, Rights, Role, covers
from vms.domain.reach import Reach, either

OURS, THEIRS = BranchId(5), BranchId(6)
QUAY = Area(AreaId(7), THEIRS, "Quay")
LENT = Delegation(DelegationId(9), NOW, after(60), Reach(frozenset({THEIRS})))
FITS = sorted(set(Role) - set(NO_DELEGATE))
_REACHES = st.none() | st.builds(
    Reach, st.frozensets(st.sampled_from([OURS, THEIRS])), st.frozensets(st.sampled_from([QUAY, Area(AreaId(8), OURS, "Pier")]))
)
_WATCHES = {Permission.LIVE_VIEW, Permission.RECORDED_VIEW}


def _person(role: Role, lent: Delegation | None = LENT) -> Person:
    return Person(PersonId(1), "Ana", role, SessionId(2), frozenset({OURS}), delegation=lent)


@pytest.mark.parametrize("role", list(Role))
def test_the_role_stands_beside_no_role_that_the_table_keeps_apart(role: Role) -> None:
    both = PERMISSIONS[role] | PERMISSIONS[Role.DELEGATE]
    configures_and_watches = Permission.CAMERA_MANAGE in both and both & _WATCHES
    adds_and_watches = Permission.PEOPLE_PROPOSE in both and both & _WATCHES
    kept_apart = configures_and_watches or adds_and_watches or role in {Role.AUDITOR, Role.COUNSEL}
    assert (role in NO_DELEGATE) is bool(kept_apart or role in {Role.DIRECTOR, Role.DELEGATE})


@pytest.mark.parametrize("role", FITS)
def test_where_it_is_lent_it_may_all_that_the_own_role_may(role: Role) -> None:
    """`Rights.role_at` names one role for a place: the other would have to give nothing more there."""
    assert PERMISSIONS[role] <= PERMISSIONS[Role.DELEGATE]


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", FITS)
def test_it_adds_what_a_delegate_may_there_and_nothing_elsewhere(role: Role, permission: Permission) -> None:
    person = _person(role)
    assert person.may(permission) is (permission in PERMISSIONS[role] | PERMISSIONS[Role.DELEGATE])
    assert person.has_right(permission, OURS, None) is (permission in PERMISSIONS[role])
    assert person.has_right(permission, THEIRS, None) is (permission in PERMISSIONS[Role.DELEGATE])


@pytest.mark.parametrize("role", FITS)
def test_who_holds_it_lends_nothing_on(role: Role) -> None:
    person = _person(role, replace(LENT, reach=None))
    assert not person.may(Permission.DELEGATION_PROPOSE)
    assert not person.may(Permission.PEOPLE_CONFIRM)


def test_it_counts_from_its_first_moment_to_its_last() -> None:
    account = Account(PersonId(1), "Ana", Role.DESK, None, NOW, NOW, delegation=LENT)
    lasts = [account.rights(at).lent is not None for at in (after(-1), NOW, after(59), after(60))]
    assert lasts == [False, True, True, False]


def test_sessions_are_guarded_as_those_of_an_account_of_either_role() -> None:
    rights = Rights(Role.DESK, None, LENT)
    assert (rights.session_limit, rights.idle_limit) == (SESSION_LIMITS[Role.DELEGATE], IDLE_LIMITS[Role.DELEGATE])
    assert Rights(Role.DESK, None).session_limit == SESSION_LIMITS[Role.DESK] > timedelta(hours=8)


def test_an_account_that_is_lent_more_is_looked_after_by_who_reaches_all_of_it() -> None:
    ours = Person(PersonId(2), "Ben", Role.IT, SessionId(3), frozenset({OURS}))
    account = Account(PersonId(1), "Ana", Role.DESK, frozenset({OURS}), NOW, NOW)
    assert covers(ours, account, Permission.PEOPLE_END)
    assert not covers(ours, replace(account, delegation=LENT), Permission.PEOPLE_END)


@given(one=_REACHES, other=_REACHES, branch=st.sampled_from([OURS, THEIRS]), area=st.none() | st.sampled_from([AreaId(7), AreaId(8)]))
def test_what_is_within_either_reach_is_within_both_together(
    one: Reach | None, other: Reach | None, branch: BranchId, area: AreaId
) -> None:
    def has(reach: Reach | None) -> bool:
        return reach is None or reach.has(branch, area)

    of_its_branch = {None: branch, AreaId(7): THEIRS, AreaId(8): OURS}[area] == branch
    assert not of_its_branch or has(either(one, other)) is (has(one) or has(other))

"""Emergency access: how long, how far back, when a review is due, and that it gives nothing but looking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from vms.domain.digest import emergencies_sentence
from vms.domain.emergency import LASTS, Emergency, EmergencyAccess, EmergencyReview, State, review_due
from vms.domain.ids import BranchId, EmergencyId, PersonId, SessionId
from vms.domain.people import IN_EMERGENCY, PERMISSIONS, Permission, Person, Proof, Role, reach
from vms.domain.reach import Reach

_OURS, _THEIRS = BranchId(5), BranchId(6)
_OPENED = Emergency(EmergencyId(9), NOW, NOW + LASTS)
_ZONE = "America/Los_Angeles"
_OPENS = [role for role in Role if Permission.EMERGENCY_OPEN in PERMISSIONS[role]]


def _person(role: Role, emergency: Emergency | None, proof: Proof = Proof.TOTP) -> Person:
    return Person(PersonId(1), "Ana", role, SessionId(2), frozenset({_OURS}), proof, emergency=emergency)


@pytest.mark.parametrize("permission", list(Permission))
@pytest.mark.parametrize("role", list(Role))
def test_it_widens_looking_and_nothing_else(role: Role, permission: Permission) -> None:
    """Over every permission there is: one that is added later, such as an export, is refused by this until somebody changes it here."""
    plain, widened = _person(role, None), _person(role, _OPENED)
    if role in _OPENS and permission in {Permission.LIVE_VIEW, Permission.RECORDED_VIEW, Permission.CAMERA_LIST}:
        assert widened.may(permission)
        assert reach(widened, permission) is None
    else:
        assert widened.may(permission) is plain.may(permission)
        assert reach(widened, permission) == reach(plain, permission) == Reach(frozenset({_OURS}))


def test_who_watches_live_may_open_one_and_nobody_else() -> None:
    assert {role for role in Role if Permission.LIVE_VIEW in PERMISSIONS[role]} == set(_OPENS)
    assert {Role.IT, Role.AUDITOR, Role.COUNSEL}.isdisjoint(_OPENS)


def test_who_opens_one_and_does_not_decide_does_not_review() -> None:
    assert {role for role in Role if Permission.EMERGENCY_REVIEW in PERMISSIONS[role]} == {Role.DIRECTOR, Role.DELEGATE, Role.AUDITOR}


@pytest.mark.parametrize("permission", sorted(IN_EMERGENCY))
def test_the_own_rights_stay_what_they_are(permission: Permission) -> None:
    manager = _person(Role.BRANCH_MANAGER, _OPENED)
    assert manager.has_right(permission, _OURS, None) is (permission is not Permission.RECORDED_VIEW)
    assert not manager.has_right(permission, _THEIRS, None)


def test_a_password_alone_opens_nothing_in_an_emergency_either() -> None:
    person = _person(Role.DESK, _OPENED, Proof.PASSWORD)
    assert person.must_enrol
    assert not any(person.may(permission) for permission in IN_EMERGENCY)


def test_it_lasts_from_its_opening_for_half_an_hour_and_shows_half_an_hour_before() -> None:
    assert [_OPENED.lasts(NOW + by) for by in (-timedelta(seconds=1), timedelta(0), LASTS - timedelta(seconds=1), LASTS)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert timedelta(minutes=30) == LASTS
    assert _OPENED.footage_from == NOW - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("opened", "last_day"),
    [
        ("2026-03-09T10:00", "2026-03-11"),  # Monday: until Wednesday is over
        ("2026-03-12T23:59", "2026-03-16"),  # Thursday: Friday, Monday
        ("2026-03-13T08:00", "2026-03-17"),  # Friday
        ("2026-03-14T08:00", "2026-03-17"),  # Saturday
        ("2026-03-15T23:00", "2026-03-17"),  # Sunday
    ],
)
def test_a_review_is_due_when_the_second_working_day_is_over(opened: str, last_day: str) -> None:
    at = datetime.fromisoformat(opened).replace(tzinfo=ZoneInfo(_ZONE)).astimezone(UTC)
    due = review_due(at, _ZONE, ()).astimezone(ZoneInfo(_ZONE))
    assert (due - timedelta(microseconds=1)).date() == date.fromisoformat(last_day)
    assert (due.hour, due.minute) == (0, 0)


def test_the_day_is_the_districts_and_not_utcs() -> None:
    """Sunday evening there is Monday in UTC."""
    sunday = datetime(2026, 3, 16, 2, 0, tzinfo=UTC)
    assert review_due(sunday, _ZONE, ()) == datetime(2026, 3, 18, 7, 0, tzinfo=UTC)
    assert review_due(sunday, "Etc/UTC", ()) == datetime(2026, 3, 19, tzinfo=UTC)


def test_a_holiday_is_not_counted() -> None:
    wednesday = datetime(2026, 12, 23, 18, 0, tzinfo=UTC)
    due = review_due(wednesday, _ZONE, {date(2026, 12, 25), date(2026, 12, 26)})
    assert due.astimezone(ZoneInfo(_ZONE)) == datetime(2026, 12, 29, tzinfo=ZoneInfo(_ZONE))  # Thursday and Monday
    assert due == review_due(wednesday, _ZONE, ()) + timedelta(days=3)


@given(st.integers(0, 36_500 * 24 * 60), st.sampled_from(sorted(available_timezones())), st.sets(st.integers(-1, 9), max_size=5))
def test_two_working_days_lie_before_every_review(minutes: int, zone: str, off: set[int]) -> None:
    at = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    there = ZoneInfo(zone)
    first = at.astimezone(there).date()
    holidays = {first + timedelta(days=number) for number in off}
    due = review_due(at, zone, holidays)
    last = (due - timedelta(microseconds=1)).astimezone(there).date()
    days = [first + timedelta(days=number) for number in range(1, (last - first).days + 1)]
    working = [day for day in days if day.isoweekday() <= 5 and day not in holidays]
    assert len(working) == 2
    assert working[-1] == last


def _access(review: EmergencyReview | None = None) -> EmergencyAccess:
    due = NOW + timedelta(days=3)
    return EmergencyAccess(EmergencyId(9), PersonId(1), "Ana", SessionId(2), "fire", NOW, NOW + LASTS, due, review=review)


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(0), State.OPEN),
        (LASTS, State.UNREVIEWED),
        (timedelta(days=3) - timedelta(seconds=1), State.UNREVIEWED),
        (timedelta(days=3), State.OVERDUE),
    ],
)
def test_its_state_follows_from_its_moments(after: timedelta, state: State) -> None:
    assert _access().state(NOW + after) is state
    told = EmergencyReview(PersonId(3), "Eve", NOW + LASTS, "a fire", right=True, note="")
    assert _access(told).state(NOW + after) is State.REVIEWED


def test_a_month_without_any_says_nothing() -> None:
    assert emergencies_sentence(reviewed=0, unreviewed=0, unreviewed_before=0) == ""
    assert emergencies_sentence(reviewed=2, unreviewed=1, unreviewed_before=0) == " Emergency accesses 3; without a review 1."
    assert (
        emergencies_sentence(reviewed=0, unreviewed=0, unreviewed_before=2) == " Emergency accesses 0; without a review 0, and 2 of before."
    )

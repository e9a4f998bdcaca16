"""How policies inherit: floor ≤ target ≤ ceiling at every place, and no place leaves what the one above allows."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.hours import hours_of
from vms.domain.ids import AreaId, BranchId, CameraId, PolicyVersion
from vms.domain.policy import (
    DISTRICT,
    MOST_DAYS,
    Days,
    Effect,
    InForce,
    PlaceKind,
    PolicyPlace,
    RetentionPolicy,
    Window,
    chain_of,
    effect_of,
    version_for,
    why_not,
    window_at,
    within,
)

CHAIN = chain_of(BranchId(1), AreaId(2), CameraId(3))
SHIPPED = Days(0, 14, 30)
_NUMBERS = st.none() | st.integers(-3, 60) | st.integers(MOST_DAYS - 3, MOST_DAYS + 3)
OWN = st.builds(Days, _NUMBERS, _NUMBERS, _NUMBERS, early=st.none() | st.booleans())
WINDOWS = (
    st.lists(st.integers(0, 60), min_size=3, max_size=3)
    .map(sorted)
    .filter(lambda days: days[1] > 0)
    .map(lambda days: Window(days[0], days[1], days[2]))
)


def test_footage_went_by_the_nearest_version_that_gave_its_target_or_by_none_where_that_did_not_fit() -> None:
    """Version 2 keeps the camera for 25 days, until version 3 puts the district's ceiling below that."""
    said = ((DISTRICT, SHIPPED), (CHAIN[-1], Days(target_days=25)), (DISTRICT, Days(0, 14, 20)))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    versions = [
        RetentionPolicy(
            PolicyVersion(number), place, days, "", "", None, "because", "person:1", "Ana", at, InForce(10 * number, at, "person:1", "Ana")
        )
        for number, (place, days) in enumerate(said, 1)
    ]
    assert [version_for(versions, CHAIN, seq) for seq in (9, 10, 19, 20, 29, 30)] == [None, 1, 1, 2, 2, None]
    assert version_for(versions, CHAIN[:2], 30) == 3


@given(above=WINDOWS, below=st.lists(OWN, min_size=3, max_size=3))
def test_whatever_is_said_floor_target_and_ceiling_stand_in_order_within_those_above(above: Window, below: list[Days]) -> None:
    said = {DISTRICT: Days(above.min_days, above.target_days, above.max_days)} | dict(zip(CHAIN[1:], below, strict=True))
    windows = [window_at(said, CHAIN[:length]) for length in range(1, 5)]
    assert windows[0] == above
    for outer, inner in pairwise(windows):
        assert outer is not None
        assert inner is not None
        assert outer.min_days <= inner.min_days <= inner.target_days <= inner.max_days <= outer.max_days


@given(above=WINDOWS, below=st.lists(OWN, min_size=2, max_size=2))
def test_a_place_that_says_nothing_is_as_the_one_above(above: Window, below: list[Days]) -> None:
    said = {DISTRICT: Days(above.min_days, above.target_days, above.max_days)} | dict(zip(CHAIN[1:3], below, strict=True))
    assert window_at(said, CHAIN) == window_at(said, CHAIN[:3])
    assert within(above, Days()) == above


@given(above=WINDOWS, own=OWN)
def test_what_is_found_nothing_wrong_with_counts_as_it_was_said(above: Window, own: Days) -> None:
    if why_not(above, own) is None:
        counts = within(above, own)
        given_numbers = [(own.min_days, counts.min_days), (own.target_days, counts.target_days), (own.max_days, counts.max_days)]
        assert all(number in (None, found) for number, found in given_numbers)
        assert counts.target_days >= 1
        assert why_not(above, Days(counts.min_days, counts.target_days, counts.max_days, early=counts.early)) is None


@given(above=WINDOWS, own=OWN, target=st.integers(1, 60))
def test_a_longer_target_never_keeps_footage_shorter(above: Window, own: Days, target: int) -> None:
    longer = Window(above.min_days, max(above.target_days, min(target, above.max_days)), above.max_days)
    assert within(longer, own).target_days >= within(above, own).target_days


@given(own=OWN)
def test_of_the_district_exactly_what_is_whole_and_in_order_is_taken(own: Days) -> None:
    low, target, high = own.min_days, own.target_days, own.max_days
    whole = low is not None and target is not None and high is not None
    good = whole and 0 <= (low or 0) <= (target or 0) <= (high or 0) <= MOST_DAYS and target != 0
    assert (why_not(None, own) is None) == good


@pytest.mark.parametrize(
    ("own", "word"),
    [
        (Days(target_days=40), "target of 40"),
        (Days(max_days=31), "ceiling of 31"),
        (Days(min_days=-1), "floor of -1"),
        (Days(min_days=20, max_days=10), "ceiling of 10"),
        (Days(min_days=10, target_days=9), "target of 9"),
        (Days(target_days=0), "at least 1 day"),
        (Days(max_days=0), "at least 1 day"),
    ],
)
def test_what_leaves_the_place_above_is_told_in_a_sentence(own: Days, word: str) -> None:
    assert word in (why_not(Window(0, 14, 30), own) or "")


def test_without_a_policy_of_the_district_nothing_counts_anywhere() -> None:
    assert window_at({}, CHAIN) is None
    assert window_at({PolicyPlace(PlaceKind.BRANCH, 1): SHIPPED}, CHAIN) is None


def test_a_number_that_no_longer_fits_counts_as_the_nearest_that_does() -> None:
    said = {DISTRICT: Days(0, 7, 10), PolicyPlace(PlaceKind.BRANCH, 1): Days(None, 20, 25)}
    assert window_at(said, CHAIN) == Window(0, 10, 10)


_W = Window(2, 14, 30)
_FEWER = hours_of("2026-12-25 closed")


@pytest.mark.parametrize(
    ("after", "effect"),
    [
        (_W, Effect.NEITHER),
        (Window(2, 13, 30), Effect.LOWERS),
        (Window(1, 14, 30), Effect.LOWERS),
        (Window(1, 20, 30), Effect.LOWERS),
        (Window(2, 15, 30), Effect.RAISES),
        (Window(3, 14, 30), Effect.RAISES),
        (Window(2, 14, 31), Effect.RAISES),
        (Window(2, 14, 20), Effect.NEITHER),
        (Window(2, 14, 30, _FEWER), Effect.LOWERS),
        (Window(2, 15, 30, _FEWER), Effect.LOWERS),
        (Window(2, 20, 30, early=True), Effect.LOWERS),
    ],
)
def test_a_change_is_judged_by_what_it_keeps(after: Window, effect: Effect) -> None:
    assert effect_of([(_W, after)]) is effect
    assert effect_of([(_W, Window(2, 20, 30)), (_W, after)]) is (Effect.LOWERS if effect is Effect.LOWERS else Effect.RAISES)


def test_more_hours_raise_and_fewer_lower() -> None:
    few, many = (Window(0, 14, 30, hours_of(f"Mon-Sun 09:00-{until}:00")) for until in (17, 21))
    assert effect_of([(few, many)]) is Effect.RAISES
    assert effect_of([(many, few)]) is Effect.LOWERS
    assert effect_of([(many.whole_week, few.whole_week)]) is Effect.NEITHER


def test_to_let_nothing_go_early_any_more_raises() -> None:
    early = Window(2, 14, 30, early=True)
    assert effect_of([(early, _W)]) is Effect.RAISES
    assert effect_of([(early, Window(1, 14, 30, early=True))]) is Effect.LOWERS


def test_footage_goes_early_where_the_nearest_place_lets_it_and_never_younger_than_a_day() -> None:
    said = {DISTRICT: Days(2, 14, 30, early=True), CHAIN[2]: Days(early=False), CHAIN[3]: Days(3, early=True)}
    floors = [
        None if one is None or one.floor_ms is None else one.floor_ms // 86_400_000
        for one in (window_at(said, CHAIN[:n]) for n in range(1, 5))
    ]
    assert floors == [2, 2, None, 3]
    assert (Window(0, 14, 30, early=True).floor_ms, Window(0, 14, 30).floor_ms) == (86_400_000, None)
    assert (Window(2, 14, 30, early=True).surely_ms, Window(2, 14, 30).surely_ms) == (2 * 86_400_000, 14 * 86_400_000)


def test_without_a_floor_nothing_is_let_go_early() -> None:
    assert "floor of at least 1 day" in (why_not(None, Days(0, 14, 30, early=True)) or "")
    assert "floor of at least 1 day" in (why_not(Window(0, 14, 30), Days(early=True)) or "")
    assert why_not(Window(0, 14, 30), Days(1, early=True)) is None


def test_each_day_counts_as_the_nearest_place_says_it() -> None:
    said = {DISTRICT: Days(0, 7, 10, hours_of("Mon-Sun 09:00-17:00")), CHAIN[3]: Days(hours=hours_of("Sun closed; 2026-12-25 closed"))}
    window = window_at(said, CHAIN)
    assert window is not None
    assert window.hours.lines == ["Mon-Sat 09:00-17:00", "Sun closed", "2026-12-25 closed"]


def test_a_week_is_said_whole_or_not_at_all() -> None:
    half, rest = Days(0, 7, 10, hours_of("Mon-Fri 09:00-17:00")), Days(hours=hours_of("Sat-Sun closed"))
    assert "Nothing is said of Sat, Sun." in (why_not(None, half) or "")
    assert "Nothing is said of Mon, Tue, Wed, Thu, Fri." in (why_not(Window(0, 7, 10), rest) or "")
    assert why_not(within(Window(0, 7, 10), half), rest) is None
    assert why_not(None, Days(0, 7, 10, hours_of("2026-12-25 closed"))) is None


def test_where_nothing_counted_before_nothing_is_kept_shorter() -> None:
    assert effect_of([(None, _W)]) is Effect.NEITHER

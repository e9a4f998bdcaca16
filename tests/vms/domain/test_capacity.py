"""How much room footage needs and when it is full, beside a day-by-day count."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.capacity import LATE_DAYS, Headroom, Room, Watermark, bytes_a_day, bytes_needed, disks_needed


def _room(*, a_day: float = 10, total: int = 100, used: int = 0, days: float = 14, oldest_days: float = 0) -> Room:
    return Room(a_day, 1, total, used, days, oldest_days)


def test_a_district_of_150_cameras_takes_six_and_a_half_terabytes_a_day() -> None:
    assert bytes_a_day(150, 4) == pytest.approx(6.48e12)
    assert bytes_needed(bytes_a_day(150, 4), 14) == pytest.approx(91.1e12, rel=0.001)
    assert disks_needed(91.1e12, 8e12, 0.1) == 13
    assert disks_needed(1, 8e12, 0.1) == 1


@pytest.mark.parametrize(
    ("room", "full"),
    [
        (_room(total=100), 10),  # ten days of room, and nothing goes for fourteen
        (_room(total=200), None),
        (_room(total=100, used=95, oldest_days=10), 0.5),
        (_room(total=100, used=95, oldest_days=14), None),  # as much goes as comes
        (_room(total=100, used=120), 0),
        (_room(a_day=0, used=100), None),
    ],
)
def test_volumes_are_full_only_before_footage_goes(room: Room, full: float | None) -> None:
    assert room.full_in_days == (None if full is None else pytest.approx(full))


@given(st.floats(1, 50), st.integers(1, 500), st.floats(1, 30), st.floats(0, 1))
def test_what_is_said_to_be_full_is_full_hour_by_hour(a_day: float, total: int, days: float, share: float) -> None:
    """Footage that came evenly since it began comes on, and goes when its window is over."""
    oldest = share * days
    used = round(oldest * a_day)
    if used > total:
        return
    said = _room(a_day=a_day, total=total, used=used, days=days, oldest_days=oldest).full_in_days
    kept = min(oldest + (days if said is None else said), days + LATE_DAYS) * a_day
    if said is None:
        assert kept <= total + a_day * LATE_DAYS + 1
    else:
        assert kept == pytest.approx(total, abs=1 + a_day * LATE_DAYS)


_HOUR = 3600
"""Room in octets that an octet a second fills in an hour."""


@pytest.mark.parametrize(
    ("hours", "mark"),
    [
        (48.1, Watermark.ROOM),
        (47.9, Watermark.WARN),
        (12.1, Watermark.WARN),
        (11.9, Watermark.LOW),
        (1.01, Watermark.LOW),
        (0.99, Watermark.CRITICAL),
        (0, Watermark.CRITICAL),
    ],
)
def test_watermarks_of_volumes_that_fill_up(hours: float, mark: Watermark) -> None:
    assert Headroom(int(hours * _HOUR), written=1, growth=1).watermark() is mark


def test_volumes_on_which_as_much_goes_as_comes_are_told_only_when_an_hour_fills_them() -> None:
    assert Headroom(2 * _HOUR, written=1, growth=0).watermark() is Watermark.ROOM
    assert Headroom(2 * _HOUR, written=1, growth=-0.5).full_in_hours == math.inf
    assert Headroom(2 * _HOUR, written=1, growth=0.1).watermark() is Watermark.WARN
    assert Headroom(_HOUR // 2, written=1, growth=0).watermark() is Watermark.CRITICAL


def _a_day_kept(hour: int) -> float:
    """Room that a window of a day has given back by then, to which nothing was recorded before."""
    return max(0.0, hour - 24) * _HOUR


@pytest.mark.parametrize(
    ("hours", "mark"), [(25.1, Watermark.ROOM), (24.9, Watermark.WARN), (11.9, Watermark.LOW), (0.9, Watermark.CRITICAL)]
)
def test_volumes_that_last_until_their_first_footage_goes_are_not_told_to_fill_up(hours: float, mark: Watermark) -> None:
    gone = [_a_day_kept(hour) for hour in range(61)]
    assert Headroom(int(hours * _HOUR), written=1, growth=1, gone=gone).watermark() is mark


def test_what_falls_due_after_the_volumes_are_full_does_not_help() -> None:
    gone = [0.0] * 30 + [60.0 * _HOUR] * 31
    assert Headroom(29 * _HOUR, written=1, growth=1, gone=gone).full_in_hours == pytest.approx(29)
    assert Headroom(31 * _HOUR, written=1, growth=1, gone=gone).watermark() is Watermark.ROOM


def test_a_quiet_hour_does_not_hide_what_the_day_before_says() -> None:
    """What is recorded less at night fills them as fast as the day does."""
    assert Headroom(30 * _HOUR, written=0.1, growth=1, gone=[0.0] * 61).full_in_hours == pytest.approx(30)


@given(
    st.integers(0, 100 * _HOUR),
    st.floats(0, 2),
    st.floats(-1, 2),
    st.lists(st.floats(0, 2 * _HOUR), min_size=61, max_size=61),
)
def test_what_falls_due_never_makes_it_sooner_and_nothing_due_changes_nothing(
    room: int, written: float, growth: float, each: list[float]
) -> None:
    plain = Headroom(room, written, growth)
    assert Headroom(room, written, growth, list(accumulate(each))).full_in_hours >= plain.full_in_hours
    assert Headroom(room, written, growth, [0.0] * 61).full_in_hours == plain.full_in_hours
    assert plain.full_in_hours == (room / growth / 3600 if growth > 0 else math.inf)


def test_nothing_that_is_recorded_fills_no_volume() -> None:
    assert Headroom(0, written=0, growth=0).watermark() is Watermark.ROOM


@given(st.floats(0, 100), st.sampled_from(Watermark), st.floats(1, 1.24))
def test_room_that_goes_up_and_down_by_a_fifth_crosses_a_watermark_once(hours: float, before: Watermark, swing: float) -> None:
    crossed = Headroom(int(hours * _HOUR), written=1, growth=1).watermark(before)
    more = Headroom(int(hours * _HOUR * swing), written=1, growth=1).watermark(crossed)
    assert more is crossed or hours * swing >= min(one for one in (1, 12, 48) if hours < one * 1.25) * 1.25
    assert Headroom(int(hours * _HOUR), written=1, growth=1).watermark(more) is more, "crossed on the way up and down"

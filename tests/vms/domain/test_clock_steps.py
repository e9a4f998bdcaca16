"""Steps of a clock that were taken back: which pairs are some, and when the clock was wrong between them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import after
from vms.domain.clock_steps import Detour, detours, spent
from vms.domain.footage import ClockEvent
from vms.domain.timespan import ms_of

HOUR = 3600


def stepped(at_s: float, step_s: float) -> ClockEvent:
    return ClockEvent(after(at_s), int(step_s * 1000))


def test_a_step_and_its_return_enclose_the_time_in_which_the_clock_was_wrong() -> None:
    (found,) = detours([stepped(60, -HOUR), stepped(HOUR, HOUR)])

    assert found == Detour(ms_of(after(HOUR)), ms_of(after(60 + HOUR)))


@pytest.mark.parametrize(
    "events",
    [
        [stepped(HOUR, HOUR)],
        [stepped(0, -HOUR), stepped(HOUR + 60, HOUR)],
        [stepped(HOUR, HOUR), stepped(60, -2 * HOUR)],
        [stepped(HOUR, HOUR), stepped(2 * HOUR, -HOUR)],
        [stepped(200, 200), stepped(60, -200)],
    ],
    ids=["never-back", "back-first", "another-step", "reached-by-itself", "small"],
)
def test_other_steps_are_no_detour(events: list[ClockEvent]) -> None:
    assert detours(events) == []


def test_a_return_that_is_some_seconds_off_is_one() -> None:
    year = timedelta(days=365).total_seconds()

    assert len(detours([stepped(year, year), stepped(60, -year - 30)])) == 1


OLD, FORWARD, BACK = stepped(-9 * HOUR, -60), stepped(HOUR, HOUR), stepped(60, -HOUR)
"""A small correction; an hour ahead; and back again after a minute: the clock was wrong until an hour and a minute."""


@pytest.mark.parametrize(
    ("oldest_s", "gone"),
    [
        (-9 * HOUR, []),
        (-9 * HOUR + 60, []),
        (-8 * HOUR, [OLD]),
        (HOUR, [OLD]),
        (HOUR + 30, [OLD]),
        (HOUR + 61, [OLD, FORWARD, BACK]),
    ],
    ids=["before", "at-the-step", "after", "in-the-detour", "its-middle", "behind-it"],
)
def test_a_step_goes_when_all_footage_is_younger_and_a_detour_as_a_whole(oldest_s: float, gone: list[ClockEvent]) -> None:
    assert spent([BACK, FORWARD, OLD], ms_of(after(oldest_s))) == [one for one in (BACK, FORWARD, OLD) if one in gone]


LEAP, NEXT_LEAP = stepped(HOUR, HOUR), stepped(3 * HOUR, HOUR)
"""Neither was taken back yet: the first may be while the clock shows less than two hours and a minute."""


@pytest.mark.parametrize(("oldest_s", "gone"), [(2 * HOUR + 60, []), (2 * HOUR + 61, [LEAP]), (4 * HOUR + 61, [NEXT_LEAP, LEAP])])
def test_a_leap_stays_as_long_as_footage_may_lie_in_a_detour_that_it_began(oldest_s: float, gone: list[ClockEvent]) -> None:
    assert spent([NEXT_LEAP, LEAP], ms_of(after(oldest_s))) == gone


def test_a_later_leap_takes_no_earlier_one_away_that_may_be_taken_back() -> None:
    back = stepped(2 * HOUR - 1 - HOUR, -HOUR)
    (found,) = detours([back, LEAP, stepped(2 * HOUR - 30, 600)])
    assert LEAP not in spent([stepped(2 * HOUR - 30, 600), LEAP], found.end_ms)

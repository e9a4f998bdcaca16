"""The pauses between tries to sign in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW
from vms.domain.sign_in_pace import OF_ADDRESS, OF_NAME, OF_PERSON_HERE, Pace, Tries

HOUR = timedelta(hours=1)


def pauses(pace: Pace, count: int) -> list[float]:
    """Return the pause before each of `count` tries, each made as soon as it may be."""
    tries, at, waited = None, NOW, []
    for _ in range(count):
        wait = pace.wait(tries, at)
        waited.append(wait / timedelta(seconds=1))
        at += wait
        tries = pace.counted(tries, at)
    return waited


def test_the_first_tries_cost_nothing_and_each_further_one_doubles_the_pause() -> None:
    assert pauses(OF_PERSON_HERE, 14) == [0] * 5 + [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses(OF_ADDRESS, 24) == [0] * 20 + [1, 2, 2, 2]
    assert pauses(OF_NAME, 11) == [0] * 5 + [120, 240, 480, 960, 960, 960]


@given(st.lists(st.integers(0, 5000), min_size=11, max_size=60))
def test_one_name_is_tried_ten_times_in_any_hour_at_most_however_they_are_spread(idle_s: list[int]) -> None:
    """Each is made so many seconds after it might have been; any eleven in a row last an hour."""
    tries, at, made = None, NOW, []
    for idle in idle_s:
        at += OF_NAME.wait(tries, at) + timedelta(seconds=idle)
        tries = OF_NAME.counted(tries, at)
        made.append(at)
    assert all(late - early >= HOUR for early, late in zip(made, made[10:], strict=False))


def test_tries_are_forgotten_after_a_while() -> None:
    many = Tries(30, NOW)
    assert OF_NAME.wait(many, NOW + OF_NAME.forget) == timedelta(0)
    assert OF_NAME.counted(many, NOW + OF_NAME.forget) == Tries(31, NOW + OF_NAME.forget)
    assert OF_NAME.counted(many, NOW + OF_NAME.forget + timedelta(seconds=1)).counted == 1


@pytest.mark.parametrize("pace", [OF_PERSON_HERE, OF_ADDRESS, OF_NAME])
def test_a_clock_that_was_set_back_makes_no_pause_longer(pace: Pace) -> None:
    assert pace.wait(Tries(1000, NOW + timedelta(days=9)), NOW) == pace.longest_pause

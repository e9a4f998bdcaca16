"""Where the next run may stand, whatever the clock did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.places import ENDLESS, NEAR_TICKS, Places
from vms.domain.timespan import TICKS_PER_SECOND

HOUR_MS = 3_600_000
HOUR = 3600 * TICKS_PER_SECOND
NOW = 500_000 * HOUR
moments = st.integers(NOW - 5 * HOUR, NOW + 5 * HOUR)


@given(st.lists(st.tuples(moments, st.integers(1, HOUR)), max_size=5), moments, moments)
def test_a_free_moment_is_behind_the_footage_and_in_none_of_it(footage: list[tuple[int, int]], end: int, at: int) -> None:
    taken = [(start, start + length) for start, length in footage]
    places = Places(end, taken)
    free = places.next(at)

    assert free >= max(at, end)
    assert not any(start <= free < until for start, until in taken)
    assert all(places.until(free) <= start - NEAR_TICKS for start, until in taken if start > free)


def test_without_a_step_a_run_follows_the_footage_and_has_no_end() -> None:
    places = Places(NOW)
    places.recorded(NOW + 60)

    assert (places.limit(NOW), places.until(NOW)) == (NOW + 60, ENDLESS)


def test_a_step_that_was_taken_back_leaves_the_footage_where_it_ended_before() -> None:
    places = Places(NOW)
    places.stepped(HOUR_MS, NOW + HOUR)
    places.recorded(NOW + HOUR + 90)

    assert places.stepped(-HOUR_MS, NOW + 180)
    assert places.limit(NOW + 180) == NOW
    assert places.until(NOW + 180) == NOW + HOUR - NEAR_TICKS
    assert places.limit(NOW + HOUR - NEAR_TICKS) == NOW + HOUR + 90


def test_a_step_back_that_takes_none_back_keeps_behind_the_footage() -> None:
    places = Places(NOW)

    assert not places.stepped(-HOUR_MS, NOW - HOUR)
    assert places.limit(NOW - HOUR) == NOW

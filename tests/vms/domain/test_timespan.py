"""Spans of time, the media clock and the ids that carry a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, after, span
from vms.domain.ids import SegmentId, StreamId, ViewId, new_number, new_view_id, segment_id, split_segment_id
from vms.domain.timespan import EPOCH, TICKS_PER_SECOND, Timespan, datetime_of, datetime_of_ms, local_time, ms_of, ticks_of, union

_moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
_pieces = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 100)), max_size=12)


@given(_moments)
def test_ticks_and_milliseconds_lose_less_than_one_of_themselves(moment: datetime) -> None:
    assert timedelta() <= moment - datetime_of(ticks_of(moment)) < timedelta(seconds=1 / TICKS_PER_SECOND, microseconds=1)
    assert timedelta() <= moment - datetime_of_ms(ms_of(moment)) < timedelta(milliseconds=1)


@given(st.integers(0, 2**50))
def test_a_tick_becomes_the_microsecond_it_falls_in(ticks: int) -> None:
    assert abs((datetime_of(ticks) - EPOCH) / timedelta(seconds=1) - ticks / TICKS_PER_SECOND) < 2e-6 * max(1, ticks / 2**40)


def test_the_hour_that_comes_twice_is_told_by_its_offset() -> None:
    told = [local_time(datetime(2026, 11, 1, hour, 30, tzinfo=UTC), "America/Los_Angeles") for hour in (8, 9)]
    assert told == ["2026-11-01 01:30:00 -0700 America/Los_Angeles", "2026-11-01 01:30:00 -0800 America/Los_Angeles"]


def test_another_zone_is_the_same_moment() -> None:
    assert ticks_of(NOW.astimezone(timezone(timedelta(hours=-8)))) == ticks_of(NOW)


@pytest.mark.parametrize(
    ("start", "end"), [(NOW, NOW), (after(1), NOW), (NOW.replace(tzinfo=None), after(1)), (NOW, after(1).replace(tzinfo=None))]
)
def test_a_span_that_is_none_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="Timespan"):
        Timespan(start, end)


def test_a_span_holds_its_start_and_not_its_end() -> None:
    assert span(0, 10).contains(after(0))
    assert not span(0, 10).contains(after(10))
    assert not span(0, 10).overlaps(span(10, 20))
    assert span(0, 10).intersection(span(10, 20)) is None
    assert span(0, 10).intersection(span(5, 20)) == span(5, 10)
    assert span(0, 10).duration == timedelta(seconds=10)


@given(_pieces)
def test_joined_spans_hold_the_same_moments_and_do_not_touch(pieces: list[tuple[int, int]]) -> None:
    spans = [span(start, start + length) for start, length in pieces]
    joined = union(spans)
    assert all(first.end < second.start for first, second in zip(joined, joined[1:], strict=False))  # noqa: RUF007 - lists, read at once
    for second in range(0, 600, 7):
        moment = after(second)
        assert any(part.contains(moment) for part in joined) == any(part.contains(moment) for part in spans)


@given(st.integers(1, 2**52 - 1), st.integers(0, 2**53))
def test_a_segment_id_names_its_stream_and_its_start(stream: int, start_ms: int) -> None:
    assert split_segment_id(segment_id(StreamId(stream), start_ms)) == (stream, start_ms)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "A" * 32, "g" * 32, "0 " * 16, "../" * 10 + "ab"])
def test_what_is_no_segment_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"segment id|hexadecimal|fromhex"):
        split_segment_id(SegmentId(text))


def test_numbers_are_exact_in_a_browser_and_never_zero() -> None:
    assert all(0 < new_number() < 2**53 for _ in range(1000))
    assert len({new_view_id() for _ in range(100)} - {ViewId("")}) == 100

"""Recording hours: read from the lines that people write, counted by the clock of the place, nights in which it is set included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.hours import ALL_HOURS, LocalHours, RecordingHours, hours_of
from vms.domain.timespan import Timespan, day_of

ZONE = "America/Los_Angeles"
OPENING = """Mon-Thu 09:00-21:00
Fri 09:00-18:00
Sat 10:00-13:00, 14:00-17:00
Sun closed
2026-12-24 09:00-13:00
2026-12-25 closed"""
MINUTE = timedelta(minutes=1)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE), fold=fold).astimezone(UTC)


def recorded(text: str, start: datetime, end: datetime) -> list[Timespan]:
    return hours_of(text).within(Timespan(start, end), ZONE)


def is_recorded(text: str, at: datetime) -> bool:
    return LocalHours(hours_of(text), ZONE).include(at)


def hours_in(text: str, day: str) -> float:
    """Return how much is recorded from noon before until noon after a night."""
    start = local(f"{day}T12:00") - timedelta(days=1)
    return sum(span.duration.total_seconds() for span in recorded(text, start, local(f"{day}T12:00"))) / 3600


def test_lines_are_said_as_they_were_read() -> None:
    assert str(hours_of(OPENING)) == OPENING
    assert str(hours_of("  monday 9:00 – 17:00")) == "Mon 09:00-17:00"
    assert str(hours_of("Sat,Sun closed; Mon,Tue,WED 08:00-24:00")) == "Mon-Wed 08:00-24:00\nSat-Sun closed"
    assert str(hours_of("Sat-Mon 10:00-12:00")) == "Mon 10:00-12:00\nSat-Sun 10:00-12:00"
    assert hours_of("  \n ; ") == ALL_HOURS


@pytest.mark.parametrize(
    ("at", "there"),
    [
        ("2026-03-16T08:59", False),  # a Monday
        ("2026-03-16T09:00", True),
        ("2026-03-16T20:59", True),
        ("2026-03-16T21:00", False),
        ("2026-03-20T18:30", False),
        ("2026-03-21T13:30", False),
        ("2026-03-21T14:00", True),
        ("2026-03-22T12:00", False),
        ("2026-12-23T13:30", True),
        ("2026-12-24T13:30", False),
        ("2026-12-24T12:30", True),
        ("2026-12-25T12:00", False),
    ],
)
def test_a_camera_is_recorded_in_the_hours_of_the_day_or_of_the_holiday(at: str, there: bool) -> None:  # noqa: FBT001 - a case's answer
    assert is_recorded(OPENING, local(at)) is there


def test_it_begins_and_ends_at_the_minute() -> None:
    opens, closes = local("2026-03-16T09:00"), local("2026-03-16T21:00")
    assert recorded(OPENING, opens - timedelta(hours=5), closes + timedelta(hours=5)) == [Timespan(opens, closes)]
    assert not is_recorded(OPENING, opens - timedelta(microseconds=1))


def test_a_span_over_midnight_is_the_evenings_whatever_day_follows() -> None:
    text = "Sat-Thu closed\nFri 20:00-02:00\n2026-03-21 closed\n2026-03-27 closed"
    assert is_recorded(text, local("2026-03-20T23:59"))
    assert is_recorded(text, local("2026-03-21T01:59"))  # a holiday, into which the night before reaches
    assert not is_recorded(text, local("2026-03-21T02:00"))
    assert not is_recorded(text, local("2026-03-28T01:00"))  # of a night that was a holiday's
    assert recorded(text, local("2026-03-20T12:00"), local("2026-03-21T12:00")) == [
        Timespan(local("2026-03-20T20:00"), local("2026-03-21T02:00"))
    ]


def test_the_clock_on_the_wall_counts_in_summer_and_in_winter() -> None:
    assert local("2026-03-06T09:00").hour == 17
    assert local("2026-03-09T09:00").hour == 16
    assert is_recorded(OPENING, datetime(2026, 3, 6, 17, tzinfo=UTC))
    assert not is_recorded(OPENING, datetime(2026, 3, 6, 16, 59, tzinfo=UTC))
    assert is_recorded(OPENING, datetime(2026, 3, 9, 16, tzinfo=UTC))


def test_a_night_in_which_the_clocks_are_set_has_the_hours_that_it_has() -> None:
    night = "Mon-Sun 20:00-06:00"
    assert hours_in(night, "2026-03-07") == 10
    assert hours_in(night, "2026-03-08") == 9  # 02:00 to 03:00 is left out
    assert hours_in(night, "2026-11-01") == 11  # 01:00 to 02:00 comes twice
    for day in (date(2026, 3, 8), date(2026, 11, 1)):
        assert hours_of("Sun 00:00-24:00; Mon-Sat closed").within(day_of(day, ZONE), ZONE) == [day_of(day, ZONE)]


def test_of_the_hour_that_comes_twice_no_minute_is_left_out() -> None:
    first, second = local("2026-11-01T01:15"), local("2026-11-01T01:15", fold=1)
    assert second - first == timedelta(hours=1)
    until, since = "Mon-Sat closed; Sun 00:00-01:30", "Mon-Sat closed; Sun 01:30-03:00"
    assert all(is_recorded(until, first + number * MINUTE) for number in range(75))
    assert not is_recorded(until, first + 75 * MINUTE)  # the second half past one
    assert not is_recorded(since, first + 14 * MINUTE)
    assert all(is_recorded(since, first + number * MINUTE) for number in range(15, 75))


def test_an_hour_that_there_is_not_is_taken_for_the_longer() -> None:
    jump = local("2026-03-08T03:00")  # 02:00 never was
    assert is_recorded("Mon-Sat closed; Sun 02:30-04:00", jump)
    assert is_recorded("Mon-Sat closed; Sun 00:00-02:30", jump - MINUTE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Mon 09:00-13:00, 12:00-17:00", "two of these times overlap"),
        ("2026-12-24 09:00-13:00, 12:59-17:00", "two of these times overlap"),
        ("Mon 20:00-02:00; Tue 01:00-09:00", "The night of Mon lasts until 02:00 and Tue begins at 01:00"),
        ("Sun 20:00-02:00; Mon 01:00-09:00", "The night of Sun lasts until 02:00 and Mon begins at 01:00"),
        ("Mon 09:00-13:00\nMon 14:00-17:00", "‘Mon 14:00-17:00’ says a day again"),
        ("Mon-Fri 09:00-13:00\nWed closed", "says a day again"),
        ("2026-12-25 closed\n2026-12-25 closed", "says a day again"),
        ("Mo 09:00-13:00", "‘Mo’ is no day"),
        ("Funday 09:00-13:00", "‘Funday’ is no day"),
        ("Mon-Mo 09:00-13:00", "‘Mo’ is no day"),
        ("2026-02-30 closed", "there is no 2026-02-30"),
        ("0001-01-08 closed", "no day to plan for"),
        ("Mon", "is no time from and to"),
        ("Mon 9-17", "‘9-17’ is no time from and to"),
        ("Mon 09:00-25:00", "is no time from and to"),
        ("Mon 09:00-24:01", "is no time from and to"),
        ("Mon 24:00-09:00", "The whole day is 00:00-24:00"),
        ("Mon 09:00-09:00", "The whole day is 00:00-24:00"),
        ("Mon 09:60-10:00", "is no time from and to"),
        ("Mon open", "‘open’ is no time from and to"),
        ("Mon ٠٩:٠٠-١٠:٠٠", "is no time from and to"),
        ("Mon closed\n" * 400, "Hours have up to 4,000 characters"),
    ],
)
def test_what_can_t_be_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as err:
        hours_of(text)
    assert sentence in str(err.value)


def test_times_that_touch_do_not_overlap() -> None:
    assert str(hours_of("Mon 20:00-02:00; Tue 02:00-09:00, 09:00-10:00")) == "Mon 20:00-02:00\nTue 02:00-09:00, 09:00-10:00"


def test_each_day_is_taken_from_the_nearest_place_that_says_it() -> None:
    district, branch = hours_of(OPENING), hours_of("Fri closed; 2026-12-25 10:00-11:00; 2026-07-03 closed")
    found = district.under(branch)
    assert found.lines == [
        "Mon-Thu 09:00-21:00",
        "Fri closed",
        "Sat 10:00-13:00, 14:00-17:00",
        "Sun closed",
        "2026-07-03 closed",
        "2026-12-24 09:00-13:00",
        "2026-12-25 10:00-11:00",
    ]
    assert district.under(ALL_HOURS) == district
    assert ALL_HOURS.under(branch).unsaid == ("Mon", "Tue", "Wed", "Thu", "Sat", "Sun")


def test_a_day_of_which_nothing_is_said_is_recorded_whole() -> None:
    span = Timespan(local("2026-03-16T00:00"), local("2026-03-18T00:00"))
    assert ALL_HOURS.within(span, ZONE) == [span]
    assert hours_of("2026-03-17 closed").within(span, ZONE) == [Timespan(span.start, local("2026-03-17T00:00"))]


@pytest.mark.parametrize(
    ("before", "after", "less", "more"),
    [
        ("", OPENING, True, False),
        (OPENING, OPENING, False, False),
        (OPENING, OPENING.replace("Fri 09:00-18:00", "Fri 09:00-17:59"), True, False),
        (OPENING, OPENING.replace("Sun closed", "Sun 12:00-13:00"), False, True),
        (OPENING, OPENING + "\n2026-12-26 closed", True, False),
        (OPENING, OPENING + "\n2026-12-27 closed", False, False),  # a Sunday, closed before
        (OPENING, OPENING.replace("Fri 09:00-18:00", "Fri 10:00-19:00"), True, True),
        ("Mon-Sun 20:00-02:00", "Mon-Sun 00:00-02:00, 20:00-24:00", False, False),
        ("Mon-Sun 20:00-02:00", "Mon-Sun 00:00-01:59, 20:00-24:00", True, False),
        ("Mon-Sun 20:00-02:00", "Mon-Sun 20:00-02:00; 2026-07-03 20:00-24:00", True, False),
    ],
)
def test_what_records_less_is_told_from_what_only_says_it_otherwise(
    before: str,
    after: str,
    less: bool,  # noqa: FBT001 - a case's answer
    more: bool,  # noqa: FBT001
) -> None:
    assert hours_of(after).lacks(hours_of(before)) is less
    assert hours_of(before).lacks(hours_of(after)) is more


_SPANS = (
    st.lists(st.integers(0, 95), min_size=0, max_size=4, unique=True)
    .map(sorted)
    .map(lambda at: tuple(zip(at[::2], at[1::2], strict=False)))
)
_DAY = _SPANS.map(lambda spans: tuple((15 * start, 15 * end) for start, end in spans))
_HOURS = st.builds(
    RecordingHours,
    st.lists(_DAY, min_size=7, max_size=7).map(tuple),
    st.dictionaries(st.dates(date(2026, 3, 1), date(2026, 3, 20)), _DAY, max_size=3).map(lambda days: tuple(sorted(days.items()))),
)


@given(hours=_HOURS)
def test_whatever_can_be_said_is_read_back(hours: RecordingHours) -> None:
    assert hours_of(str(hours)) == hours


@given(hours=_HOURS, other=_HOURS)
def test_less_is_where_a_moment_is_recorded_by_one_alone(hours: RecordingHours, other: RecordingHours) -> None:
    """In UTC, where no clock is set: every quarter of an hour around the days that were named, and one week that none touches."""
    start = datetime(2026, 2, 28, tzinfo=UTC)
    quarters = [start + number * timedelta(minutes=15) for number in range(33 * 96)]
    mine, theirs = (LocalHours(one, "UTC").within(Timespan(start, quarters[-1])) for one in (hours, other))

    def inside(spans: list[Timespan]) -> set[datetime]:
        return {at for span in spans for at in quarters if span.contains(at)}

    assert hours.lacks(other) == bool(inside(theirs) - inside(mine))

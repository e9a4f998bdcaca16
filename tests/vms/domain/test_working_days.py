"""Deadlines of people, in the days on which the district works."""

from __future__ import annotations

from datetime import UTC, date, datetime

from vms.domain.working_days import end_of_working_day

ZONE = "America/Los_Angeles"


def _end(at: datetime, days: int, *holidays: date) -> datetime:
    return end_of_working_day(at, days, ZONE, holidays)


def test_a_day_is_the_district_s_and_not_that_of_utc() -> None:
    """Half past five on Thursday afternoon is Friday in UTC."""
    thursday = datetime(2026, 3, 13, 0, 30, tzinfo=UTC)
    assert _end(thursday, 0) == datetime(2026, 3, 13, 7, tzinfo=UTC)
    assert _end(thursday, 1) == datetime(2026, 3, 14, 7, tzinfo=UTC)
    assert _end(thursday, 2) == datetime(2026, 3, 17, 7, tzinfo=UTC)


def test_week_ends_and_holidays_are_no_working_days_and_clocks_that_change_change_no_day() -> None:
    friday = datetime(2026, 3, 6, 20, tzinfo=UTC)  # clocks go forward on Sunday
    assert _end(friday, 1) == datetime(2026, 3, 10, 7, tzinfo=UTC)
    assert _end(friday, 1, date(2026, 3, 9)) == datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert _end(friday, 1, date(2026, 3, 7), date(2026, 3, 9), date(2026, 3, 10)) == datetime(2026, 3, 12, 7, tzinfo=UTC)

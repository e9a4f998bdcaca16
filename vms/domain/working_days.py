"""Working days: Monday to Friday without the district's holidays. Deadlines of people are counted in them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from vms.domain.timespan import day_of

_FRIDAY = 5
"""`date.isoweekday`"""


def end_of_working_day(after: datetime, days: int, zone: str, holidays: Collection[date]) -> datetime:
    """Return the end of the `days`-th working day in `zone` after the day of `after`, which is not counted."""
    day = after.astimezone(ZoneInfo(zone)).date()
    for _ in range(days):
        day = _next(day, holidays)
    return day_of(day, zone).end


def _next(day: date, holidays: Collection[date]) -> date:
    day += timedelta(days=1)
    while day.isoweekday() > _FRIDAY or day in holidays:
        day += timedelta(days=1)
    return day

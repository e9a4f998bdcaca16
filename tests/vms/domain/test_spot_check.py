"""Which days may be drawn, and that each is as likely as any other."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

from vms.domain.ids import CameraId, NodeId
from vms.domain.spot_check import MOST_DAYS_BACK, Checkable, day_name, drawn

AT = datetime(2026, 3, 14, 15, tzinfo=UTC)
ZONE = "America/Los_Angeles"


def _camera(number: int, days: float, until: datetime | None = None) -> Checkable:
    return Checkable(CameraId(number), f"Main/{number}", NodeId(1), ZONE, AT - timedelta(days=days), until)


def test_each_day_of_each_camera_is_drawn_once_by_all_the_numbers() -> None:
    cameras = [_camera(1, 3), _camera(2, 0), _camera(3, 1)]
    asked: list[int] = []

    def below(total: int) -> int:
        asked.append(total)
        return len(asked) - 1

    found = [drawn(cameras, AT, below) for _ in range(4)]
    told = Counter((one[0].camera_id, day_name(one[1], ZONE)) for one in found if one is not None)
    assert asked == [4] * 4
    assert told == Counter([(1, "2026-03-11"), (1, "2026-03-12"), (1, "2026-03-13"), (3, "2026-03-13")])


def test_a_day_is_over_by_the_time_of_its_branch() -> None:
    """Six in the evening there on 13 March, the 14th in UTC."""
    at = datetime(2026, 3, 14, 1, tzinfo=UTC)
    assert _camera(1, 2).days(at)[-1] == date(2026, 3, 12)


def test_a_removed_camera_has_no_days_after_it_was_removed() -> None:
    assert _camera(1, 9, until=AT - timedelta(days=7)).days(AT) == [date(2026, 3, 5), date(2026, 3, 6), date(2026, 3, 7)]


def test_no_day_is_older_than_a_year_and_a_month() -> None:
    days = _camera(1, 5000).days(AT)
    assert (len(days), days[-1]) == (MOST_DAYS_BACK, date(2026, 3, 13))


def test_where_no_day_is_over_none_is_drawn() -> None:
    assert drawn([_camera(1, 0)], AT, lambda total: 1 // total) is None
    assert drawn([], AT, lambda total: 1 // total) is None

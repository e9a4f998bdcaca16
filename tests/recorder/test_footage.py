"""Figures of the node API that need no running recorder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recorder.footage import expected_and_recorded
from vms.domain.footage import Coverage, Gap, GapReason
from vms.domain.ids import StreamId
from vms.domain.timespan import Timespan

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HALF = timedelta(minutes=30)
STREAM = StreamId(1)


def test_a_gap_that_lasts_is_missing_time_up_to_now() -> None:
    recorded = (Timespan(NOW - 2 * HALF, NOW - HALF),)

    told = expected_and_recorded(Coverage(STREAM, recorded, (Gap(STREAM, NOW - HALF, None, GapReason.OFFLINE),)), NOW)

    assert told == (3600.0, 1800.0)


def test_time_that_was_switched_off_is_not_expected() -> None:
    assert expected_and_recorded(Coverage(STREAM, (), (Gap(STREAM, NOW - HALF, None, GapReason.OFF),)), NOW) == (0.0, 0.0)

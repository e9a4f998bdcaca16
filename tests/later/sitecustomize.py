"""With this folder on its path, Python shows the product's processes a later day: by every clock, as if the machine had run till then."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, tzinfo
from typing import Self

from apscheduler.schedulers import base
from apscheduler.triggers import interval

from vms import clock

SECONDS = "LATER_SECONDS"
_LATER = timedelta(seconds=float(os.environ.get(SECONDS, "0")))


class LaterClock(clock.SystemClock):
    def now(self) -> datetime:
        return super().now() + _LATER

    def monotonic(self) -> float:
        return super().monotonic() + _LATER.total_seconds()


class LaterDatetime(datetime):
    """The schedulers read the clock by themselves."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + _LATER


clock.SystemClock = LaterClock  # type: ignore[misc]
base.datetime = interval.datetime = LaterDatetime

"""A clock that a test drives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.factories import NOW


@dataclass(slots=True)
class DrivenClock:
    at: datetime = NOW
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def step(self, by: timedelta) -> None:
        self.at += by
        self.seconds += by.total_seconds()

"""Who was trained to refer any law-enforcement inquiry to the Director, and for how long that counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vms.domain.ids import TrainingId
from vms.domain.names import name_key

TRAINING_LASTS = timedelta(days=366)
"""A year: then somebody is to be trained again."""
REFERRAL = "Refer any law-enforcement inquiry to the Director"
"""What a training is about that counts, when nobody says it in other words."""
MAX_NAME_CHARS = 120
MAX_WHAT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Training:
    """Somebody, with an account or without, was trained on a day."""

    id: TrainingId
    name: str
    what: str
    refers: bool
    """It taught to refer inquiries; any other stands in the register and counts for nothing."""
    day: date
    entered_by_name: str
    entered_at: datetime

    def counts(self, today: date) -> bool:
        return self.refers and today - self.day < TRAINING_LASTS


def untrained(names: list[str], register: list[Training], today: date) -> list[str]:
    """Return those of `names` for whom no training counts today, in their order."""
    trained = {name_key(one.name) for one in register if one.counts(today)}
    return [name for name in names if name_key(name) not in trained]

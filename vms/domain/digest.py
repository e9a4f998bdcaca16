"""A month of watching in figures, one row per account: what the Auditor reads beside the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from vms.domain.access import Purpose
from vms.domain.watching import Watching


@dataclass(frozen=True, slots=True)
class Counts:
    """What one account did in a month."""

    name: str
    role: str
    live_hours: int
    """Hours of the clock in which a live picture was open."""
    incident: int
    """Views of recordings that were opened, by purpose."""
    request: int
    maintenance: int
    other: int
    refused: int
    questions: int
    """Findings about the account that were told in the month."""
    live_incident: int = 0
    """Views of what was just live; digests of older releases lack it."""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month."""

    first: date

    @property
    def name(self) -> str:
        return f"{self.first:%B %Y}"

    @property
    def key(self) -> str:
        return f"digest/{self.first:%Y-%m}"

    @property
    def after(self) -> date:
        """The first day of the next one."""
        return (self.first + timedelta(days=31)).replace(day=1)


def month_before(today: date) -> Month:
    """Return the month that ended last."""
    return Month((today.replace(day=1) - timedelta(days=1)).replace(day=1))


def counts_of(watching: Watching, questions: Sequence[str]) -> list[Counts]:
    """Return a row for each account that did anything, most views of recordings first. `questions`: whom each finding was about."""
    rows = [
        Counts(
            name=watcher.name,
            role=watcher.role,
            live_hours=len(watcher.live_hours),
            incident=watcher.opened[Purpose.INCIDENT],
            request=watcher.opened[Purpose.REQUEST],
            maintenance=watcher.opened[Purpose.MAINTENANCE],
            other=watcher.opened[Purpose.LIVE] + watcher.opened[None],
            refused=watcher.refusals.total(),
            questions=questions.count(watcher.label),
            live_incident=watcher.opened[Purpose.LIVE_INCIDENT],
        )
        for watcher in watching.watchers
    ]
    return sorted(rows, key=lambda row: (-(row.incident + row.request + row.maintenance + row.other + row.live_incident), row.name))


def emergencies_sentence(*, reviewed: int, unreviewed: int, unreviewed_before: int) -> str:
    """Say how many emergency accesses a month had, and how many wait for a review; nothing where there was none."""
    if not reviewed + unreviewed + unreviewed_before:
        return ""
    before = f", and {unreviewed_before} of before" if unreviewed_before else ""
    return f" Emergency accesses {reviewed + unreviewed}; without a review {unreviewed}{before}."


def counts_text(rows: Sequence[Counts]) -> str:
    return json.dumps([asdict(row) for row in rows], ensure_ascii=False)


def counts_from(text: str) -> list[Counts]:
    return [Counts(**row) for row in json.loads(text)]


def lines(rows: Sequence[Counts]) -> list[str]:
    """Return the rows as lines of text, for a mail."""
    return [
        f"{row.name} ({row.role}): live pictures open in {row.live_hours} hours, looked at again {row.live_incident} times; "
        f"recordings opened {row.incident} times for an incident, {row.request} for a request, {row.maintenance} for maintenance"
        f"{f', {row.other} without a purpose' if row.other else ''}; refused {row.refused} times; questions told {row.questions}."
        for row in rows
    ]

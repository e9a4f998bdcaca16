"""Records other than footage go when their day is over: what is due, and the going of some of it, with an entry that says how many.

The texts of the access log go another way (`log_erase`): that needs the log's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.people import Actor, System
from vms.domain.policy import DISTRICT, MOST_DAYS, window_at
from vms.services.access_log import record
from vms.services.log_erase import has_run_a_day
from vms.store import policies, records

JOB = System("records")
MOST_PURGED = 500
"""Rows in one transaction: some hundredths of a second, which whoever writes waits for."""
CLOCK_NOT_TRUSTED = (
    "a day ago the access log was not signed by this clock, which may have leapt: records go once vms serve has run for a day"
)


def days_kept(settings: Settings) -> dict[str, int | None]:
    """Return the district's number of days for each kind of records."""
    return {**settings.record_days.model_dump(), "log_days": settings.log_days}


def why_paused(session: Session, *, at: datetime) -> str | None:
    """Say why nothing may go now; None when it may. A clock that leapt ahead must not empty the database."""
    return None if has_run_a_day(session, at=at) else CLOCK_NOT_TRUSTED


def due(session: Session, settings: Settings, *, at: datetime) -> dict[str, int]:
    """Return how many records of each kind are past their day; kinds of which none is are left out."""
    counted = {kind: records.count(session, kind, cutoff) for kind, cutoff in _cutoffs(session, settings, at).items()}
    return {kind: number for kind, number in counted.items() if number}


def purge_some(session: Session, settings: Settings, actor: Actor, *, at: datetime) -> dict[str, int]:
    """Delete some records that are past their day, and write the entry that counts them; nothing by a clock that is not trusted."""
    if why_paused(session, at=at) is not None:
        return {}
    purged: dict[str, int] = {}
    for kind, cutoff in _cutoffs(session, settings, at).items():
        if number := records.purge(session, kind, cutoff, limit=MOST_PURGED - sum(purged.values()), at=at):
            purged[kind] = number
        if sum(purged.values()) >= MOST_PURGED:
            break
    if purged:
        record(session, actor=actor, action=Action.RECORD_PURGE, at=at, detail={"counts": in_words(purged)})
    return purged


def in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in counts.items())


def counts_in(words: str) -> dict[str, int]:
    """Return the counts that `in_words` told."""
    pairs = (one.partition(" ") for one in words.split(", "))
    return {kind: int(number.replace(",", "")) for number, _, kind in pairs}


def _cutoffs(session: Session, settings: Settings, at: datetime) -> dict[str, datetime]:
    """Return before which moment each kind is past its day.

    Coverage counts from the end of the longest window that a place may have. No name goes before the log's texts by its account.
    """
    longest = window_at(policies.said(session), (DISTRICT,))
    window = timedelta(days=MOST_DAYS if longest is None else longest.max_days)
    days = settings.record_days.model_dump()
    days["accounts"] = max(days["accounts"], settings.log_days or 0)
    return {kind: at - timedelta(days=days[kind]) - (window if kind == "coverage" else timedelta(0)) for kind in records.KINDS}

"""Moments as they are typed: ISO 8601 with an offset, so that nobody guesses a time zone."""

from __future__ import annotations

from datetime import datetime

from vms.domain.timespan import EPOCH, Timespan
from vms.errors import InvalidInput


def moment_of(text: str) -> datetime:
    """Return the moment that `text` says; InvalidInput shows how one is written."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as err:
        raise InvalidInput(f"{text!r} is no moment. Give one as 2026-11-25T18:00-08:00.") from err
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} has no offset from UTC. Give one as 2026-11-25T18:00-08:00.")
    return moment


def span_between(since: str | None, until: str | None, *, at: datetime) -> Timespan | None:
    """Return the time from `since` to `until`, either open; None when neither is given."""
    if since is None and until is None:
        return None
    start, end = EPOCH if since is None else moment_of(since), at if until is None else moment_of(until)
    if start >= end:
        raise InvalidInput("--since lies before --until, and before now.")
    return Timespan(start, end)

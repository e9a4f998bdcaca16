"""Whether footage may be destroyed by the machine's clock as it stands: held against the last time that it was right."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from vms.domain.retention import ClockReading, why_not_trusted
from vms.store import deletion_lease, runs

_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


def why_not(connection: Connection, now: ClockReading) -> str | None:
    """Return why not, as a sentence; None when it may.

    Before the first lease there is nothing to hold the clock against: where footage of before yesterday is there, somebody looks once.
    """
    known = deletion_lease.get(connection)
    if known is not None:
        return why_not_trusted(known.asked, now)
    oldest = runs.oldest_ms(connection)
    if oldest is not None and oldest < now.at_ms - _DAY_MS:
        return "Nothing was ever deleted here, and there is footage of before yesterday, so the clock has never proved right."
    return None

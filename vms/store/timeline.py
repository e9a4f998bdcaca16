"""The timeline of one stream, from a few run and gap rows; never from segment rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from vms.domain.footage import Coverage
from vms.domain.ids import StreamId
from vms.domain.timeline import timeline_of
from vms.domain.timespan import Timespan
from vms.store import gaps, runs


def timeline(connection: Connection, stream_id: StreamId, span: Timespan, *, now: datetime) -> Coverage:
    """Return recorded time and gaps inside `span`, time that nobody could write down included."""
    return timeline_of(stream_id, runs.find(connection, stream_id, span), gaps.find(connection, stream_id, span), span, now=now)

"""Measure how much room footage takes on this machine, and how long its volumes last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from vms.domain.capacity import Room
from vms.domain.ids import StreamId
from vms.domain.retention import StreamRule
from vms.domain.timespan import ms_of
from vms.store import purging, runs, segments, stream_rules
from vms.store.files import Volume
from vms.store.volumes import all_volumes

MEASURED = timedelta(days=1)
"""So far back: a whole day, with its night."""
_DAY_MS = MEASURED // timedelta(milliseconds=1)
LEAST_DAYS = 1 / 24
"""What was recorded for less than an hour says nothing of a day."""


def measure(index: Connection, volumes: Sequence[Volume], *, now: datetime, days: int) -> Room | None:
    """Return what this machine's volumes hold and take up; None when too little was recorded to say. `days`: until a stream has a rule."""
    now_ms = ms_of(now)
    streams = list(runs.ends(index))
    told = [segments.recorded_since(index, stream, now_ms - _DAY_MS) for stream in streams]
    starts = [start for _, start in told if start is not None]
    measured = (now_ms - min(starts, default=now_ms)) / _DAY_MS
    if measured < LEAST_DAYS:
        return None
    rules = {rule.stream_id: rule for rule in stream_rules.rules(index)}
    oldest = min(
        (start for stream in streams if (start := _oldest_ms(index, stream, rules.get(stream), now_ms)) is not None), default=now_ms
    )
    mounted = {volume.id for volume in volumes}
    used = sum(known.live_bytes for known in all_volumes(index) if known.id in mounted)
    return Room(
        a_day=sum(size for size, _ in told) / measured,
        measured_days=measured,
        total=used + sum(volume.room_left() for volume in volumes),
        used=used,
        days=max((rule.keep_ms / _DAY_MS for rule in rules.values()), default=days),
        oldest_days=(now_ms - oldest) / _DAY_MS,
    )


def _oldest_ms(index: Connection, stream: StreamId, rule: StreamRule | None, now_ms: int) -> int | None:
    return segments.oldest_ms(index, stream) if rule is None else purging.oldest_ms(index, rule, now_ms)

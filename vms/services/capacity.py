"""Measure how much room footage takes on this machine, how long its volumes last, and how near they are to being full."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TypedDict

from sqlalchemy import Connection

from vms.domain.capacity import LATE_DAYS, OVER, WARN_HOURS, Headroom, Room, Watermark
from vms.domain.ids import StreamId
from vms.domain.retention import StreamRule
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_SECOND, ms_of
from vms.store import purge_log, purging, runs, segments, stream_config, stream_rules
from vms.store.falling_due import falls_due
from vms.store.files import Volume
from vms.store.volumes import VolumeState, all_volumes

MEASURED = timedelta(days=1)
"""So far back: a whole day, with its night."""
_DAY_MS = MEASURED // timedelta(milliseconds=1)
LEAST_DAYS = 1 / 24
"""What was recorded for less than an hour says nothing of a day."""
RATE_MS = timedelta(hours=1) // timedelta(milliseconds=1)
"""Of each stream's footage: so much of the newest says how fast it comes."""


FORESEEN_HOURS = math.ceil(WARN_HOURS * OVER)
"""So far ahead: to where the first watermark is over."""
_LATE_MS = timedelta(days=LATE_DAYS) // timedelta(milliseconds=1)
_GB = 1e9


class RoomDocument(TypedDict):
    watermark: str
    bytes: int
    """What all volumes together still take."""
    hours: float | None
    """So long that lasts if nothing is erased; None: without end."""
    full_in_hours: float | None
    """So long it lasts by what came and went in the day before; None: without end."""


@dataclass(frozen=True, slots=True)
class FallingDue:
    """What windows give back in the hours to come."""

    by_hour: Sequence[int]
    """Octets that are there and fall due in each hour from now, from 1 on; 0: what should have gone."""
    kept_hours: Mapping[StreamId, float]
    """Of each stream, so long from its recording until it has gone."""

    def gone(self, rates: Mapping[StreamId, float]) -> Sequence[float]:
        """Return how many octets have gone in 0, 1, 2 … hours, with what is still to come at so many octets a second.

        Nothing where something should have gone by now: who deletes late is not to be counted on.
        """
        if self.by_hour[0]:
            return ()
        there = accumulate(self.by_hour)
        to_come = ((rates[stream], kept) for stream, kept in self.kept_hours.items() if stream in rates)
        soon = [(rate, kept) for rate, kept in to_come if kept < len(self.by_hour)]
        return [gone + sum(rate * max(0.0, hour - kept) * 3600 for rate, kept in soon) for hour, gone in enumerate(there)]


def measure(index: Connection, volumes: Sequence[Volume], *, now: datetime, days: int) -> Room | None:
    """Return what this machine's volumes hold and take up; None when too little was recorded to say. `days`: until a stream has a rule."""
    now_ms = ms_of(now)
    streams = list(runs.ends(index))
    written, measured = _written(index, streams, now_ms)
    if measured < LEAST_DAYS:
        return None
    rules = {rule.stream_id: rule for rule in stream_rules.rules(index)}
    oldest = min(
        (start for stream in streams if (start := oldest_ms(index, stream, rules.get(stream), now_ms)) is not None), default=now_ms
    )
    mounted = {volume.id for volume in volumes}
    used = sum(known.live_bytes for known in all_volumes(index) if known.id in mounted)
    return Room(
        a_day=written / measured,
        measured_days=measured,
        total=used + sum(volume.room_left() for volume in volumes),
        used=used,
        days=max((rule.keep_ms / _DAY_MS for rule in rules.values()), default=days),
        oldest_days=(now_ms - oldest) / _DAY_MS,
    )


def oldest_ms(index: Connection, stream: StreamId, rule: StreamRule | None, now_ms: int) -> int | None:
    return segments.oldest_ms(index, stream) if rule is None else purging.oldest_ms(index, rule, now_ms)


def growth(index: Connection, *, now: datetime) -> float | None:
    """Return by how many octets a second footage grew in the day before; None when too little was recorded to say.

    Reads a day of the index.
    """
    now_ms = ms_of(now)
    written, measured = _written(index, list(runs.ends(index)), now_ms)
    if measured < LEAST_DAYS:
        return None
    _, erased = purge_log.erased_since(index, now_ms - _DAY_MS)
    return (written - erased) / (measured * _DAY_MS / 1000)


def falling_due(index: Connection, volumes: Sequence[Volume], *, now: datetime) -> FallingDue:
    """Return what goes from those `volumes` by its day, each as late as a pass may be, sealed holds left out of account. Reads two days."""
    at_ms, there = ms_of(now) - _LATE_MS, [volume.id for volume in volumes]
    by_hour = [0] * (FORESEEN_HOURS + 1)
    rules = stream_rules.rules(index)
    for rule in rules:
        for hour, size in falls_due(index, rule, at_ms, FORESEEN_HOURS, there).items():
            by_hour[hour] += size
    return FallingDue(by_hour, {rule.stream_id: (rule.keep_ms + _LATE_MS) / MS_PER_HOUR for rule in rules})


def headroom(
    index: Connection, volumes: Sequence[Volume], *, now: datetime, growing: float | None, falling: FallingDue | None = None
) -> Headroom:
    """Return what room is left on those `volumes` together, and what is measured to fill it. One that takes nothing has none.

    `growing`: what `growth` said; None means that nothing goes. `falling`: what `falling_due` said; None: nothing is counted on.
    """
    rates = _rates(index, now)
    rate = sum(rates.values())
    given_up = {known.id for known in all_volumes(index) if known.state is not VolumeState.OK}
    room = sum(_room_left(volume) for volume in volumes if volume.id not in given_up)
    return Headroom(room, rate, rate if growing is None else growing, falling.gone(rates) if falling else ())


def room_document(headroom: Headroom, watermark: Watermark) -> RoomDocument:
    hours, full = (hours if math.isfinite(hours) else None for hours in (headroom.hours, headroom.full_in_hours))
    return RoomDocument(watermark=watermark.value, bytes=headroom.room, hours=hours, full_in_hours=full)


def left_sentence(room: RoomDocument) -> str:
    """Say for how long the volumes take footage, and what to do when that is not long."""
    left, hours, full = f"The volumes take {room['bytes'] / _GB:,.1f} GB more", room["hours"], room["full_in_hours"]
    if room["watermark"] == Watermark.ROOM:
        return f"{left}, which lasts." if full is None else f"{left}, which lasts {full:,.0f} hours."
    lasts = left if hours is None else f"{left}, which is what comes in {hours:.1f} hours"
    forecast = "" if full is None else f"; by what comes and goes they are full in {full:.1f} hours"
    return f"{lasts}{forecast}. Add a volume, shorten the window, or have the cameras send less."


def _written(index: Connection, streams: Sequence[StreamId], now_ms: int) -> tuple[int, float]:
    """Return how many octets were written in the day before, and in how many days of it."""
    told = [segments.recorded_since(index, stream, now_ms - _DAY_MS) for stream in streams]
    first_ms = min((start for _, start in told if start is not None), default=now_ms)
    return sum(size for size, _ in told), (now_ms - first_ms) / _DAY_MS


def _rates(index: Connection, now: datetime) -> dict[StreamId, float]:
    """Return how many octets a second each stream takes that is to be recorded now and ever was, as in its last hour."""
    ends = runs.recorded_until(index, ms_of(now))
    wanted = [stream.stream_id for stream in stream_config.load(index).streams if stream.is_wanted(now) and stream.stream_id in ends]
    weights = segments.weights_since(index, {stream: ends[stream] - RATE_MS for stream in wanted})
    return {stream: size / (ticks / TICKS_PER_SECOND) for stream, (size, ticks) in zip(wanted, weights, strict=True) if ticks}


def _room_left(volume: Volume) -> int:
    try:
        if volume.max_bytes is not None:
            volume.measure_again()
        return volume.room_left()
    except OSError:
        return 0

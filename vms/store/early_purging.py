"""Condemn before its day: what policies let go when disks are full, of each camera the oldest hour, never what is younger than its floor.

All streams of a camera go together, and with the marks is written down which of its time is gone: what was left of that for another
reason than a hold would show what a sealed one keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from sqlalchemy import Connection

from vms.domain.camera import Priority
from vms.domain.full_disk import MayGoEarly, early_until_ms
from vms.domain.ids import CameraId, VolumeId
from vms.domain.purge import Batch, PurgeReason
from vms.domain.retention import ClockReading, StreamRule
from vms.domain.timespan import TICKS_PER_MS
from vms.store import hold_replica, purging, secrecy, stream_config, stream_rules


def cameras(connection: Connection, now_ms: int) -> list[MayGoEarly]:
    """Return each camera of which something is past its floor and kept by no hold."""
    every, priorities = stream_rules.rules(connection), stream_config.priorities(connection)
    found = list[MayGoEarly]()
    for camera in sorted({rule.camera_id for rule in every if rule.floor_ms is not None}):
        rules = [rule for rule in every if rule.camera_id == camera]
        if (oldest := _oldest(connection, rules, now_ms)) is not None:
            found.append(MayGoEarly(camera, priorities.get(camera, Priority.NORMAL), oldest[0]))
    return found


def condemn(connection: Connection, camera_id: CameraId, now: ClockReading, mounted: Sequence[VolumeId]) -> list[Batch]:
    """Condemn the oldest hour of a camera that is past its floor and free of holds, all of it or nothing.

    Nothing while something of that camera is due on its day or waits for its disk, and while something of that time lies on a volume that
    is not `mounted` or has a second place. In BEGIN IMMEDIATE, by a lease and a clock that hold there, as `purging.condemn`.
    """
    applied = hold_replica.applied_seq(connection)
    rules = [rule for rule in stream_rules.rules(connection) if rule.camera_id == camera_id]
    oldest = _oldest(connection, rules, now.at_ms)
    if oldest is None or not purging.may_condemn(connection, applied, now) or _has_more_urgent(connection, rules, now.at_ms):
        return []
    before_ms = early_until_ms(-(-oldest[1] // TICKS_PER_MS), _floor_before(rules, now.at_ms))
    pieces = _whole(connection, rules, before_ms, now.at_ms, purging.numbers_of(connection, mounted))
    if not pieces:
        return []
    secrecy.note_gone_early(connection, camera_id, [rule.stream_id for rule in rules], before_ms)
    batches, after = list[Batch](), purging.last_number(connection) + 1
    for number, piece in enumerate(pieces, after):
        batch = purging.batch_of([row[:3] for row in piece.rows], piece.rule, number, hold_seq=applied, condemned_ms=now.at_ms)
        batches.append(replace(batch, keep_ms=piece.rule.floor_ms or piece.rule.keep_ms, reason=PurgeReason.DISK_FULL))
        purging.mark(connection, batches[-1], purging.free_values(piece.rule, batch.first_ms, piece.before_ms))
    return batches


def told(connection: Connection, rule: StreamRule, now_ms: int) -> int:
    """Return how many segments of a stream might go before their day, as people are told: as if there were no sealed holds."""
    if rule.floor_ms is None:
        return 0
    by_floor, by_window = (purging.due_by(connection, rule, keep_ms, now_ms)[0] for keep_ms in (rule.floor_ms, rule.keep_ms))
    return by_floor - by_window


_Row = tuple[int, int, int, int]
"""Start in ms, end in ticks, octets, volume."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Segments of one stream and one volume between which no other lies."""

    rule: StreamRule
    before_ms: int
    """End of the free time that they lie in."""
    rows: list[_Row]


def _oldest(connection: Connection, rules: Sequence[StreamRule], now_ms: int) -> _Row | None:
    """Return the oldest segment of a camera that may go; None as well for one whose policy lets nothing go."""
    if not rules or any(rule.floor_ms is None for rule in rules):
        return None
    free = purging.free_of(connection, rules[0].camera_id, _floor_before(rules, now_ms))
    of_each = ([row for time in free for row in _rows(connection, rule, time, most=1)][:1] for rule in rules)
    return min((row for rows in of_each for row in rows), default=None)


def _floor_before(rules: Sequence[StreamRule], now_ms: int) -> int:
    return now_ms - max(rule.floor_ms or rule.keep_ms for rule in rules)


def _has_more_urgent(connection: Connection, rules: Sequence[StreamRule], now_ms: int) -> bool:
    waiting = purging.unfinished(connection)
    return any(rule.stream_id in waiting or purging.due(connection, rule, now_ms)[0] for rule in rules)


def _whole(connection: Connection, rules: Sequence[StreamRule], before_ms: int, now_ms: int, there: frozenset[int]) -> list[_Piece]:
    """Return all that is free before a moment; nothing unless all of it may go."""
    free = purging.free_of(connection, rules[0].camera_id, before_ms)
    of_times = [(rule, time[1], _rows(connection, rule, time, most=-1)) for rule in rules for time in free]
    pieces = [_Piece(rule, end, list(piece)) for rule, end, rows in of_times for _, piece in groupby(rows, key=lambda row: row[3])]
    standing = sum(purging.due(connection, replace(rule, keep_ms=now_ms - before_ms), now_ms)[0] for rule in rules)
    may = standing == sum(len(piece.rows) for piece in pieces) and all(piece.rows[0][3] in there for piece in pieces)
    return pieces if may else []


def _rows(connection: Connection, rule: StreamRule, time: tuple[int | None, int], *, most: int) -> list[_Row]:
    start_ms, before_ms = time
    return purging.free_rows(connection, purging.free_values(rule, start_ms or 0, before_ms), most)

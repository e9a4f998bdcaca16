"""Condemn, then purge: the two transactions of the node index around the erasing of files.

Condemning (R) and putting a hold into force (`hold_replica.apply`) are both BEGIN IMMEDIATE on this one database, so one comes first:
R1 the caller has a lease and a clock that it trusts               nothing changed
R2 BEGIN IMMEDIATE                                                   from here on no hold comes into force
R3 read lease, clock, holds and rule again; what is free of holds    nothing changed
R4 mark the segments, append the batch; COMMIT   `retain:condemn`    the point of no return: a hold that comes later is told so
R5 erase the files, sync their folders           `retain:erase`      a crash: the next pass erases what is condemned again
R6 BEGIN IMMEDIATE; delete the rows, close the batch; COMMIT `retain:purge`
The file goes before its row: no file is left that neither a live row, nor a condemned one, nor the rule of orphans speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from vms.domain.footage import SegmentState
from vms.domain.hold import LEAST_CLOCK_ERROR, protected
from vms.domain.ids import CameraId, SegmentId, StreamId, VolumeId, segment_id
from vms.domain.purge import Batch, Purge, root_of
from vms.domain.retention import ClockReading, StreamRule, free_times, lease_lasts, why_not_trusted
from vms.domain.timeline import OPEN_SEGMENT_ALLOWANCE
from vms.domain.timespan import TICKS_PER_MS
from vms.store import deletion_lease, hold_replica, purge_log, stream_rules, volumes
from vms.store.index_tables import GapRow, RunRow, SegmentRow, SegmentSideRow, VolumeRow
from vms.store.retention_tables import PurgeRow, StreamRuleRow

MOST_AT_ONCE = 500
"""Segments in one transaction: the recorder waits for it."""
PURGE_STEPS = ("retain:condemn", "retain:erase", "retain:purge")
HOUR_MS = 3_600_000
_END_TICKS = SegmentRow.start_ticks + SegmentRow.duration


@dataclass(frozen=True, slots=True)
class Doomed:
    """A condemned segment and where its file is."""

    id: SegmentId
    volume: VolumeId


def condemn(
    connection: Connection, stream_id: StreamId, now: ClockReading, mounted: Sequence[VolumeId], *, most: int = MOST_AT_ONCE
) -> Batch | None:
    """Condemn the oldest segments of a stream that are wholly past their window and free of holds; None when there are none.

    They are of one volume, which is one of those `mounted`: what a disk that is away holds can still be kept when it comes back.
    Call it in a transaction that began with BEGIN IMMEDIATE, with the clock read in it. None as well without a lease that lasts, or by a
    clock that moved since it was granted: nothing may go then.
    """
    lease, applied = deletion_lease.get(connection), hold_replica.applied_seq(connection)
    rule = stream_rules.rule(connection, stream_id)
    if lease is None or lease.hold_seq is None or lease.hold_seq > applied or rule is None:
        return None
    if not lease_lasts(lease.asked, now) or why_not_trusted(lease.asked, now) is not None:
        return None
    if connection.scalar(select(PurgeRow.number).where(PurgeRow.stream_id == stream_id, PurgeRow.position.is_(None)).limit(1)):
        return None  # what a disk has not given up yet goes first, so that no two batches lie over each other
    found = _free(connection, rule, now.at_ms, mounted, most)
    if not found:
        return None
    for start_ms, *_ in found:
        named = and_(SegmentRow.stream_id == stream_id, SegmentRow.start_ms == start_ms)
        connection.execute(update(SegmentRow).where(named).values(state=SegmentState.CONDEMNED.value))
    batch = Batch(
        number=(connection.scalar(select(func.max(PurgeRow.number))) or 0) + 1,
        stream_id=stream_id,
        camera_id=rule.camera_id,
        first_ms=found[0][0],
        last_ms=found[-1][0],
        end_ms=max(-(-end_ticks // TICKS_PER_MS) for _, end_ticks, _ in found),
        segments=len(found),
        size_bytes=sum(size for *_, size in found),
        keep_ms=rule.keep_ms,
        hold_seq=applied,
        condemned_ms=now.at_ms,
    )
    connection.execute(insert(PurgeRow).values({name: getattr(batch, name) for name in Batch.__dataclass_fields__}))
    return batch


def due(connection: Connection, rule: StreamRule, now_ms: int) -> tuple[int, int]:
    """Return how many segments of a stream, and octets, would be condemned now; nothing is changed."""
    segments = size_bytes = 0
    for free in _free_wheres(connection, rule, now_ms):
        found = connection.execute(select(func.count(), func.coalesce(func.sum(SegmentRow.size_bytes), 0)).where(free)).one()
        segments, size_bytes = segments + found[0], size_bytes + found[1]
    return segments, size_bytes


def kept(connection: Connection, rule: StreamRule, now_ms: int) -> int:
    """Return how many segments of a stream are past their window and stay because of holds."""
    before_ms, row = now_ms - rule.keep_ms, SegmentRow
    past = and_(row.stream_id == rule.stream_id, row.state != SegmentState.CONDEMNED.value, row.start_ms < before_ms)
    all_past = connection.scalar(select(func.count()).where(past, before_ms * TICKS_PER_MS >= _END_TICKS)) or 0
    return all_past - due(connection, rule, now_ms)[0]


def doomed(connection: Connection, batch: Batch) -> list[Doomed]:
    """Return the segments of a batch."""
    query = select(SegmentRow.start_ms, VolumeRow.uuid).join(VolumeRow, VolumeRow.number == SegmentRow.volume)
    found = connection.execute(query.where(_of(batch)).order_by(SegmentRow.start_ms))
    return [Doomed(segment_id(batch.stream_id, start), VolumeId(uuid)) for start, uuid in found]


def purge(connection: Connection, batch: Batch, *, erased_ms: int) -> Purge:
    """Forget the segments of a batch, whose files are gone, and close it in the log."""
    side = and_(SegmentSideRow.stream_id == SegmentRow.stream_id, SegmentSideRow.start_ms == SegmentRow.start_ms)
    query = select(SegmentRow.start_ms, SegmentRow.volume, SegmentRow.size_bytes, SegmentSideRow.file_digest).join(SegmentSideRow, side)
    found = connection.execute(query.where(_of(batch)).order_by(SegmentRow.start_ms)).all()
    position, before = purge_log.head(connection)
    purged = Purge(batch, position + 1, erased_ms, root_of([digest for *_, digest in found]))
    closed = {"position": purged.position, "erased_ms": erased_ms, "root": purged.root, "hash": purged.hash_after(before)}
    connection.execute(update(PurgeRow).where(PurgeRow.number == batch.number).values(closed))
    starts = [start for start, *_ in found]
    for at in range(0, len(starts), 250):
        for table in (SegmentSideRow, SegmentRow):
            named = and_(table.stream_id == batch.stream_id, table.start_ms.in_(starts[at : at + 250]))
            connection.execute(delete(table).where(named))
    for number in {volume for _, volume, *_ in found}:
        volumes.add_bytes(connection, number, -sum(size for _, volume, size, _ in found if volume == number))
    _forget_runs(connection, batch)
    return purged


def empty_hours(connection: Connection, camera_id: CameraId, hours: Sequence[int], now_ms: int) -> list[int]:
    """Return those of `hours` (since 1970) of a camera that are past every window, free of holds, and hold no segment of any stream.

    A stream without a rule may be anybody's: its footage stays, and so does the key of its hour.
    """
    mine = [rule for rule in stream_rules.rules(connection) if rule.camera_id == camera_id]
    if not mine:
        return []
    # A segment that begins in an hour may end so much after it, and what was not published yet has no row: its key is needed still.
    open_ms = OPEN_SEGMENT_ALLOWANCE // timedelta(milliseconds=1)
    free = _free_of(connection, camera_id, now_ms - max(rule.keep_ms for rule in mine))
    found = [
        hour
        for hour in hours
        if any((start is None or start <= hour * HOUR_MS) and (hour + 1) * HOUR_MS + open_ms <= end for start, end in free)
    ]
    ruled = select(StreamRuleRow.stream_id)
    unruled = connection.scalars(select(RunRow.stream_id).where(RunRow.stream_id.not_in(ruled)).distinct())
    streams = [*(rule.stream_id for rule in mine), *map(StreamId, unruled)]
    return [hour for hour in found if not _holds_footage(connection, streams, hour)]


def _holds_footage(connection: Connection, streams: Sequence[StreamId], hour: int) -> bool:
    inside = SegmentRow.start_ms.between(hour * HOUR_MS, (hour + 1) * HOUR_MS - 1)
    return connection.scalar(select(SegmentRow.start_ms).where(SegmentRow.stream_id.in_(streams), inside).limit(1)) is not None


def _free_wheres(connection: Connection, rule: StreamRule, now_ms: int) -> list[ColumnElement[bool]]:
    """Return a condition for the segments in each free time; a lost one goes too, its row alone."""
    row = SegmentRow
    standing = and_(row.stream_id == rule.stream_id, row.state != SegmentState.CONDEMNED.value)
    return [
        and_(standing, row.start_ms >= (start or 0), row.start_ms < before_ms, before_ms * TICKS_PER_MS >= _END_TICKS)
        for start, before_ms in _free_of(connection, rule.camera_id, now_ms - rule.keep_ms)
    ]


def _free_of(connection: Connection, camera_id: CameraId, before_ms: int) -> list[tuple[int | None, int]]:
    return free_times(before_ms, [protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.of_camera(connection, camera_id)])


def _free(connection: Connection, rule: StreamRule, now_ms: int, mounted: Sequence[VolumeId], most: int) -> list[tuple[int, int, int]]:
    """Return start in ms, end in ticks and octets of up to `most` segments of one volume that may go, from one free time.

    A batch spans no held segment, and none of another volume.
    """
    row = SegmentRow
    numbers = connection.scalars(select(VolumeRow.number).where(VolumeRow.uuid.in_(mounted))).all()
    query = select(row.start_ms, _END_TICKS, row.size_bytes, row.volume).order_by(row.start_ms).limit(most)
    for free in _free_wheres(connection, rule, now_ms):
        if found := connection.execute(query.where(free, row.volume.in_(numbers))).all():
            _, of_one = next(groupby(found, key=lambda one: one[3]))
            return [(start, end, size) for start, end, size, _ in of_one]
    return []


def _of(batch: Batch) -> ColumnElement[bool]:
    return and_(
        SegmentRow.stream_id == batch.stream_id,
        SegmentRow.start_ms.between(batch.first_ms, batch.last_ms),
        SegmentRow.state == SegmentState.CONDEMNED.value,
    )


def _forget_runs(connection: Connection, batch: Batch) -> None:
    """Forget the runs and gaps that ended before the batch did and of which no footage is left."""
    over = and_(RunRow.stream_id == batch.stream_id, RunRow.end_ms <= batch.end_ms, RunRow.end_reason.is_not(None))
    of_run = and_(SegmentRow.stream_id == RunRow.stream_id, SegmentRow.start_ms >= RunRow.start_ms, SegmentRow.start_ms < RunRow.end_ms)
    connection.execute(delete(RunRow).where(over, ~select(SegmentRow.start_ms).where(of_run).exists()))
    for start, before_ms in _free_of(connection, batch.camera_id, batch.condemned_ms - batch.keep_ms):
        inside = and_(GapRow.start_ms >= (start or 0), GapRow.end_ms <= before_ms)
        connection.execute(delete(GapRow).where(GapRow.stream_id == batch.stream_id, inside))

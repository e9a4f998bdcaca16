"""Condemn, then purge: the two transactions of the node index around the erasing of files.

Condemning (R) and putting a hold into force (`hold_replica.apply`) are both BEGIN IMMEDIATE on this one database, so one comes first:
R1 the caller has a lease and a clock that it trusts               nothing changed
R2 BEGIN IMMEDIATE                                                   from here on no hold comes into force
R3 read lease, clock, holds and rule again; what is free of holds    nothing changed
R4 mark the segments, append the batch; COMMIT   `retain:condemn`    the point of no return: a hold that comes later is told so
R5 erase the files, sync their folders; destroy the keys of those that had outlived their hour's (`vms.store.keys`, F)
                                                 `retain:erase`      a crash: the next pass does both again
R6 BEGIN IMMEDIATE; delete the rows, close the batch; COMMIT `retain:purge`
A segment with a second place (`protected_places.py`) is not free: that goes first.
What goes before its day goes by the same steps (`early_purging.py`).
The file goes before its row: no file is left that neither a live row, nor a condemned one, nor the rule of orphans speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from itertools import groupby
from typing import TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, delete, func, or_, select, update

from vms.domain.footage import Segment, SegmentState
from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, joined, protected
from vms.domain.ids import CameraId, SegmentId, StreamId, VolumeId, segment_id
from vms.domain.purge import BATCH_NAMES, Batch, Purge, PurgeReason, root_of
from vms.domain.retention import ClockReading, StreamRule, free_times, lease_lasts, why_not_trusted
from vms.domain.timeline import OPEN_SEGMENT_ALLOWANCE
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS
from vms.store import deletion_lease, hold_replica, purge_log, secrecy, segments, stream_rules, volumes
from vms.store.database import Driver
from vms.store.index_tables import GapRow, RunRow, SegmentRow, SegmentSideRow, VolumeRow
from vms.store.prepared import Prepared, PreparedChange, PreparedInsert
from vms.store.retention_tables import ProtectedPlaceRow, PurgeRow, StreamRuleRow

MOST_AT_ONCE = 500
"""Segments in one transaction: the recorder waits for it."""
STREAMS_AT_ONCE = 4
"""Streams in one transaction: a pass has a few minutes of each, and a commit takes as long for one as for these."""
PURGE_STEPS = ("retain:condemn", "retain:erase", "retain:purge")
_OPEN_MS = OPEN_SEGMENT_ALLOWANCE // timedelta(milliseconds=1)
"""A segment that begins in an hour may end so much after it, and what was not published yet has no row: its key is needed still."""
_SHORTEST_MS = 24 * MS_PER_HOUR
"""No window is shorter than a day."""
_Times: TypeAlias = list[tuple[int | None, int]]
"""Free times, as `free_times` has them."""
_END_TICKS = SegmentRow.start_ticks + SegmentRow.duration


@dataclass(frozen=True, slots=True)
class Doomed:
    """A condemned segment and where its file is."""

    id: SegmentId
    volume: VolumeId


@dataclass(frozen=True, slots=True)
class PartlyHeld:
    """An hour of a camera of which holds keep a part; the rest is gone."""

    camera_id: CameraId
    hour: int
    """Since 1970."""
    streams: tuple[StreamId, ...]
    left: tuple[Segment, ...]
    """All that is left of it, each protected; by stream and start."""


def condemn(
    connection: Connection, stream_id: StreamId, now: ClockReading, mounted: Sequence[VolumeId], *, most: int = MOST_AT_ONCE
) -> Batch | None:
    """Condemn the oldest segments of a stream that are wholly past their window and free of holds; None when there are none.

    They are of one volume, which is one of those `mounted`: what a disk that is away holds can still be kept when it comes back.
    Call it in a transaction that began with BEGIN IMMEDIATE, with the clock read in it. None as well without a lease that lasts, or by a
    clock that moved since it was granted: nothing may go then.
    """
    return next(iter(condemn_each(connection, [stream_id], now, mounted, most=most)), None)


def condemn_each(
    connection: Connection, streams: Iterable[StreamId], now: ClockReading, mounted: Sequence[VolumeId], *, most: int = MOST_AT_ONCE
) -> list[Batch]:
    """Condemn a batch of each of `streams` as `condemn` does, of all together up to `most` segments."""
    applied = hold_replica.applied_seq(connection)
    if not may_condemn(connection, applied, now):
        return []
    number = last_number(connection)
    batches, there, waiting = list[Batch](), numbers_of(connection, mounted), unfinished(connection)
    free_times_of = _free_times_of(connection)
    for stream in streams:
        rule = stream_rules.rule(connection, stream)
        if rule is None or most <= 0:
            continue
        times = free_times_of(rule.camera_id, now.at_ms - rule.keep_ms)
        free, found = _free(connection, rule, times, there, most, waiting.get(stream, _NOTHING_WAITS))
        if found:
            batch = batch_of(found, rule, number + 1, hold_seq=applied, condemned_ms=now.at_ms)
            mark(connection, batch, free)
            batches.append(batch)
            number, most = batch.number, most - batch.segments
    return batches


def note_gone(connection: Connection, cameras: Iterable[CameraId], now: ClockReading) -> None:
    """Write down of each camera up to which moment passes have destroyed what holds don't keep; nothing when they may not.

    In BEGIN IMMEDIATE. Nothing of a camera of which something is left that is due, whatever it waits for: a hold that comes may keep it.
    Whatever the clock said before, of its last day nothing is gone.
    """
    may, every = may_condemn(connection, hold_replica.applied_seq(connection), now), stream_rules.rules(connection)
    for camera in cameras:
        secrecy.nothing_is_gone_since(connection, camera, now.at_ms - _SHORTEST_MS)
        mine = [rule for rule in every if rule.camera_id == camera]
        if may and mine and not any(due(connection, rule, now.at_ms)[0] for rule in mine):
            secrecy.note_gone(connection, camera, now.at_ms - max(rule.keep_ms for rule in mine))


def last_number(connection: Connection) -> int:
    """Return the number of the newest batch; 0 before the first."""
    with Driver(connection) as driver:
        return _LAST_NUMBER.rows(driver, {})[0][0] or 0


def may_condemn(connection: Connection, applied: int, now: ClockReading) -> bool:
    """Say whether there is a lease that lasts, of holds that are in force here, and a clock that is trusted."""
    lease = deletion_lease.get(connection)
    if lease is None or lease.hold_seq is None or lease.hold_seq > applied:
        return False
    return lease_lasts(lease.asked, now) and why_not_trusted(lease.asked, now) is None


def any_due(connection: Connection, rules: Sequence[StreamRule], now_ms: int, mounted: Sequence[VolumeId]) -> bool:
    """Say whether any segment of these streams would be condemned now: whoever looks first need not lock the index for nothing."""
    there, waiting, free_times_of = numbers_of(connection, mounted), unfinished(connection), _free_times_of(connection)
    each = ((rule, free_times_of(rule.camera_id, now_ms - rule.keep_ms)) for rule in rules)
    return any(_free(connection, rule, times, there, 1, waiting.get(rule.stream_id, _NOTHING_WAITS))[1] for rule, times in each)


def due(connection: Connection, rule: StreamRule, now_ms: int) -> tuple[int, int]:
    """Return how many segments of a stream, and octets, would be condemned now; nothing is changed."""
    return _sums(connection, _free_wheres(connection, rule, now_ms))


def due_by(connection: Connection, rule: StreamRule, keep_ms: int, now_ms: int) -> tuple[int, int]:
    """Return the same as `due` if the stream were kept for `keep_ms`, as people are told: as if there were no sealed holds."""
    shorter = replace(rule, keep_ms=keep_ms)
    told = secrecy.is_spoken_of(connection, rule.camera_id)
    return _sums(connection, [and_(one, told) for one in _wheres(shorter, told_times(connection, shorter, now_ms))])


def beyond(connection: Connection, rule: StreamRule, keep_ms: int, now_ms: int) -> int:
    """Return how many segments of a stream are older than `keep_ms` and under no hold, but for what is gone for people and goes later."""
    told = or_((now_ms - rule.keep_ms) * TICKS_PER_MS >= _END_TICKS, secrecy.is_spoken_of(connection, rule.camera_id))
    wheres = _free_wheres(connection, replace(rule, keep_ms=keep_ms), now_ms)
    return _sums(connection, [and_(one, told) for one in wheres])[0]


def kept(connection: Connection, rule: StreamRule, now_ms: int) -> int:
    """Return how many segments of a stream are past their window and stay because of holds that may be spoken of."""
    before_ms, row, told = now_ms - rule.keep_ms, SegmentRow, told_times(connection, rule, now_ms)
    spoken_of = secrecy.is_spoken_of(connection, rule.camera_id)
    past = and_(row.stream_id == rule.stream_id, row.state != SegmentState.CONDEMNED.value, row.start_ms < before_ms, spoken_of)
    all_past = connection.scalar(select(func.count()).where(past, before_ms * TICKS_PER_MS >= _END_TICKS)) or 0
    free = (connection.scalar(select(func.count()).where(one, spoken_of)) for one in _wheres(rule, told))
    return all_past - sum(count or 0 for count in free)


def oldest_ms(connection: Connection, rule: StreamRule, now_ms: int) -> int | None:
    """Return when the oldest segment of a stream begins, but for those past their window that only sealed holds keep."""
    before_ms, row = now_ms - rule.keep_ms, SegmentRow
    keeping = [protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.told_of_camera(connection, rule.camera_id)]
    told = [
        and_(one.start_ms * TICKS_PER_MS < _END_TICKS, row.start_ms < (before_ms if one.end_ms is None else one.end_ms)) for one in keeping
    ]
    inside, going = before_ms * TICKS_PER_MS < _END_TICKS, row.state == SegmentState.CONDEMNED.value
    shown = and_(or_(inside, *told), secrecy.is_spoken_of(connection, rule.camera_id))
    spoken_of = or_(shown, going, *_free_wheres(connection, rule, now_ms))
    oldest: int | None = connection.scalar(select(func.min(row.start_ms)).where(row.stream_id == rule.stream_id, spoken_of))
    return oldest


def doomed(connection: Connection, batch: Batch) -> list[Doomed]:
    """Return the segments of a batch."""
    query = select(SegmentRow.start_ms, VolumeRow.uuid).join(VolumeRow, VolumeRow.number == SegmentRow.volume)
    found = connection.execute(query.where(_of(batch)).order_by(SegmentRow.start_ms))
    return [Doomed(segment_id(batch.stream_id, start), VolumeId(uuid)) for start, uuid in found]


def purge(connection: Connection, batch: Batch, *, erased_ms: int) -> Purge:
    """Forget the segments of a batch, whose files are gone, and close it in the log."""
    of_batch = {"stream": batch.stream_id, "first": batch.first_ms, "last": batch.last_ms}
    with Driver(connection) as driver:
        found = _GONE.rows(driver, of_batch)
        position, before = purge_log.head(connection)
        purged = Purge(batch, position + 1, erased_ms, root_of([digest for *_, digest in found]))
        closed = {"position": purged.position, "erased_ms": erased_ms, "root": purged.root, "hash": purged.hash_after(before)}
        _CLOSE.run(driver, {"of_number": batch.number} | {f"new_{name}": value for name, value in closed.items()})
        _FORGET_SIDE.run(driver, of_batch)
        _FORGET.run(driver, of_batch)
    for number in {volume for _, volume, *_ in found}:
        volumes.add_bytes(connection, number, -sum(size for _, volume, size, _ in found if volume == number))
    _forget_runs(connection, batch)
    return purged


def over_before(connection: Connection, rules: Sequence[StreamRule], now_ms: int) -> int:
    """Return before which moment nothing of a camera is to be there but what holds keep, given the rules of all its streams."""
    return max(now_ms - max(rule.keep_ms for rule in rules), secrecy.early_until(connection, rules[0].camera_id))


def empty_hours(connection: Connection, camera_id: CameraId, hours: Sequence[int], now_ms: int) -> list[int]:
    """Return those of `hours` (since 1970) of a camera that are over (`over_before`), free of holds, and hold no segment of any stream.

    A stream without a rule may be anybody's: its footage stays, and so does the key of its hour.
    """
    mine = [rule for rule in stream_rules.rules(connection) if rule.camera_id == camera_id]
    if not mine:
        return []
    free = free_of(connection, camera_id, over_before(connection, mine, now_ms))
    found = [
        hour
        for hour in hours
        if any((start is None or start <= hour * MS_PER_HOUR) and (hour + 1) * MS_PER_HOUR + _OPEN_MS <= end for start, end in free)
    ]
    streams = [*(rule.stream_id for rule in mine), *_without_rule(connection)]
    return [hour for hour in found if not _holds_footage(connection, streams, hour)]


def partly_held(connection: Connection, camera_id: CameraId, hours: Sequence[int], now_ms: int) -> list[PartlyHeld]:
    """Return those of `hours` (since 1970) of a camera that are over (`over_before`) and of which all that is left is held.

    Left out is an hour that holds cover from end to end, since its key opens nothing else; and one with footage that is lost, which may
    be found again, that is being destroyed still, or of a stream without a rule.
    """
    mine = [rule for rule in stream_rules.rules(connection) if rule.camera_id == camera_id]
    if not mine:
        return []
    before_ms = over_before(connection, mine, now_ms)
    held = joined(protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.of_camera(connection, camera_id))
    streams, unruled, found = tuple(rule.stream_id for rule in mine), _without_rule(connection), list[PartlyHeld]()
    for hour in hours:
        past, whole = (hour + 1) * MS_PER_HOUR + _OPEN_MS <= before_ms, HeldTime(hour * MS_PER_HOUR, (hour + 1) * MS_PER_HOUR)
        if not past or any(one.contains(whole) for one in held) or _holds_footage(connection, unruled, hour):
            continue
        left = _left_of(connection, streams, hour, held)
        if left is not None:
            found.append(PartlyHeld(camera_id, hour, streams, left))
    return found


def _left_of(connection: Connection, streams: Sequence[StreamId], hour: int, held: Sequence[HeldTime]) -> tuple[Segment, ...] | None:
    """Return the segments that begin in an hour; None unless each is there and protected."""
    left = [row for stream in streams for row in segments.began_in(connection, stream, hour * MS_PER_HOUR, (hour + 1) * MS_PER_HOUR)]
    kept = (row.state is SegmentState.LIVE and any(one.overlaps(row.start_ticks, row.end_ticks) for one in held) for row in left)
    return tuple(left) if all(kept) else None


def _without_rule(connection: Connection) -> list[StreamId]:
    """Return the streams that have footage and no rule: it may be anybody's."""
    ruled = select(StreamRuleRow.stream_id)
    return [StreamId(one) for one in connection.scalars(select(RunRow.stream_id).where(RunRow.stream_id.not_in(ruled)).distinct())]


def _holds_footage(connection: Connection, streams: Sequence[StreamId], hour: int) -> bool:
    inside = SegmentRow.start_ms.between(hour * MS_PER_HOUR, (hour + 1) * MS_PER_HOUR - 1)
    return connection.scalar(select(SegmentRow.start_ms).where(SegmentRow.stream_id.in_(streams), inside).limit(1)) is not None


def batch_of(found: Sequence[tuple[int, int, int]], rule: StreamRule, number: int, *, hold_seq: int, condemned_ms: int) -> Batch:
    """Return the batch of some segments: of each its start in ms, its end in ticks and its octets."""
    return Batch(
        number=number,
        stream_id=rule.stream_id,
        camera_id=rule.camera_id,
        first_ms=found[0][0],
        last_ms=found[-1][0],
        end_ms=max(-(-end_ticks // TICKS_PER_MS) for _, end_ticks, _ in found),
        segments=len(found),
        size_bytes=sum(size for *_, size in found),
        keep_ms=rule.keep_ms,
        hold_seq=hold_seq,
        condemned_ms=condemned_ms,
    )


def mark(connection: Connection, batch: Batch, free: Mapping[str, object]) -> None:
    """Mark the segments of a batch, which were found by the values `free`, and append it to the log."""
    with Driver(connection) as driver:
        # Those that were found and no other: they are the first of what is free, and one transaction sees one state.
        _CONDEMN.run(driver, {**free, "last": batch.last_ms})
        _NEW_BATCH.add(driver, [[getattr(batch, name) for name in BATCH_NAMES]])


def _free_wheres(connection: Connection, rule: StreamRule, now_ms: int) -> list[ColumnElement[bool]]:
    """Return a condition for the segments in each free time; a lost one goes too, its row alone."""
    return _wheres(rule, free_of(connection, rule.camera_id, now_ms - rule.keep_ms))


def _sums(connection: Connection, wheres: Iterable[ColumnElement[bool]]) -> tuple[int, int]:
    segments = size_bytes = 0
    for one in wheres:
        found = connection.execute(select(func.count(), func.coalesce(func.sum(SegmentRow.size_bytes), 0)).where(one)).one()
        segments, size_bytes = segments + found[0], size_bytes + found[1]
    return segments, size_bytes


def told_times(connection: Connection, rule: StreamRule, now_ms: int) -> list[tuple[int | None, int]]:
    """Return the free times as if there were no sealed holds: for what people are told, never for what is destroyed."""
    told = hold_replica.told_of_camera(connection, rule.camera_id)
    return free_times(now_ms - rule.keep_ms, [protected(one, LEAST_CLOCK_ERROR) for one in told])


def _wheres(rule: StreamRule, free: Sequence[tuple[int | None, int]]) -> list[ColumnElement[bool]]:
    row = SegmentRow
    standing = and_(row.stream_id == rule.stream_id, row.state != SegmentState.CONDEMNED.value)
    return [
        and_(standing, row.start_ms >= (start or 0), row.start_ms < before_ms, before_ms * TICKS_PER_MS >= _END_TICKS)
        for start, before_ms in free
    ]


def free_of(connection: Connection, camera_id: CameraId, before_ms: int) -> _Times:
    """Return the times of a camera before a moment that no hold touches."""
    return free_times(before_ms, [protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.of_camera(connection, camera_id)])


def _free_times_of(connection: Connection) -> Callable[[CameraId, int], _Times]:
    """Return `free_of` for one transaction: the streams of a camera, mostly kept for as long, share what holds leave of it."""
    return cache(partial(free_of, connection))


def free_rows(connection: Connection, free: Mapping[str, object], most: int) -> list[tuple[int, int, int, int]]:
    """Return start in ms, end in ticks, octets and volume of up to `most` segments of a free time, by start; -1: of all."""
    with Driver(connection) as driver:
        return _FREE.rows(driver, {**free, "most": most})


def free_values(rule: StreamRule, start_ms: int, before_ms: int) -> dict[str, object]:
    """Return the values by which the segments of a stream in a free time are found."""
    return {"stream": rule.stream_id, "start": start_ms, "before": before_ms, "before_ticks": before_ms * TICKS_PER_MS}


def numbers_of(connection: Connection, mounted: Sequence[VolumeId]) -> frozenset[int]:
    return frozenset(number for volume, number in volumes.numbers(connection).items() if volume in mounted)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What disks have not given up yet of a stream."""

    until_ms: int
    """Start of the last segment of its open batches: no two batches lie over each other."""
    volumes: frozenset[int]
    """Where their files are: nothing more is condemned there."""


_NOTHING_WAITS = _Waiting(-1, frozenset())


def unfinished(connection: Connection) -> dict[StreamId, _Waiting]:
    """Return the streams of which a batch waits for its disk."""
    found = dict[StreamId, _Waiting]()
    with Driver(connection) as driver:
        for stream, first, last in _UNFINISHED.rows(driver, {}):
            before = found.get(StreamId(stream), _NOTHING_WAITS)
            on = {volume for (volume,) in _VOLUMES_OF_BATCH.rows(driver, {"stream": stream, "first": first, "last": last})}
            found[StreamId(stream)] = _Waiting(max(before.until_ms, last), before.volumes | on)
    return found


def _free(
    connection: Connection, rule: StreamRule, times: _Times, there: frozenset[int], most: int, waiting: _Waiting
) -> tuple[dict[str, object], list[tuple[int, int, int]]]:
    """Return start in ms, end in ticks and octets of up to `most` segments that may go, and by which values they were found.

    All are from one free time and of one volume of those `there`, by number: a batch spans no held segment, and none of another volume.
    What a disk does not let go of stops neither what lies behind it nor other disks.
    """
    there -= waiting.volumes
    with Driver(connection) as driver:
        for start, before_ms in times:
            free = free_values(rule, max(start or 0, waiting.until_ms + 1), before_ms)
            found = _FREE.rows(driver, free | {"most": most})
            if found and found[0][3] not in there:  # a disk is away: its footage waits, and what lies after it on another goes
                firsts = [first for one in there for (first,) in _FIRST_OF.rows(driver, free | {"volume": one}) if first is not None]
                free["start"] = min(firsts, default=before_ms)
                found = _FREE.rows(driver, free | {"most": most})
            if found:
                _, of_one = next(groupby(found, key=lambda one: one[3]))
                return free, [(start, end, size) for start, end, size, _ in of_one]
    return {}, []


def _of(batch: Batch) -> ColumnElement[bool]:
    return and_(
        SegmentRow.stream_id == batch.stream_id,
        SegmentRow.start_ms.between(batch.first_ms, batch.last_ms),
        SegmentRow.state == SegmentState.CONDEMNED.value,
    )


def _forget_runs(connection: Connection, batch: Batch) -> None:
    """Forget the runs that ended before the batch did and of which no footage is left, and the gaps that are past their window.

    Of what goes before its day gaps are still shown.
    """
    keep_ms = batch.keep_ms
    if batch.reason is not PurgeReason.WINDOW and (rule := stream_rules.rule(connection, batch.stream_id)) is not None:
        keep_ms = rule.keep_ms
    past = {"stream": batch.stream_id, "start": 0, "before": batch.condemned_ms - keep_ms}
    with Driver(connection) as driver:
        _FORGET_RUNS.run(driver, {"stream": batch.stream_id, "end": batch.end_ms})
        if _ANY_GAP.rows(driver, past):  # few streams have one: holds need not be read for the others
            for start, before_ms in free_of(connection, batch.camera_id, batch.condemned_ms - keep_ms):
                _FORGET_GAPS.run(driver, past | {"start": start or 0, "before": before_ms})


# Prepared, as decision 0034 has it: a pass runs these for each stream while the recorder waits.
_STREAM: BindParameter[int] = bindparam("stream")
_IN_FREE_TIME = and_(
    SegmentRow.stream_id == _STREAM,
    SegmentRow.state != SegmentState.CONDEMNED.value,
    SegmentRow.start_ms >= bindparam("start"),
    SegmentRow.start_ms < bindparam("before"),
    bindparam("before_ticks") >= _END_TICKS,
    ~select(ProtectedPlaceRow.made)
    .where(ProtectedPlaceRow.stream_id == SegmentRow.stream_id, ProtectedPlaceRow.start_ms == SegmentRow.start_ms)
    .exists(),
)
_FREE = Prepared(
    select(SegmentRow.start_ms, _END_TICKS, SegmentRow.size_bytes, SegmentRow.volume)
    .where(_IN_FREE_TIME)
    .order_by(SegmentRow.start_ms)
    .limit(bindparam("most"))
)
_FIRST_OF: Prepared[int | None] = Prepared(
    select(func.min(SegmentRow.start_ms)).where(_IN_FREE_TIME, SegmentRow.volume == bindparam("volume"))
)
_CONDEMN = PreparedChange(
    update(SegmentRow).where(_IN_FREE_TIME, SegmentRow.start_ms <= bindparam("last")).values(state=SegmentState.CONDEMNED.value)
)
_NEW_BATCH = PreparedInsert(PurgeRow, BATCH_NAMES)
_UNFINISHED = Prepared(select(PurgeRow.stream_id, PurgeRow.first_ms, PurgeRow.last_ms).where(PurgeRow.position.is_(None)))
_LAST_NUMBER = Prepared(select(func.max(PurgeRow.number)))
_CLOSE = PreparedChange(
    update(PurgeRow)
    .where(PurgeRow.number == bindparam("of_number"))
    .values({name: bindparam(f"new_{name}") for name in ("position", "erased_ms", "root", "hash")})
)
_OF_BATCH = and_(
    SegmentRow.stream_id == _STREAM,
    SegmentRow.start_ms.between(bindparam("first"), bindparam("last")),
    SegmentRow.state == SegmentState.CONDEMNED.value,
)
_VOLUMES_OF_BATCH = Prepared(select(SegmentRow.volume).where(_OF_BATCH).distinct())
_SIDE = and_(SegmentSideRow.stream_id == SegmentRow.stream_id, SegmentSideRow.start_ms == SegmentRow.start_ms)
_GONE = Prepared(
    select(SegmentRow.start_ms, SegmentRow.volume, SegmentRow.size_bytes, SegmentSideRow.file_digest)
    .join(SegmentSideRow, _SIDE)
    .where(_OF_BATCH)
    .order_by(SegmentRow.start_ms)
)
_FORGET_SIDE = PreparedChange(
    delete(SegmentSideRow).where(
        SegmentSideRow.stream_id == _STREAM, SegmentSideRow.start_ms.in_(select(SegmentRow.start_ms).where(_OF_BATCH))
    )
)
_FORGET = PreparedChange(delete(SegmentRow).where(_OF_BATCH))
_OF_RUN = and_(SegmentRow.stream_id == RunRow.stream_id, SegmentRow.start_ms >= RunRow.start_ms, SegmentRow.start_ms < RunRow.end_ms)
_FORGET_RUNS = PreparedChange(
    delete(RunRow).where(
        RunRow.stream_id == _STREAM,
        RunRow.end_ms <= bindparam("end"),
        RunRow.end_reason.is_not(None),
        ~select(SegmentRow.start_ms).where(_OF_RUN).exists(),
    )
)
_PAST_GAP = and_(
    GapRow.stream_id == _STREAM, GapRow.start_ms.between(bindparam("start"), bindparam("before")), GapRow.end_ms <= bindparam("before")
)
_ANY_GAP = Prepared(select(GapRow.start_ms).where(_PAST_GAP).limit(1))
_FORGET_GAPS = PreparedChange(delete(GapRow).where(_PAST_GAP))

"""The node's copy of holds, and what it says of the footage that they name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from math import ceil

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, select, true, update
from sqlalchemy.dialects.sqlite import insert as upsert

from vms.domain.footage import SegmentState
from vms.domain.hold import HeldTime, HoldAnswer, HoldChange
from vms.domain.ids import CameraId, HoldId, StreamId
from vms.domain.retention import Orders
from vms.domain.timespan import TICKS_PER_MS
from vms.store.database import Driver
from vms.store.index_tables import ReplicaRow, SegmentRow
from vms.store.prepared import Prepared
from vms.store.retention_tables import HoldReplicaRow, PurgeRow, StreamRuleRow

_KIND = "holds"
PROTECTED_UNTIL = "protected-until"
"""How far second places were made (`protected_places.py`): a change of holds has all of it looked at again."""
_ENDLESS_MS = 1 << 53
_APPLIED = Prepared(select(ReplicaRow.version).where(ReplicaRow.kind == _KIND))
_TIMES = select(HoldReplicaRow.start_ms, HoldReplicaRow.end_ms).where(HoldReplicaRow.camera_id == bindparam("camera"))
_OF_CAMERA = Prepared(_TIMES)
_TOLD_OF_CAMERA = Prepared(_TIMES.where(~HoldReplicaRow.sealed))
_SEALED_OF_CAMERA = Prepared(_TIMES.where(HoldReplicaRow.sealed))


def applied_seq(connection: Connection) -> int:
    """Return the newest change of holds that is in force here; 0 before the first."""
    with Driver(connection) as driver:
        found = _APPLIED.rows(driver, {})
    return found[0][0] if found else 0


def apply(connection: Connection, orders: Orders) -> bool:
    """Put changes of holds into force, in their order, and the rules in place of those before; False when newer ones are in force already.

    In the one transaction that condemning waits for (BEGIN IMMEDIATE): what is condemned later knows them.
    """
    if orders.hold_seq < applied_seq(connection):
        return False
    for change in orders.changes:
        _change(connection, change)
    if orders.changes:
        connection.execute(delete(ReplicaRow).where(ReplicaRow.kind == PROTECTED_UNTIL))
    put = upsert(ReplicaRow).values(kind=_KIND, version=orders.hold_seq)
    connection.execute(put.on_conflict_do_update(index_elements=[ReplicaRow.kind], set_={"version": put.excluded.version}))
    connection.execute(delete(StreamRuleRow))
    if orders.rules:
        connection.execute(upsert(StreamRuleRow), [asdict(rule) for rule in orders.rules])
    return True


def of_camera(connection: Connection, camera_id: CameraId) -> list[HeldTime]:
    """Return what holds name of a camera, without roll."""
    with Driver(connection) as driver:
        return [HeldTime(start, end) for start, end in _OF_CAMERA.rows(driver, {"camera": camera_id})]


def told_of_camera(connection: Connection, camera_id: CameraId) -> list[HeldTime]:
    """Return what holds that may be spoken of name of a camera, without roll: what people are told and shown follows from these alone."""
    with Driver(connection) as driver:
        return [HeldTime(start, end) for start, end in _TOLD_OF_CAMERA.rows(driver, {"camera": camera_id})]


def sealed_of_camera(connection: Connection, camera_id: CameraId) -> list[HeldTime]:
    """Return what sealed holds name of a camera, without roll."""
    with Driver(connection) as driver:
        return [HeldTime(start, end) for start, end in _SEALED_OF_CAMERA.rows(driver, {"camera": camera_id})]


def sealed(connection: Connection) -> frozenset[HoldId]:
    """Return the holds in force here that nobody is to learn of."""
    return frozenset(map(HoldId, connection.scalars(select(HoldReplicaRow.hold_id).where(HoldReplicaRow.sealed).distinct())))


def in_force(connection: Connection) -> list[tuple[HoldId, CameraId, HeldTime]]:
    """Return what holds name here."""
    row = HoldReplicaRow
    query = select(row.hold_id, row.camera_id, row.start_ms, row.end_ms).order_by(row.hold_id, row.camera_id)
    return [(HoldId(hold), CameraId(camera), HeldTime(start, end)) for hold, camera, start, end in connection.execute(query)]


def unanswered(connection: Connection) -> list[tuple[HoldId, CameraId, HeldTime]]:
    """Return what the hub has no answer to yet."""
    row = HoldReplicaRow
    query = select(row.hold_id, row.camera_id, row.start_ms, row.end_ms).where(~row.answered).order_by(row.hold_id, row.camera_id)
    return [(HoldId(hold), CameraId(camera), HeldTime(start, end)) for hold, camera, start, end in connection.execute(query)]


def answer(
    connection: Connection, hold_id: HoldId, camera_id: CameraId, kept: HeldTime, spoken_of: ColumnElement[bool] | None = None
) -> HoldAnswer:
    """Return what there is of a camera in the time that is `kept` for a hold; segments that are not `spoken_of` went before."""
    streams = select(StreamRuleRow.stream_id).where(StreamRuleRow.camera_id == camera_id)
    row = SegmentRow
    end_ms = _ENDLESS_MS if kept.end_ms is None else kept.end_ms
    touched = and_(
        row.stream_id.in_(streams),
        row.start_ms < end_ms,
        row.start_ticks + row.duration > kept.start_ms * TICKS_PER_MS,
        row.state.in_((SegmentState.LIVE.value, SegmentState.CONDEMNED.value)),
    )
    told, live = true() if spoken_of is None else spoken_of, row.state == SegmentState.LIVE.value
    secret, live = and_(live, ~told), and_(live, told)
    end = (row.start_ticks + row.duration + TICKS_PER_MS - 1) / TICKS_PER_MS
    found = connection.execute(
        select(
            func.count(case((live, 1))),
            func.coalesce(func.sum(case((live, row.size_bytes))), 0),
            func.min(case((live, row.start_ms))),
            func.max(case((live, func.cast(end, row.start_ms.type)))),
            func.count(case((row.state == SegmentState.CONDEMNED.value, 1))),
        ).where(touched)
    ).one()
    batch, closed = PurgeRow, PurgeRow.position.is_not(None)
    before = select(batch.segments, batch.first_ms, batch.end_ms).where(batch.camera_id == camera_id, closed)
    batches = connection.execute(before.where(batch.first_ms < end_ms, batch.end_ms > kept.start_ms))
    gone: list[tuple[int, float, float]] = [(many, first, end) for many, first, end in batches]
    untold = connection.execute(select(row.start_ticks, row.duration).where(touched, secret))
    gone += ((1, start / TICKS_PER_MS, (start + duration) / TICKS_PER_MS) for start, duration in untold)
    segments, size_bytes, first_ms, last_ms, condemned = found
    purged = _within(gone, kept.start_ms, end_ms)
    return HoldAnswer(hold_id, camera_id, segments, size_bytes, first_ms, last_ms, condemned, purged)


def _within(gone: Iterable[tuple[int, float, float]], start_ms: int, end_ms: int) -> int:
    """Return how many of some segments, each time so many alike, lie in [start_ms, end_ms).

    A batch counts by its share: counted whole, it would differ from what a sealed hold keeps of it and is counted one by one.
    """
    shares = (many * (min(end, end_ms) - max(start, start_ms)) / (end - start) for many, start, end in gone)
    return ceil(sum(shares) - 0.01)


def mark_answered(connection: Connection, answered: Iterable[tuple[HoldId, CameraId]]) -> None:
    for hold, camera in answered:
        named = and_(HoldReplicaRow.hold_id == hold, HoldReplicaRow.camera_id == camera)
        connection.execute(update(HoldReplicaRow).where(named).values(answered=True))


def answer_again(connection: Connection, streams: Iterable[StreamId]) -> None:
    """Have the sealed holds on these streams' cameras answered anew: who may know of them reads there that something was lost."""
    cameras = select(StreamRuleRow.camera_id).where(StreamRuleRow.stream_id.in_(sorted(set(streams))))
    named = and_(HoldReplicaRow.camera_id.in_(cameras), HoldReplicaRow.sealed)
    connection.execute(update(HoldReplicaRow).where(named).values(answered=False))


def _change(connection: Connection, change: HoldChange) -> None:
    named = and_(HoldReplicaRow.hold_id == change.hold_id, HoldReplicaRow.camera_id == change.camera_id)
    connection.execute(delete(HoldReplicaRow).where(named))
    if change.time is not None:
        held = {"start_ms": change.time.start_ms, "end_ms": change.time.end_ms, "sealed": change.sealed}
        connection.execute(upsert(HoldReplicaRow).values(camera_id=change.camera_id, hold_id=change.hold_id, answered=False, **held))

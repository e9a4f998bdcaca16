"""How long the footage of each stream is kept, as the hub last said it, and which of it may be shown by that."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, StreamId
from vms.domain.retention import StreamRule, readable_times, without
from vms.store import hold_replica, secrecy
from vms.store.database import Driver
from vms.store.prepared import Prepared
from vms.store.retention_tables import StreamRuleRow

_RULES = select(StreamRuleRow.stream_id, StreamRuleRow.camera_id, StreamRuleRow.keep_ms, StreamRuleRow.floor_ms)

_OF_STREAM = Prepared(_RULES.where(StreamRuleRow.stream_id == bindparam("stream")))


def rules(connection: Connection) -> list[StreamRule]:
    """Return the rule of every stream that has one."""
    return [_rule(*row) for row in connection.execute(_RULES.order_by(StreamRuleRow.stream_id))]


def rule(connection: Connection, stream_id: StreamId) -> StreamRule | None:
    """Return the rule of a stream; None when the hub never said one."""
    with Driver(connection) as driver:
        found = _OF_STREAM.rows(driver, {"stream": stream_id})
    return _rule(*found[0]) if found else None


def readable(connection: Connection, stream_id: StreamId, now_ms: int) -> list[HeldTime]:
    """Return when the footage of a stream that may be shown was recorded, by start: whatever a pass has still to delete is not in it.

    Nor what only a sealed hold keeps: it is shown to nobody, or who sees it would learn of the hold.
    """
    known = rule(connection, stream_id)
    if known is None:
        return readable_times(None, [], now_ms)
    told, gone = hold_replica.told_of_camera(connection, known.camera_id), secrecy.gone(connection, known.camera_id)
    return readable_times(known, told, now_ms, gone)


def gone_early(connection: Connection, stream_id: StreamId, now_ms: int) -> list[HeldTime]:
    """Return which time of a stream within its window went before its day, by start."""
    known = rule(connection, stream_id)
    if known is None:
        return []
    return without(secrecy.gone_early(connection, known.camera_id), [HeldTime(0, now_ms - known.keep_ms)])


def _rule(stream_id: int, camera_id: int, keep_ms: int, floor_ms: int | None) -> StreamRule:
    return StreamRule(StreamId(stream_id), CameraId(camera_id), keep_ms, floor_ms)

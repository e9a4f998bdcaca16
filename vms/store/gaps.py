"""Gaps: missing time with its reason. A stream has at most one open gap."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import aliased

from vms.domain.clock_steps import Detour
from vms.domain.footage import Gap, GapReason, Run
from vms.domain.ids import StreamId
from vms.domain.timespan import Timespan, datetime_of_ms, ms_of
from vms.store.index_tables import GapRow


def put(connection: Connection, gaps: Sequence[Gap]) -> None:
    """Insert `gaps`, or end those that are there: an end once given stays. A later gap ends the one that was open."""
    if not gaps:
        return
    in_order = sorted(gaps, key=lambda gap: gap.start)
    connection.execute(_UPSERT, [_columns(gap) for gap in in_order])
    close_at(connection, [(gap.stream_id, ms_of(gap.start)) for gap in in_order])


def find(connection: Connection, stream_id: StreamId, span: Timespan) -> list[Gap]:
    """Return the gaps of a stream that touch `span`, by start."""
    query = _GAPS.where(
        GapRow.stream_id == stream_id,
        GapRow.start_ms <= ms_of(span.end),
        or_(GapRow.end_ms.is_(None), GapRow.end_ms > ms_of(span.start)),
    )
    return [_gap(row) for row in connection.execute(query.order_by(GapRow.start_ms))]


def open_gaps(connection: Connection) -> list[Gap]:
    """Return the gaps that last, by stream."""
    return [_gap(row) for row in connection.execute(_GAPS.where(GapRow.end_ms.is_(None)).order_by(GapRow.stream_id))]


def close_at(connection: Connection, moments: Sequence[tuple[StreamId, int]]) -> None:
    """End the open gap of each stream, if it began before the moment (ms), because something else begins there."""
    if moments:
        connection.execute(_CLOSE, [{"of_stream": stream, "at_ms": at_ms} for stream, at_ms in moments])


def give_way(connection: Connection, runs: Sequence[Run]) -> None:
    """Take out of the gaps what was recorded: a run ends the gap before it, and what began inside it begins after it.

    A camera that sends what it had in store begins a run some moments before it answered; a segment that is salvaged late reaches
    into the gap that was told for it. A gap that a run has outlasted is dropped.
    """
    if not runs:
        return
    spans = [
        {"of_stream": run.stream_id, "from_ms": run.start_ms, "until_ms": run.end_ms, "goes_on": run.end_reason is None} for run in runs
    ]
    for change in (_END_EARLIER, _DROP_OUTLASTED, _BEGIN_LATER):
        connection.execute(change, spans)


def close_in(connection: Connection, detour: Detour) -> None:
    """End, where they begin, the open gaps that were told for hours that the clock has left again: what is missing now is told anew."""
    told_there = GapRow.start_ms.between(detour.start_ms, detour.end_ms)
    connection.execute(update(GapRow).where(GapRow.end_ms.is_(None), told_there).values(end_ms=GapRow.start_ms))


_GAPS = select(GapRow.stream_id, GapRow.start_ms, GapRow.end_ms, GapRow.reason, GapRow.detail)


_NEW = insert(GapRow)
_UPSERT = _NEW.on_conflict_do_update(
    index_elements=[GapRow.stream_id, GapRow.start_ms],
    set_={
        "end_ms": func.coalesce(GapRow.end_ms, _NEW.excluded.end_ms),
        "reason": _NEW.excluded.reason,
        "detail": _NEW.excluded.detail,
    },
)
_CLOSE = (
    update(GapRow)
    .where(GapRow.stream_id == bindparam("of_stream"), GapRow.end_ms.is_(None), GapRow.start_ms < bindparam("at_ms"))
    .values(end_ms=bindparam("at_ms"))
)
_OTHER = aliased(GapRow)
_LAST_BEFORE = (
    select(func.max(_OTHER.start_ms)).where(_OTHER.stream_id == bindparam("of_stream"), _OTHER.start_ms < bindparam("from_ms"))
).scalar_subquery()
_END_EARLIER = (
    update(GapRow)
    .where(
        GapRow.stream_id == bindparam("of_stream"),
        GapRow.start_ms == _LAST_BEFORE,
        or_(GapRow.end_ms.is_(None), GapRow.end_ms > bindparam("from_ms")),
    )
    .values(end_ms=bindparam("from_ms"))
)
_BEGUN_INSIDE = (
    GapRow.stream_id == bindparam("of_stream"),
    GapRow.start_ms >= bindparam("from_ms"),
    GapRow.start_ms < bindparam("until_ms"),
)
_DROP_OUTLASTED = delete(GapRow).where(
    *_BEGUN_INSIDE, or_(GapRow.end_ms <= bindparam("until_ms"), and_(GapRow.end_ms.is_(None), bindparam("goes_on")))
)
_BEGIN_LATER = update(GapRow).where(*_BEGUN_INSIDE).values(start_ms=bindparam("until_ms"))


def _columns(gap: Gap) -> dict[str, object]:
    end_ms = None if gap.end is None else ms_of(gap.end)
    return {"stream_id": gap.stream_id, "start_ms": ms_of(gap.start), "end_ms": end_ms, "reason": gap.reason, "detail": gap.detail}


def _gap(row: Row[int, int, int | None, GapReason, str]) -> Gap:
    stream_id, start_ms, end_ms, reason, detail = row
    end = None if end_ms is None else datetime_of_ms(end_ms)
    return Gap(StreamId(stream_id), datetime_of_ms(start_ms), end, reason, detail)

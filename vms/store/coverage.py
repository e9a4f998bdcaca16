"""What nodes report to the hub: recorded time, one row per run, and the newest state of each stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from vms.domain.camera import StreamStatus
from vms.domain.footage import CoverageSpan
from vms.domain.ids import NodeId, StreamId
from vms.domain.timespan import Timespan, ms_of
from vms.store.central_tables import CoverageRow, StreamRow, StreamStateRow
from vms.store.database import insert_into


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    status: StreamStatus
    reported_at: datetime


def put(session: Session, node: NodeId, spans: Sequence[CoverageSpan]) -> None:
    """Store `spans`; one of the same stream and start replaces the earlier report."""
    if not spans:
        return
    new = insert_into(session, CoverageRow)
    changed = {"end_ms": new.excluded.end_ms, "node_id": new.excluded.node_id}
    newest = new.on_conflict_do_update(index_elements=[CoverageRow.stream_id, CoverageRow.start_ms], set_=changed)
    rows = [{"stream_id": span.stream_id, "start_ms": span.start_ms, "end_ms": span.end_ms, "node_id": node} for span in spans]
    session.connection().execute(newest, rows)


def find(session: Session, streams: Sequence[StreamId], span: Timespan) -> list[CoverageSpan]:
    """Return the reported runs of `streams` that overlap `span`, by stream and start."""
    query = select(CoverageRow.stream_id, CoverageRow.start_ms, CoverageRow.end_ms).where(
        CoverageRow.stream_id.in_(streams), CoverageRow.start_ms < ms_of(span.end), CoverageRow.end_ms > ms_of(span.start)
    )
    rows = session.execute(query.order_by(CoverageRow.stream_id, CoverageRow.start_ms))
    return [CoverageSpan(StreamId(stream), start, end) for stream, start, end in rows]


def put_states(session: Session, node: NodeId, states: Sequence[StreamStatus], *, at: datetime) -> None:
    """Store the newest state of each stream; one that the hub does not know (any more) is left out."""
    known = set(session.scalars(select(StreamRow.id).where(StreamRow.id.in_([state.stream_id for state in states]))))
    rows = [_state_columns(state, node, at) for state in states if state.stream_id in known]
    if not rows:
        return
    new = insert_into(session, StreamStateRow)
    changed = {column: new.excluded[column] for column in rows[0] if column != "stream_id"}
    session.connection().execute(new.on_conflict_do_update(index_elements=[StreamStateRow.stream_id], set_=changed), rows)


def states(session: Session) -> dict[StreamId, ReportedStatus]:
    """Return the newest report about every stream."""
    rows = session.scalars(select(StreamStateRow).order_by(StreamStateRow.stream_id).execution_options(populate_existing=True))
    return {
        StreamId(row.stream_id): ReportedStatus(StreamStatus(StreamId(row.stream_id), row.state, row.since_at, row.detail), row.reported_at)
        for row in rows
    }


def _state_columns(state: StreamStatus, node: NodeId, at: datetime) -> dict[str, object]:
    return {
        "stream_id": state.stream_id,
        "node_id": node,
        "state": state.state,
        "since_at": state.since,
        "detail": state.detail,
        "reported_at": at,
    }

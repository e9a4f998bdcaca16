"""Runs that changed since the hub last heard of them: written with the run, taken away when the hub has them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from vms.domain.footage import CoverageSpan, Run
from vms.domain.ids import StreamId
from vms.store.index_tables import CoverageOutboxRow


def add(connection: Connection, runs: Sequence[Run]) -> None:
    """Queue `runs`, as they stand in the index."""
    rows = [{"stream_id": run.stream_id, "start_ms": run.start_ms, "end_ms": run.end_ms} for run in runs]
    connection.execute(_UPSERT, rows)


def pending(connection: Connection, limit: int = 500) -> list[CoverageSpan]:
    """Return what the hub has not heard yet."""
    query = select(CoverageOutboxRow.stream_id, CoverageOutboxRow.start_ms, CoverageOutboxRow.end_ms).limit(limit)
    rows = connection.execute(query.order_by(CoverageOutboxRow.stream_id, CoverageOutboxRow.start_ms))
    return [CoverageSpan(StreamId(stream), start, end) for stream, start, end in rows]


def acknowledge(connection: Connection, spans: Sequence[CoverageSpan]) -> None:
    """Forget `spans`, which the hub has stored; one that grew meanwhile stays."""
    if spans:
        connection.execute(_FORGET, [{"of_stream": span.stream_id, "from_ms": span.start_ms, "to_ms": span.end_ms} for span in spans])


_NEW = insert(CoverageOutboxRow)
_UPSERT = _NEW.on_conflict_do_update(
    index_elements=[CoverageOutboxRow.stream_id, CoverageOutboxRow.start_ms], set_={"end_ms": _NEW.excluded.end_ms}
)
_FORGET = delete(CoverageOutboxRow).where(
    CoverageOutboxRow.stream_id == bindparam("of_stream"),
    CoverageOutboxRow.start_ms == bindparam("from_ms"),
    CoverageOutboxRow.end_ms == bindparam("to_ms"),
)

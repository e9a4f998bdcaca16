"""Runs: unbroken recording, extended in place. Runs of one stream never overlap; this module is what holds that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, func, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import aliased

from vms.domain.clock_steps import Detour
from vms.domain.footage import GapReason, Run
from vms.domain.ids import StreamId
from vms.domain.timespan import Timespan, ms_of
from vms.errors import Conflict
from vms.store import gaps, outbox
from vms.store.index_tables import RunRow


def put(connection: Connection, runs: Sequence[Run]) -> None:
    """Insert `runs` or extend them: an end only grows, a reason once given stays. Each is queued for the hub.

    A run ends a gap of its stream that was open when it began; no gap stays where it recorded.
    Conflict when it would overlap another run of its stream.
    """
    if not runs:
        return
    connection.execute(_UPSERT, [_columns(run) for run in runs])
    stand = _standing(connection, runs)
    _refuse_overlaps(connection, stand)
    gaps.give_way(connection, stand)
    outbox.add(connection, stand)


def find(connection: Connection, stream_id: StreamId, span: Timespan) -> list[Run]:
    """Return the runs that overlap `span` and the last one that begins before it, by start."""
    start_ms = ms_of(span.start)
    before = select(func.max(RunRow.start_ms)).where(RunRow.stream_id == stream_id, RunRow.start_ms <= start_ms).scalar_subquery()
    query = _RUNS.where(
        RunRow.stream_id == stream_id,
        RunRow.start_ms >= func.coalesce(before, start_ms),
        RunRow.start_ms <= ms_of(span.end),
    )
    return [_run(row) for row in connection.execute(query.order_by(RunRow.start_ms))]


def last(connection: Connection, stream_id: StreamId, *, outside: Sequence[Detour] = ()) -> Run | None:
    """Return the newest run of a stream that began `outside` of those detours of the clock."""
    query = _RUNS.where(RunRow.stream_id == stream_id, *(~_began_in(each) for each in outside))
    row = connection.execute(query.order_by(RunRow.start_ms.desc()).limit(1)).one_or_none()
    return None if row is None else _run(row)


def ends(connection: Connection, *, outside: Sequence[Detour] = ()) -> dict[StreamId, int]:
    """Return where (ms) the recorded time of each stream ends, `outside` of those detours: no new run may begin before it."""
    query = select(RunRow.stream_id, func.max(RunRow.end_ms)).where(*(~_began_in(each) for each in outside))
    return {StreamId(stream): end for stream, end in connection.execute(query.group_by(RunRow.stream_id))}


def recorded_until(connection: Connection, now_ms: int) -> dict[StreamId, int]:
    """Return where (ms) the recorded time of each stream ends; a run that has only just begun holds nothing, and one to come is none."""
    query = select(RunRow.stream_id, func.max(RunRow.end_ms)).where(RunRow.end_ms > RunRow.start_ms, RunRow.start_ms <= now_ms)
    return {StreamId(stream): end for stream, end in connection.execute(query.group_by(RunRow.stream_id))}


def oldest_ms(connection: Connection) -> int | None:
    """Return when the oldest run of any stream began; None when nothing was recorded."""
    oldest: int | None = connection.scalar(select(func.min(RunRow.start_ms)))
    return oldest


def within(connection: Connection, detour: Detour) -> dict[StreamId, tuple[int, int]]:
    """Return of each stream from where to where (ms) it was recorded in a detour of the clock."""
    query = select(RunRow.stream_id, func.min(RunRow.start_ms), func.max(RunRow.end_ms)).where(_began_in(detour))
    return {StreamId(stream): (start, end) for stream, start, end in connection.execute(query.group_by(RunRow.stream_id))}


def end_open(connection: Connection, reason: GapReason) -> list[Run]:
    """End every run that goes on, for `reason`, where its last segment ended; return them."""
    ended = [_run(row) for row in connection.execute(_RUNS.where(RunRow.end_reason.is_(None)).order_by(RunRow.stream_id, RunRow.start_ms))]
    connection.execute(update(RunRow).where(RunRow.end_reason.is_(None)).values(end_reason=reason))
    return ended


def overlapping_pairs(connection: Connection, limit: int = 1000) -> list[tuple[Run, Run]]:
    """Return runs that overlap their successor: invariant 9 says that there are none."""
    return _pairs(connection, _OVERLAPS.order_by(RunRow.stream_id, RunRow.start_ms).limit(limit))


_NOTED_LATE_MS = 10_000
_RUNS = select(RunRow.stream_id, RunRow.start_ms, RunRow.end_ms, RunRow.end_reason, RunRow.rtp_start, RunRow.sr_ntp, RunRow.sr_rtp)


_KEY = tuple_(RunRow.stream_id, RunRow.start_ms)
_OTHER = aliased(RunRow)
_SAME_STREAM = _OTHER.stream_id == RunRow.stream_id
_NEXT = select(func.min(_OTHER.start_ms)).where(_SAME_STREAM, _OTHER.start_ms > RunRow.start_ms).correlate(RunRow).scalar_subquery()
_PREVIOUS = select(func.max(_OTHER.start_ms)).where(_SAME_STREAM, _OTHER.start_ms < RunRow.start_ms).correlate(RunRow).scalar_subquery()
_OVERLAPS = select(RunRow.stream_id, RunRow.start_ms, _NEXT).where(RunRow.end_ms > _NEXT)
# Written once: making them anew cost the supervisor more than the index does.
_NAMED = _KEY.in_(bindparam("keys", expanding=True))
_STANDING = _RUNS.where(_NAMED).order_by(RunRow.stream_id, RunRow.start_ms)
_BEFORE = select(RunRow.stream_id, _PREVIOUS).where(_NAMED)
_OVERLAP = _OVERLAPS.where(_NAMED).limit(1)
_NEW = insert(RunRow)
_FIRST_REPORT = RunRow.sr_ntp == 0
_UPSERT = _NEW.on_conflict_do_update(
    index_elements=[RunRow.stream_id, RunRow.start_ms],
    set_={
        "end_ms": func.max(RunRow.end_ms, _NEW.excluded.end_ms),
        "end_reason": func.coalesce(RunRow.end_reason, _NEW.excluded.end_reason),
        "sr_ntp": case((_FIRST_REPORT, _NEW.excluded.sr_ntp), else_=RunRow.sr_ntp),
        "sr_rtp": case((_FIRST_REPORT, _NEW.excluded.sr_rtp), else_=RunRow.sr_rtp),
    },
)


def _began_in(detour: Detour) -> ColumnElement[bool]:
    """A run begins a little before its first fragment is whole, and a step is noted a little after it."""
    return RunRow.start_ms.between(detour.start_ms - _NOTED_LATE_MS, detour.end_ms + _NOTED_LATE_MS)


def _columns(run: Run) -> dict[str, object]:
    return {
        "stream_id": run.stream_id,
        "start_ms": run.start_ms,
        "end_ms": run.end_ms,
        "end_reason": run.end_reason,
        "rtp_start": run.rtp_start,
        "sr_ntp": run.sr_ntp,
        "sr_rtp": run.sr_rtp,
    }


def _standing(connection: Connection, runs: Sequence[Run]) -> list[Run]:
    """Return `runs` as the index has them now: a replayed one may have grown since."""
    keys = sorted({(run.stream_id, run.start_ms) for run in runs})
    return [_run(row) for row in connection.execute(_STANDING, {"keys": keys})]


def _refuse_overlaps(connection: Connection, runs: Sequence[Run]) -> None:
    """Raise Conflict when one of `runs`, which are in the table, overlaps its successor or its predecessor overlaps it."""
    keys = [(run.stream_id, run.start_ms) for run in runs]
    before = connection.execute(_BEFORE, {"keys": keys})
    keys += [(StreamId(stream), start) for stream, start in before if start is not None]
    for first, second in _pairs(connection, _OVERLAP, {"keys": keys}):
        raise Conflict(
            f"run of stream {first.stream_id} from {first.start_ms} to {first.end_ms} overlaps the one from {second.start_ms}"
            f" to {second.end_ms}; begin the later one at the earlier one's end"
        )


def _pairs(connection: Connection, query: Select[int, int, int], named: Mapping[str, object] | None = None) -> list[tuple[Run, Run]]:
    found = connection.execute(query, named).all()
    return [(_get(connection, stream, first), _get(connection, stream, second)) for stream, first, second in found]


def _get(connection: Connection, stream_id: int, start_ms: int) -> Run:
    return _run(connection.execute(_RUNS.where(RunRow.stream_id == stream_id, RunRow.start_ms == start_ms)).one())


def _run(row: Row[int, int, int, GapReason | None, int, int, int]) -> Run:
    stream_id, start_ms, end_ms, end_reason, rtp_start, sr_ntp, sr_rtp = row
    return Run(StreamId(stream_id), start_ms, end_ms, end_reason, rtp_start, sr_ntp, sr_rtp)

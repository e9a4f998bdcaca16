"""The purge log of this machine, read: what is being destroyed, what was, and whether its chain of hashes holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, case, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vms.domain.ids import CameraId, StreamId
from vms.domain.purge import FIRST_HASH, Batch, Purge, PurgeReason
from vms.store.database import Driver
from vms.store.index_tables import ReplicaRow
from vms.store.prepared import Prepared
from vms.store.retention_tables import PurgeRow

_PAGE = 1000
_HEAD = "purge-head"
_MONTH = "purge-month"
_PAUSED = "deletion-paused"
_NEWEST = Prepared(
    select(PurgeRow.position, PurgeRow.hash).where(PurgeRow.position.is_not(None)).order_by(PurgeRow.position.desc()).limit(1)
)


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found of the chain of hashes."""

    entries: int
    broken_at: int | None
    """The first position whose hash or place is not as it was written; None when all are."""
    hashes: dict[int, bytes]
    """Of the positions that were asked for and are there."""


def open_batches(connection: Connection) -> list[Batch]:
    """Return what was condemned and is not gone yet, in order."""
    found = connection.execute(select(PurgeRow.__table__).where(PurgeRow.position.is_(None)).order_by(PurgeRow.number))
    return [_batch(row) for row in found]


def purges(connection: Connection, *, after: int = 0, limit: int = _PAGE) -> list[tuple[Purge, bytes]]:
    """Return closed entries behind a position, each with the hash that stands there."""
    query = select(PurgeRow.__table__).where(PurgeRow.position > after).order_by(PurgeRow.position).limit(limit)
    return [(_purge(row), row.hash) for row in connection.execute(query)]


def purges_of(connection: Connection, camera_id: CameraId, start_ms: int, end_ms: int) -> list[Purge]:
    """Return what was destroyed of a camera's footage of a time, in the order in which it went."""
    row = PurgeRow
    within = (row.camera_id == camera_id, row.first_ms < end_ms, row.end_ms > start_ms)
    found = connection.execute(select(row.__table__).where(row.position.is_not(None), *within).order_by(row.position))
    return [_purge(one) for one in found]


def head(connection: Connection) -> tuple[int, bytes]:
    """Return the newest position and its hash; 0 and `FIRST_HASH` of an empty log."""
    with Driver(connection) as driver:
        found = _NEWEST.rows(driver, {})
    return (found[0][0] or 0, found[0][1] or FIRST_HASH) if found else (0, FIRST_HASH)


def erased_between(connection: Connection, start_ms: int, end_ms: int) -> tuple[int, int]:
    """Return how many segments, and octets, were erased in a time."""
    during = (PurgeRow.erased_ms >= start_ms, PurgeRow.erased_ms < end_ms)
    sums = func.coalesce(func.sum(PurgeRow.segments), 0), func.coalesce(func.sum(PurgeRow.size_bytes), 0)
    segments, size_bytes = connection.execute(select(*sums).where(*during)).one()
    return segments, size_bytes


def erased_since(connection: Connection, start_ms: int) -> tuple[int, int]:
    """Return how many segments, and octets, were erased on their day since a moment: read from the newest entry back to it.

    What went before its day is left out: it says nothing of whether the disks are large enough.
    """
    before = select(PurgeRow.position).where(PurgeRow.position.is_not(None), PurgeRow.erased_ms < start_ms)
    last = connection.scalar(before.order_by(PurgeRow.position.desc()).limit(1)) or 0
    sums = func.coalesce(func.sum(PurgeRow.segments), 0), func.coalesce(func.sum(PurgeRow.size_bytes), 0)
    on_their_day = PurgeRow.reason == PurgeReason.WINDOW
    segments, size_bytes = connection.execute(select(*sums).where(PurgeRow.position > last, on_their_day)).one()
    return segments, size_bytes


def noted_day(connection: Connection) -> int | None:
    """Return on which day (UTC, since 1970) the hub was told the head last."""
    return _noted(connection, _HEAD)


def put_noted_day(connection: Connection, day: int) -> None:
    _note(connection, _HEAD, day)


def told_month(connection: Connection) -> int | None:
    """Return the newest month, counted from the year 0, that the hub was told."""
    return _noted(connection, _MONTH)


def put_told_month(connection: Connection, month: int) -> None:
    _note(connection, _MONTH, month)


def paused_since(connection: Connection) -> int | None:
    """Return since when (ms) no pass was made to its end; None after one that was."""
    return _noted(connection, _PAUSED) or None


def put_paused_since(connection: Connection, since_ms: int | None) -> None:
    _note(connection, _PAUSED, since_ms or 0)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What was destroyed of a camera's footage in a time."""

    camera_id: CameraId
    segments: int
    size_bytes: int
    first_ms: int
    end_ms: int
    early: int
    """Of the segments: before their day."""


def destroyed(connection: Connection, start_ms: int, end_ms: int) -> list[Destroyed]:
    """Return of each camera what was erased in a time; the whole log is read for it."""
    row = PurgeRow
    early = func.sum(case((row.reason == PurgeReason.DISK_FULL, row.segments), else_=0))
    sums = func.sum(row.segments), func.sum(row.size_bytes), func.min(row.first_ms), func.max(row.end_ms), early
    query = select(row.camera_id, *sums).where(row.erased_ms >= start_ms, row.erased_ms < end_ms)
    found = connection.execute(query.group_by(row.camera_id).order_by(row.camera_id))
    return [Destroyed(CameraId(camera), *rest) for camera, *rest in found]


def hold_seqs(connection: Connection, camera_id: CameraId, start_ms: int, end_ms: int) -> tuple[int, ...]:
    """Return by which changes of holds footage of a camera was erased in a time."""
    row = PurgeRow
    query = select(row.hold_seq).where(row.camera_id == camera_id, row.erased_ms >= start_ms, row.erased_ms < end_ms)
    return tuple(connection.scalars(query.distinct().order_by(row.hold_seq)))


def last_before(connection: Connection, end_ms: int) -> tuple[int, bytes]:
    """Return the newest position of what was erased before a moment, and its hash; 0 and `FIRST_HASH` where nothing was."""
    query = select(PurgeRow.position, PurgeRow.hash).where(PurgeRow.position.is_not(None), PurgeRow.erased_ms < end_ms)
    row = connection.execute(query.order_by(PurgeRow.position.desc()).limit(1)).one_or_none()
    return (0, FIRST_HASH) if row is None else (row.position or 0, row.hash or FIRST_HASH)


def follow(connection: Connection, wanted: frozenset[int] = frozenset()) -> Chain:
    """Follow the chain from its beginning, and remember the hashes at the positions that are `wanted`."""
    before, position, hashes = FIRST_HASH, 0, dict[int, bytes]()
    for entry, stored in _all(connection):
        position += 1
        before = entry.hash_after(before)
        if entry.position != position or stored != before:
            return Chain(position - 1, position, hashes)
        if position in wanted:
            hashes[position] = before
    return Chain(position, None, hashes)


def _all(connection: Connection) -> Iterator[tuple[Purge, bytes]]:
    after = 0
    while page := purges(connection, after=after):
        yield from page
        after = page[-1][0].position


def _noted(connection: Connection, kind: str) -> int | None:
    return connection.scalar(select(ReplicaRow.version).where(ReplicaRow.kind == kind))


def _note(connection: Connection, kind: str, number: int) -> None:
    put = upsert(ReplicaRow).values(kind=kind, version=number)
    connection.execute(put.on_conflict_do_update(index_elements=[ReplicaRow.kind], set_={"version": put.excluded.version}))


def _purge(row: Row[*tuple[object, ...]]) -> Purge:
    return Purge(_batch(row), row.position, row.erased_ms, row.root)


def _batch(row: Row[*tuple[object, ...]]) -> Batch:
    return Batch(
        row.number,
        StreamId(row.stream_id),
        CameraId(row.camera_id),
        row.first_ms,
        row.last_ms,
        row.end_ms,
        row.segments,
        row.size_bytes,
        row.keep_ms,
        row.hold_seq,
        row.condemned_ms,
        row.reason,
    )

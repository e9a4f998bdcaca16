"""The purge log of this machine, read: what is being destroyed, what was, and whether its chain of hashes holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vms.domain.ids import CameraId, StreamId
from vms.domain.purge import FIRST_HASH, Batch, Purge
from vms.store.index_tables import ReplicaRow
from vms.store.retention_tables import PurgeRow

_PAGE = 1000
_HEAD = "purge-head"


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
    query = select(PurgeRow.position, PurgeRow.hash).where(PurgeRow.position.is_not(None)).order_by(PurgeRow.position.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (0, FIRST_HASH) if row is None else (row.position or 0, row.hash or FIRST_HASH)


def erased_between(connection: Connection, start_ms: int, end_ms: int) -> tuple[int, int]:
    """Return how many segments, and octets, were erased in a time."""
    during = (PurgeRow.erased_ms >= start_ms, PurgeRow.erased_ms < end_ms)
    sums = func.coalesce(func.sum(PurgeRow.segments), 0), func.coalesce(func.sum(PurgeRow.size_bytes), 0)
    segments, size_bytes = connection.execute(select(*sums).where(*during)).one()
    return segments, size_bytes


def erased_since(connection: Connection, start_ms: int) -> tuple[int, int]:
    """Return how many segments, and octets, were erased since a moment: read from the newest entry back to it, however long the log is."""
    before = select(PurgeRow.position).where(PurgeRow.position.is_not(None), PurgeRow.erased_ms < start_ms)
    last = connection.scalar(before.order_by(PurgeRow.position.desc()).limit(1)) or 0
    sums = func.coalesce(func.sum(PurgeRow.segments), 0), func.coalesce(func.sum(PurgeRow.size_bytes), 0)
    segments, size_bytes = connection.execute(select(*sums).where(PurgeRow.position > last)).one()
    return segments, size_bytes


def noted_day(connection: Connection) -> int | None:
    """Return on which day (UTC, since 1970) the hub was told the head last."""
    return connection.scalar(select(ReplicaRow.version).where(ReplicaRow.kind == _HEAD))


def put_noted_day(connection: Connection, day: int) -> None:
    put = upsert(ReplicaRow).values(kind=_HEAD, version=day)
    connection.execute(put.on_conflict_do_update(index_elements=[ReplicaRow.kind], set_={"version": put.excluded.version}))


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
    )

"""The tree over a log's entries: its tiles, which grow when a checkpoint is made, and the checkpoints that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from vms.domain import tiles
from vms.domain.merkle import HashAt
from vms.store.central_tables import AccessCheckpointRow, AccessEventRow, AccessLogRow, AccessTileRow
from vms.store.database import insert_into

BATCH = 4096
# Made once: building it takes longer than the database takes to answer it.
_TILE = select(AccessTileRow.hashes).where(
    AccessTileRow.origin == bindparam("log"),
    AccessTileRow.level == bindparam("tile_level"),
    AccessTileRow.number == bindparam("tile_number"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as the tree sees it."""

    number: int
    salt: bytes
    body: str


@dataclass(frozen=True, slots=True)
class Log:
    """What the world knows a log by, and its newest number."""

    name: str
    last_number: int


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    size: int
    note: str


def log_of(session: Session, origin: str) -> Log | None:
    found = session.execute(select(AccessLogRow.name, AccessLogRow.last_number).where(AccessLogRow.origin == origin)).one_or_none()
    return None if found is None else Log(*found)


def entries(session: Session, origin: str, *, after: int = 0) -> Iterator[Entry]:
    """Yield the entries behind number `after`, in order."""
    query = select(AccessEventRow.number, AccessEventRow.salt, AccessEventRow.body)
    query = query.where(AccessEventRow.origin == origin, AccessEventRow.number > after).order_by(AccessEventRow.number)
    for rows in session.execute(query.execution_options(yield_per=BATCH)).partitions():
        yield from (Entry(*row) for row in rows)


def leaves(session: Session, origin: str) -> Iterator[bytes]:
    """Yield the hashes of all entries of the tree, in order."""
    query = select(AccessTileRow.hashes).where(AccessTileRow.origin == origin, AccessTileRow.level == 0).order_by(AccessTileRow.number)
    for tile in session.scalars(query.execution_options(yield_per=BATCH // tiles.TILE_HASHES)):
        yield from tiles.hashes_of(tile)


def subtrees(session: Session, origin: str) -> HashAt:
    """Return what answers for the complete subtrees of the log's tree."""
    return tiles.complete_subtrees(lambda level, number: _tile(session, origin, level, number))


def grow(session: Session, origin: str, size: int, added: Sequence[bytes]) -> None:
    """Add the hashes of new entries to the tree of `size` entries. Call it with the log held."""
    keys = [AccessTileRow.origin, AccessTileRow.level, AccessTileRow.number]
    for level, number, hashes in tiles.grown(size, added, lambda level, number: _tile(session, origin, level, number)):
        tile = insert_into(session, AccessTileRow).values(origin=origin, level=level, number=number, hashes=b"".join(hashes))
        session.execute(tile.on_conflict_do_update(index_elements=keys, set_={"hashes": tile.excluded.hashes}))


def add_checkpoint(session: Session, origin: str, checkpoint: StoredCheckpoint, at: datetime) -> None:
    session.execute(insert(AccessCheckpointRow).values(origin=origin, size=checkpoint.size, at=at, note=checkpoint.note))


def newest_checkpoint(session: Session, origin: str) -> StoredCheckpoint | None:
    query = select(AccessCheckpointRow.size, AccessCheckpointRow.note).where(AccessCheckpointRow.origin == origin)
    found = session.execute(query.order_by(AccessCheckpointRow.size.desc()).limit(1)).one_or_none()
    return None if found is None else StoredCheckpoint(*found)


def checkpoints(session: Session, origin: str) -> Iterator[StoredCheckpoint]:
    """Yield every checkpoint, the smallest first."""
    query = select(AccessCheckpointRow.size, AccessCheckpointRow.note).where(AccessCheckpointRow.origin == origin)
    for row in session.execute(query.order_by(AccessCheckpointRow.size).execution_options(yield_per=BATCH)):
        yield StoredCheckpoint(*row)


def _tile(session: Session, origin: str, level: int, number: int) -> list[bytes]:
    return tiles.hashes_of(session.connection().scalar(_TILE, {"log": origin, "tile_level": level, "tile_number": number}) or b"")

"""The tree over a log's entries: its tiles, which grow when a checkpoint is made, and the checkpoints that were signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TypeAlias, TypeVarTuple

from sqlalchemy import Select, bindparam, func, insert, inspect, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from vms.domain import tiles
from vms.domain.checkpoint import entry_hash, entry_hashes_of
from vms.domain.merkle import HashAt
from vms.domain.sealed_entry import leaf_octets, rest_digest
from vms.store.database import insert_into
from vms.store.log_tables import AccessCheckpointRow, AccessEventRow, AccessLogRow, AccessTileRow, hashed
from vms.store.prepared import Prepared

PAGE = 4096
HASHED_PAGE = 512
"""Of entries that are hashed: they stay in the processor's cache."""
Cells = TypeVarTuple("Cells")
Own: TypeAlias = bytes | int
"""The leaf hash of an entry as it is stored; of one that was erased the number of the entry that says so."""
Hashed: TypeAlias = tuple[Sequence[int], Sequence[Own]]
"""Numbers of entries, in order, and as many hashes."""
_TILE = Prepared(
    select(AccessTileRow.hashes).where(
        AccessTileRow.origin == bindparam("log"),
        AccessTileRow.level == bindparam("tile_level"),
        AccessTileRow.number == bindparam("tile_number"),
    )
)
_NEWEST_CHECKPOINT = Prepared(
    select(AccessCheckpointRow.size, AccessCheckpointRow.note)
    .where(AccessCheckpointRow.origin == bindparam("log"))
    .order_by(AccessCheckpointRow.size.desc())
    .limit(1)
)
_HASHED = Prepared(
    select(AccessEventRow.number, hashed(), AccessEventRow.erased_by)
    .where(
        AccessEventRow.origin == bindparam("log"),
        AccessEventRow.number > bindparam("after"),
        AccessEventRow.number <= bindparam("until"),
    )
    .order_by(AccessEventRow.number)
    .limit(HASHED_PAGE)
)
_END = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as the tree sees it."""

    number: int
    salt: bytes
    body: bytes


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


def entries(session: Session, origin: str, *, after: int = 0, until: int | None = None) -> Iterator[Entry]:
    """Yield the entries behind number `after`, up to and with `until`, in order."""
    query = select(AccessEventRow.number, AccessEventRow.salt, AccessEventRow.body).where(AccessEventRow.origin == origin)
    if until is not None:
        query = query.where(AccessEventRow.number <= until)
    for number, salt, body in _in_pages(session, query, AccessEventRow.number, after):
        yield Entry(number, _octets(salt), _octets(body))


def entry_hashes(session: Session, origin: str, *, after: int = 0, until: int | None = None) -> Iterator[Hashed]:
    """Yield number and leaf hash of the entries behind number `after`, up to and with `until`, in order; a page at a time, for speed."""
    while rows := _HASHED.rows(session, {"log": origin, "after": after, "until": _END if until is None else until}):
        numbers, entries, erased = zip(*rows, strict=True)
        after = numbers[-1]
        if None not in entries:
            yield numbers, entry_hashes_of(entries)
        else:
            yield numbers, [by or 0 if one is None else entry_hash(b"", one) for one, by in zip(entries, erased, strict=True)]


def body_at(session: Session, origin: str, number: int) -> str:
    """Return the text of an entry; "" where there is none."""
    found = session.scalar(select(AccessEventRow.body).where(AccessEventRow.origin == origin, AccessEventRow.number == number))
    return found if isinstance(found, str) else ""


def before_the_first(session: Session, origin: str) -> int:
    """Count the rows whose number no entry can have."""
    query = select(func.count()).select_from(AccessEventRow).where(AccessEventRow.origin == origin, AccessEventRow.number < 1)
    return session.scalar(query) or 0


def not_from_the_body(session: Session) -> list[str]:
    """Return the columns to search by that the database no longer takes from the body."""
    wanted = {column.name for column in AccessEventRow.__table__.columns if column.computed is not None}
    found = inspect(session.connection()).get_columns(AccessEventRow.__tablename__)
    return sorted(wanted - {column["name"] for column in found if "computed" in column})


def leaf_tiles(session: Session, origin: str) -> Iterator[tuple[int, bytes]]:
    """Yield number and octets of the tiles that hold the hashes of all entries, in order."""
    query = select(AccessTileRow.number, AccessTileRow.hashes).where(AccessTileRow.origin == origin, AccessTileRow.level == 0)
    for number, octets in _in_pages(session, query, AccessTileRow.number, -1):
        yield number, _octets(octets)


def size_of_tree(session: Session, origin: str) -> int:
    """Return how many entries the tiles hold."""
    query = select(AccessTileRow.number, AccessTileRow.hashes).where(AccessTileRow.origin == origin, AccessTileRow.level == 0)
    newest = session.execute(query.order_by(AccessTileRow.number.desc()).limit(1)).one_or_none()
    return 0 if newest is None else newest.number * tiles.TILE_HASHES + len(tiles.hashes_of(_octets(newest.hashes)))


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
    found = _NEWEST_CHECKPOINT.rows(session, {"log": origin})
    return StoredCheckpoint(*found[0]) if found else None


def checkpoints(session: Session, origin: str) -> Iterator[StoredCheckpoint]:
    """Yield every checkpoint, the smallest first."""
    query = select(AccessCheckpointRow.size, AccessCheckpointRow.note).where(AccessCheckpointRow.origin == origin)
    for row in _in_pages(session, query, AccessCheckpointRow.size, 0):
        yield StoredCheckpoint(*row)


def _in_pages(session: Session, query: Select[int, *Cells], column: InstrumentedAttribute[int], after: int) -> Iterator[tuple[int, *Cells]]:
    return chain.from_iterable(_pages(session, query, column, after))


def _pages(
    session: Session, query: Select[int, *Cells], column: InstrumentedAttribute[int], after: int
) -> Iterator[Sequence[tuple[int, *Cells]]]:
    """Yield rows in the order of `column`, which is the first, behind `after`: each page is read whole, so nothing is left open.

    They are the driver's own: making others of them takes longer than reading them.
    """
    query = query.order_by(column).limit(PAGE)
    while True:
        rows: Sequence[tuple[int, *Cells]] = session.connection().execute(query.where(column > after)).cursor.fetchall()
        if not rows:
            return
        yield rows
        after = rows[-1][0]


def _octets(stored: object) -> bytes:
    """Return what a cell holds as octets: text or a number too, which SQLite takes from a hand at the database."""
    if type(stored) is bytes:
        return stored
    if type(stored) is str:
        return stored.encode()
    return bytes(stored) if isinstance(stored, memoryview) else str(stored).encode()


def sealed_leaf(commitment: object, salt: object, *parts: object) -> bytes:
    """Return the leaf hash of a sealed entry as it is stored; `parts`: its position, its matter and what is sealed."""
    stored = tuple(map(_octets, parts))
    if commitment is None:
        return entry_hash(_octets(salt), leaf_octets(*stored))
    return entry_hash(_octets(commitment), rest_digest(_octets(salt), *stored))


def _tile(session: Session, origin: str, level: int, number: int) -> bytes:
    found = _TILE.rows(session, {"log": origin, "tile_level": level, "tile_number": number})
    return _octets(found[0][0]) if found else b""

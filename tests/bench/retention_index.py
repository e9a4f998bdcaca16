"""A node's index of any size, as its recorder would have left it: made for `bench_retention`.

Rows go in as a recorder brings them, minute after minute and in each all streams, so that pages are as full as they are there. They are
the real columns with digests and fragment tables; only the journal is left out while they go in.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pysqlite3.dbapi2
from sqlalchemy import insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase

from vms.domain.footage import FragmentEntry, GapReason, pack_fragments
from vms.domain.ids import CameraId, StreamId, VolumeId
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND
from vms.store import volumes
from vms.store.database import Engines, make_engines
from vms.store.index_tables import RunRow, SegmentRow, SegmentSideRow
from vms.store.migrate import Which, migrate

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SEGMENT_TICKS = 60 * TICKS_PER_SECOND
GOPS, GOP_TICKS = 30, 2 * TICKS_PER_SECOND
MAIN_GOP_BYTES, SUB_GOP_BYTES = 1_000_000, 125_000
"""Of streams of 4 and 0.5 Mbit/s; a fifth of it is the keyframe."""
TABLES = 512
"""So many different fragment tables of each kind of stream take turns."""


class Cursor(Protocol):
    rowcount: int

    def fetchone(self) -> object: ...


class Driver(Protocol):
    """What is used of a connection of SQLite's driver, which has no types."""

    def execute(self, sql: str, values: Sequence[object] = ...) -> Cursor: ...

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> object: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a stream recorded."""

    stream: StreamId
    camera: CameraId
    main: bool
    first_ms: int
    """Start of its first segment; the others follow minute by minute."""
    segments: int

    def run_start_ms(self, start_ms: int) -> int:
        """Return the start of the run of a day that the segment of `start_ms` is in."""
        return start_ms - (start_ms - self.first_ms) % DAY_MS


@dataclass(frozen=True, slots=True)
class Size:
    """Octets of a table's pages, for each of its rows."""

    rows: int
    octets: float


def fragments(drawn: random.Random, *, main: bool) -> tuple[FragmentEntry, ...]:
    """Return the table of a segment of `GOPS` GOPs, whose sizes and durations vary as those of a camera do."""
    mean = MAIN_GOP_BYTES if main else SUB_GOP_BYTES
    sizes = [round(mean * drawn.uniform(0.7, 1.3)) for _ in range(GOPS)]
    late = [drawn.choice((0, 0, 0, -90, 90, 12, -12)) for _ in range(GOPS)]
    entries = [
        FragmentEntry(size, GOP_TICKS + more - before, starts_with_keyframe=True, keyframe_size=round(size * drawn.uniform(0.15, 0.25)))
        for size, more, before in zip(sizes, late, [0, *late[:-1]], strict=True)
    ]
    return (FragmentEntry(742, 0, starts_with_keyframe=False, keyframe_size=0), *entries)


def make_index(path: Path, recorded: Sequence[Recorded], volume: VolumeId, volume_path: Path) -> None:
    """Make the index at `path`; what it holds is of `recorded`."""
    index = make_engines(path)
    migrate(index, Which.INDEX)
    with index.write.begin() as connection:
        volumes.register(connection, volume, volume_path)
    index.dispose()
    connection = pysqlite3.dbapi2.connect(str(path), isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000", "locking_mode = EXCLUSIVE"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    size_bytes = _insert_segments(connection, recorded)
    connection.executemany(_insert(RunRow), list(_runs(recorded)))
    connection.execute("UPDATE volume SET live_bytes = ?", (size_bytes,))
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())


def size_of(index: Engines, path: Path, table: type[DeclarativeBase]) -> Size:
    """Return how many octets of pages a clustered table takes a row; the inner pages count, the free ones don't."""
    name = table.__tablename__
    with index.read.begin() as connection:
        rows = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608 - a table of ours
        root = connection.exec_driver_sql("SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)).scalar_one()
        page = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    with path.open("rb") as file:
        return Size(rows, _pages(file.fileno(), page, root) * page / rows)


def _insert_segments(connection: Driver, recorded: Sequence[Recorded]) -> int:
    drawn, total = random.Random(1), 0
    tables = {main: [pack_fragments(fragments(drawn, main=main)) for _ in range(TABLES)] for main in (True, False)}
    into_segment, into_side = _insert(SegmentRow), _insert(SegmentSideRow)
    first = min(one.first_ms for one in recorded) // HOUR_MS
    last = max(one.first_ms + one.segments * MINUTE_MS for one in recorded) // HOUR_MS
    for hour in range(first, last + 1):
        narrow, side = [], []
        for one, start_ms in _starts(recorded, hour * HOUR_MS):
            size_bytes = drawn.randrange(20, 40) * (MAIN_GOP_BYTES if one.main else SUB_GOP_BYTES) + drawn.randrange(100_000)
            total += size_bytes
            narrow.append(
                (one.stream, start_ms, start_ms % TICKS_PER_MS, SEGMENT_TICKS, start_ms - one.run_start_ms(start_ms), 1, size_bytes, 0, 0)
            )
            digests = os.urandom(64)
            table = tables[one.main][drawn.randrange(TABLES)]
            picture = (1920, 1080) if one.main else (640, 360)
            side.append((one.stream, start_ms, digests[:32], digests[32:], table, "avc1.640028", *picture, drawn.randrange(-500, 500)))
        connection.executemany(into_segment, narrow)
        connection.executemany(into_side, side)
    return total


def _starts(recorded: Sequence[Recorded], hour_ms: int) -> Iterator[tuple[Recorded, int]]:
    """Yield the segments of an hour in the order in which they begin."""
    order = sorted(recorded, key=lambda one: one.first_ms % MINUTE_MS)
    for minute_ms in range(hour_ms, hour_ms + HOUR_MS, MINUTE_MS):
        for one in order:
            start_ms = minute_ms + one.first_ms % MINUTE_MS
            if one.first_ms <= start_ms < one.first_ms + one.segments * MINUTE_MS:
                yield one, start_ms


def _runs(recorded: Sequence[Recorded]) -> Iterator[tuple[object, ...]]:
    for one in recorded:
        end_ms = one.first_ms + one.segments * MINUTE_MS
        for start_ms in range(one.first_ms, end_ms, DAY_MS):
            last = start_ms + DAY_MS >= end_ms
            yield one.stream, start_ms, min(start_ms + DAY_MS, end_ms), None if last else GapReason.OFFLINE.value, 0, 0, 0


def _insert(table: type[DeclarativeBase]) -> str:
    return str(insert(table).compile(dialect=sqlite.dialect()))


_INTERIOR = 2
"""The type of an inner page of a table WITHOUT ROWID (sqlite.org/fileformat.html §1.6)."""


def _pages(file: int, page: int, number: int) -> int:
    """Count the pages of a b-tree. Its leaves lie at one depth: of the children of a page one is read."""
    children = _children(file, page, number)
    if not children:
        return 1
    if not _children(file, page, children[0]):
        return 1 + len(children)
    return 1 + sum(_pages(file, page, child) for child in children)


def _children(file: int, page: int, number: int) -> list[int]:
    octets = os.pread(file, page, (number - 1) * page)
    if octets[0] != _INTERIOR:
        return []
    cells = int.from_bytes(octets[3:5])
    places = [int.from_bytes(octets[12 + 2 * cell : 14 + 2 * cell]) for cell in range(cells)]
    return [*(int.from_bytes(octets[place : place + 4]) for place in places), int.from_bytes(octets[8:12])]

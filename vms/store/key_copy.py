"""One copy of the key store: an SQLite file, its rows, and what its errors mean. The two copies' procedures: `vms.store.keys`.

SQLite makes each commit whole (journal DELETE with synchronous EXTRA: the journal's removal is synced too). Layout: vms/FORMATS.md §6.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pysqlite3 import dbapi2

from vms.domain.ids import CameraId, SegmentId
from vms.errors import Unavailable
from vms.store.database import BUSY_SECONDS

FORMAT = 2
FORMAT_WITHOUT_SURVIVORS = 1
"""Of before segments could outlive the key of their hour; brought up to date when it is opened."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS store(format INTEGER NOT NULL, id TEXT NOT NULL, kek_check BLOB NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS hour_key(
      camera INTEGER NOT NULL, hour INTEGER NOT NULL, wrapped BLOB, destroyed_ms INTEGER,
      PRIMARY KEY (camera, hour),
      CHECK ((wrapped IS NULL) <> (destroyed_ms IS NULL)), CHECK (wrapped IS NULL OR length(wrapped) = 40)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS segment_key(
      camera INTEGER NOT NULL, hour INTEGER NOT NULL, segment BLOB NOT NULL, wrapped BLOB NOT NULL,
      PRIMARY KEY (camera, hour, segment), CHECK (length(segment) = 16 AND length(wrapped) = 40)
    ) STRICT, WITHOUT ROWID""",
)
_ROWS = "SELECT camera, hour, wrapped, destroyed_ms FROM hour_key"
_SURVIVORS = "SELECT camera, hour, segment, wrapped FROM segment_key"
_HAS_KEYS = (
    "(wrapped IS NOT NULL OR EXISTS "
    "(SELECT 1 FROM segment_key WHERE segment_key.camera = hour_key.camera AND segment_key.hour = hour_key.hour))"
)

KeyName = tuple[CameraId, int]
"""Camera, and hours since the epoch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An hour of a camera: its key, wrapped, or the tombstone of that and the keys of the segments that outlive it."""

    wrapped: bytes | None
    destroyed_ms: int | None
    survivors: Mapping[SegmentId, bytes] = field(default_factory=dict)
    """Wrapped; none while the hour's own key is there, which opens them all."""

    @property
    def keys(self) -> tuple[bytes, ...]:
        return (*([] if self.wrapped is None else [self.wrapped]), *self.survivors.values())


class _Connection(Protocol):
    """What is used of the driver, which has no types."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: tuple[object, ...] = ...) -> _Rows: ...

    def close(self) -> None: ...


class _Rows(Protocol):
    def fetchone(self) -> tuple[object, ...] | None: ...

    def __iter__(self) -> Iterator[tuple[int, int, bytes | None, int | None]]: ...


class _SurvivorConnection(Protocol):
    """The same, where `_SURVIVORS` is read."""

    def execute(self, sql: str, parameters: tuple[object, ...] = ...) -> Iterable[tuple[int, int, bytes, bytes]]: ...


class Copy:
    """One SQLite file, open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():  # made here, since SQLite would let others read it; never reopened: that would drop SQLite's locks
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connect = dbapi2.connect
        with self._sentences():
            opened = connect(str(path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._connection: _Connection = opened
            self._survivors: _SurvivorConnection = opened
            for pragma in ("journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON", "mmap_size = 0", "trusted_schema = OFF"):
                self._connection.execute(f"PRAGMA {pragma}").fetchone()
            for table in _SCHEMA:
                self._connection.execute(table)

    def identity(self) -> tuple[int, str, bytes] | None:
        """Return format, store id and wrapped check value; None for a new copy."""
        with self._sentences():
            row = self._connection.execute("SELECT format, id, kek_check FROM store").fetchone()
        if row is None:
            return None
        number, store_id, check = row
        if not isinstance(number, int) or not isinstance(store_id, str) or not isinstance(check, bytes):
            raise Unavailable(f"{self.path} is no key store.")
        return number, store_id, check

    def identify(self, store_id: str, kek_check: bytes) -> None:
        with self._sentences():
            self._connection.execute("INSERT INTO store(format, id, kek_check) VALUES (?, ?, ?)", (FORMAT, store_id, kek_check))

    def bring_up_to_date(self) -> None:
        """Say that the copy may hold survivors: a program that knows of none would not carry them over to the other copy."""
        with self._sentences():
            self._connection.execute("UPDATE store SET format = ?", (FORMAT,))

    def name_kek(self, kek_check: bytes) -> None:
        with self._sentences():
            self._connection.execute("UPDATE store SET kek_check = ?", (kek_check,))

    def count(self) -> int:
        """Return how many keys there are, of hours and of survivors."""
        counted = "SELECT (SELECT count(*) FROM hour_key WHERE wrapped IS NOT NULL) + (SELECT count(*) FROM segment_key)"
        with self._sentences():
            row = self._connection.execute(counted).fetchone()
        return int(str(row[0])) if row else 0

    def page(self, after: KeyName | None, limit: int) -> dict[KeyName, Entry]:
        """Return the next hours behind `after` that have keys, in order: as many as have `limit` keys together, at least one."""
        behind = "" if after is None else " AND (camera, hour) > (?, ?)"
        found: dict[KeyName, Entry] = {}
        keys = 0
        with self._sentences():
            for row in self._connection.execute(
                f"{_ROWS} WHERE {_HAS_KEYS}{behind} ORDER BY camera, hour LIMIT ?", (*(after or ()), limit)
            ):
                name, entry = self._entry(*row)
                found[name] = entry
                keys += len(entry.keys)
                if keys >= limit:
                    break
        return found

    def entries(self, names: Iterable[KeyName] | None = None) -> dict[KeyName, Entry]:
        """Return the rows of these hours, or all rows."""
        with self._sentences():
            if names is None:
                left = self._all_survivors()
                every = self._connection.execute(_ROWS)
                return {(CameraId(c), hour): Entry(wrapped, gone, left.get((c, hour), {})) for c, hour, wrapped, gone in every}
            rows = [row for name in names for row in self._connection.execute(f"{_ROWS} WHERE camera = ? AND hour = ?", name)]
            return dict(self._entry(*row) for row in rows)

    def wrapped(self, name: KeyName) -> bytes | None:
        """Return the key of an hour, wrapped."""
        with self._sentences():
            rows = self._connection.execute(f"{_ROWS} WHERE camera = ? AND hour = ?", name)
            return next((wrapped for _, _, wrapped, _ in rows), None)

    def survivor(self, name: KeyName, segment: SegmentId) -> bytes | None:
        """Return the key that one segment was left, wrapped."""
        one = f"{_SURVIVORS} WHERE camera = ? AND hour = ? AND segment = ?"
        with self._sentences():
            return next((wrapped for *_, wrapped in self._survivors.execute(one, (*name, bytes.fromhex(segment)))), None)

    def hours(self, camera: CameraId, before: int) -> list[int]:
        """Return the hours before `before` of which a camera has a key."""
        of_camera = f"{_ROWS} WHERE camera = ? AND hour < ? AND wrapped IS NOT NULL ORDER BY hour"
        with self._sentences():
            return [hour for _, hour, _, _ in self._connection.execute(of_camera, (camera, before))]

    def outlived_hours(self, camera: CameraId, before: int) -> list[int]:
        """Return the hours before `before` whose key is destroyed and outlived by segments of a camera."""
        with self._sentences():
            found = self._survivors.execute(f"{_SURVIVORS} WHERE camera = ? AND hour < ? ORDER BY hour", (camera, before))
            return list(dict.fromkeys(hour for _, hour, _, _ in found))

    def put(self, entries: Mapping[KeyName, Entry]) -> None:
        """Write these rows, each with its survivors, in one durable commit."""
        if not entries:
            return
        with self._sentences(), self._transaction():
            for name, entry in entries.items():
                self._connection.execute(
                    "INSERT INTO hour_key(camera, hour, wrapped, destroyed_ms) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT(camera, hour) DO UPDATE SET wrapped = excluded.wrapped, destroyed_ms = excluded.destroyed_ms",
                    (*name, entry.wrapped, entry.destroyed_ms),
                )
                self._connection.execute("DELETE FROM segment_key WHERE camera = ? AND hour = ?", name)
                for segment, wrapped in entry.survivors.items():
                    self._connection.execute(
                        "INSERT INTO segment_key(camera, hour, segment, wrapped) VALUES (?, ?, ?, ?)",
                        (*name, bytes.fromhex(segment), wrapped),
                    )

    def close(self) -> None:
        self._connection.close()

    def _entry(self, camera: int, hour: int, wrapped: bytes | None, destroyed_ms: int | None) -> tuple[KeyName, Entry]:
        left: dict[SegmentId, bytes] = {}
        if wrapped is None:
            found = self._survivors.execute(f"{_SURVIVORS} WHERE camera = ? AND hour = ?", (camera, hour))
            left = {SegmentId(segment.hex()): key for _, _, segment, key in found}
        return (CameraId(camera), hour), Entry(wrapped, destroyed_ms, left)

    def _all_survivors(self) -> dict[tuple[int, int], dict[SegmentId, bytes]]:
        left: defaultdict[tuple[int, int], dict[SegmentId, bytes]] = defaultdict(dict)
        for camera, hour, segment, wrapped in self._survivors.execute(_SURVIVORS):
            left[camera, hour][SegmentId(segment.hex())] = wrapped
        return left

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except dbapi2.OperationalError as err:
            raise Unavailable(f"{self.path} can't be read or written now: {err}. Look at its disk; then start again.") from err
        except dbapi2.DatabaseError as err:
            raise Unavailable(f"{self.path} is damaged: {err}. Move it away; it is made again from the other copy.") from err

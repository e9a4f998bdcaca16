"""The key store: camera-hour keys in two SQLite files on different paths, wrapped under the node's key-encryption key (KEK).

Losing both copies loses all footage; keeping a destroyed key keeps footage that should be gone. Hence two rules. A key is
handed out only when both copies hold it. A destruction that reached one copy is carried out in the other before anything else.

Writers of all processes take one lock file, then read both copies, then commit copy 1, then copy 2. SQLite makes each commit
whole (journal DELETE with synchronous EXTRA: the journal's removal is synced too). What a kill or power cut leaves:

Creation of keys (C)
  C1 lock, read both copies                   nothing changed
  C2 copy 1 committed     `keys:create:b`     copy 1 alone has keys that nobody has used: C3 is yet to come before the call
                                              returns. The next `open`, or the next call for the same hour, copies them over.
  C3 copy 2 committed     `keys:create:c`     both have them; the call returns
Destruction of a key (D)
  D1 lock, read both copies                   nothing changed
  D2 copy 1 committed     `keys:destroy:b`    copy 1 has the tombstone, copy 2 still the key. Look-ups read copy 1: gone at once.
                                              The next `open`, `destroy` or creation of this key carries it out in copy 2.
  D3 copy 2 committed     `keys:destroy:c`    gone from both
Rotation of the KEK: a key opens whose KEK is there, whichever copy and row it is; new ones go under the newest (W)
  W1 lock, read a page of keys                both KEKs are needed
  W2 the page in copy 1   `keys:rewrap:b`     the same keys in both copies, wrapped differently: the same key all the same
  W3 the page in copy 2   `keys:rewrap:c`     the page needs the new KEK alone; so does the next, until none is left
  W4 check value, copy 1  `keys:rewrap:d`     copy 2 still names the old KEK; both files open while both KEKs are there
  W5 check value, copy 2  `keys:rewrap:e`     nobody wraps under the old KEK; it may go when both copies were read and none needs it
Reconciliation at `open` is the same merge over all rows, under the lock; cut short, it begins again. A tombstone stays for
ever: a copy restored from an old backup loses the key again. Two different keys of one hour mean that the copies belong to
different stores: nothing is guessed, `open` refuses. Damage here is `Unavailable`, never `Corrupt`: it says nothing about the
footage, and recovery must not throw that away for it. Layout: vms/FORMATS.md §6.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from pysqlite3 import dbapi2

from vms.crypto import KEY_BYTES, KeySource, first_fitting, random_bytes
from vms.domain.ids import CameraId
from vms.domain.timespan import ms_of
from vms.errors import ConfigError, Unavailable
from vms.log import get_logger
from vms.store.database import BUSY_SECONDS, linked_sqlite, refuse_old_sqlite
from vms.store.failpoints import failpoint

LOCK_NAME = "keys.lock"
FORMAT = 1
CREATE_STEPS = ("keys:create:a", "keys:create:b", "keys:create:c")
DESTROY_STEPS = ("keys:destroy:a", "keys:destroy:b", "keys:destroy:c")
REWRAP_STEPS = ("keys:rewrap:b", "keys:rewrap:c", "keys:rewrap:d", "keys:rewrap:e")
REWRAP_PAGE = 500
"""Keys in one commit of a rotation: the recorder waits that long at most when it needs a new hour's."""
_KEK_CHECK = b"custodian key store check value."
"""Wrapped under the key-encryption key in each copy: a wrong one is found out before any key is made with it."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS store(format INTEGER NOT NULL, id TEXT NOT NULL, kek_check BLOB NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS hour_key(
      camera INTEGER NOT NULL, hour INTEGER NOT NULL, wrapped BLOB, destroyed_ms INTEGER,
      PRIMARY KEY (camera, hour),
      CHECK ((wrapped IS NULL) <> (destroyed_ms IS NULL)), CHECK (wrapped IS NULL OR length(wrapped) = 40)
    ) STRICT, WITHOUT ROWID""",
)

log = get_logger(__name__)

KeyName = tuple[CameraId, int]
"""Camera, and hours since the epoch."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row: a wrapped key, or the tombstone of one."""

    wrapped: bytes | None
    destroyed_ms: int | None


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a rotation did to one page of keys."""

    last: KeyName | None
    """The last key looked at; None behind the end."""
    wrapped: int


class _Connection(Protocol):
    """What is used of the driver, which has no types."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: tuple[object, ...] = ...) -> _Rows: ...

    def close(self) -> None: ...


class _Rows(Protocol):
    def fetchone(self) -> tuple[object, ...] | None: ...

    def __iter__(self) -> Iterator[tuple[int, int, bytes | None, int | None]]: ...


class KeyStore:
    """Both copies, open. Threads may share it; processes each open their own."""

    def __init__(self, copies: tuple[_Copy, _Copy], keks: KeySource, lock_fd: int) -> None:
        """Use `open`."""
        self._copies = copies
        self._keks = keks
        self._lock_fd = lock_fd
        self._threads = threading.RLock()

    @classmethod
    def open(cls, path1: Path, path2: Path, keks: KeySource) -> KeyStore:
        """Open both copies, made when they are not there, and bring them to agree.

        Raises ConfigError when the store was made with none of `keks`, Unavailable when a copy is damaged or
        belongs to another store.
        """
        refuse_old_sqlite(linked_sqlite())
        with ExitStack() as undo:
            lock_fd = _open_lock(path1.parent / LOCK_NAME)
            undo.callback(os.close, lock_fd)
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            copies = _opened(path1, undo), _opened(path2, undo)
            _bring_together(*copies, keks)
            fcntl.flock(lock_fd, fcntl.LOCK_UN)
            undo.pop_all()
        return cls(copies, keks, lock_fd)

    def hour_key(self, camera: CameraId, hour: int, *, create: bool = False) -> bytes | None:
        """Return the key of `camera` for the hour that began `hour` hours after the epoch; None when it never was or is destroyed.

        `create`: make it when it never was; then both copies hold it when this returns.
        """
        if create:
            return self.ensure(camera, [hour]).get(hour)
        with self._threads:
            wrapped = self._wrapped(camera, hour)
            if wrapped is None:
                return None
            # What was read may be older than a rotation that has just ended: then it is read again.
            return _unwrapped(self._keks, wrapped) or self._opened(self._wrapped(camera, hour))

    def _wrapped(self, camera: CameraId, hour: int) -> bytes | None:
        entry = self._copies[0].entries([(camera, hour)]).get((camera, hour))
        return None if entry is None else entry.wrapped

    def ensure(self, camera: CameraId, hours: Iterable[int]) -> dict[int, bytes]:
        """Return the keys of these hours, made where they never were. A destroyed one is left out and is not made again."""
        return {hour: key for (_, hour), key in self.ensure_all([(camera, hour) for hour in hours]).items()}

    def ensure_all(self, names: Iterable[KeyName]) -> dict[KeyName, bytes]:
        """Do what `ensure` does for many cameras, with one commit in each copy."""
        wanted = list(dict.fromkeys(names))
        with self._writing() as (first, second):
            held = first.entries(wanted), second.entries(wanted)
            newest = self._newest()
            merged = _merged(*held, self._keks)
            failpoint("keys:create:a")
            for name in wanted:
                if name not in merged:
                    merged[name] = _Entry(aes_key_wrap(newest, random_bytes(KEY_BYTES)), None)
            first.put(_changes(held[0], merged))  # C2
            failpoint("keys:create:b")
            second.put(_changes(held[1], merged))  # C3
            failpoint("keys:create:c")
        return {name: key for name, entry in merged.items() if (key := self._opened(entry.wrapped)) is not None}

    def destroy(self, camera: CameraId, hour: int, *, at: datetime) -> None:
        """Destroy a key in both copies and leave a tombstone; again, or for a key that never was, it is destroyed all the same."""
        self.destroy_all([(camera, hour)], at=at)

    def destroy_all(self, names: Iterable[KeyName], *, at: datetime) -> None:
        """Do what `destroy` does for many keys, with one commit in each copy."""
        wanted = list(dict.fromkeys(names))
        with self._writing() as (first, second):
            held = first.entries(wanted), second.entries(wanted)
            failpoint("keys:destroy:a")
            gone = {name: entry for name, entry in _merged(*held, self._keks).items() if entry.wrapped is None}
            merged = {name: _Entry(None, ms_of(at)) for name in wanted} | gone
            first.put(_changes(held[0], merged))  # D2
            failpoint("keys:destroy:b")
            second.put(_changes(held[1], merged))  # D3
            failpoint("keys:destroy:c")

    def hours(self, camera: CameraId, *, before: int) -> list[int]:
        """Return the hours (since 1970) before `before` of which a camera has a key."""
        with self._threads:
            return self._copies[0].hours(camera, before)

    def destroyed(self, camera: CameraId, hours: Iterable[int]) -> dict[int, int | None]:
        """Return of each hour (since 1970) that ever had a key when that was destroyed, in ms since 1970; None while it is there."""
        with self._threads:
            found = self._copies[0].entries([(camera, hour) for hour in hours])
        return {hour: entry.destroyed_ms if entry.wrapped is None else None for (_, hour), entry in found.items()}

    def count(self) -> int:
        """Return how many keys there are."""
        with self._threads:
            return self._copies[0].count()

    def rewrap(self, after: KeyName | None = None) -> Rewrapped:
        """Wrap the page of keys behind `after` under the newest KEK, those that are not; one that opens with none stays as it is."""
        with self._writing() as (first, second):
            names = list(first.page(after, REWRAP_PAGE))
            held = first.entries(names), second.entries(names)
            newest = self._keks.fresh()[-1]
            merged = _merged(*held, self._keks)
            old = {name: e.wrapped for name, e in merged.items() if e.wrapped is not None and _unwrapped_by(newest, e.wrapped) is None}
            anew = {
                name: _Entry(aes_key_wrap(newest, key), None) for name, wrapped in old.items() if (key := _unwrapped(self._keks, wrapped))
            }
            merged |= anew
            first.put(_changes(held[0], merged))  # W2
            failpoint("keys:rewrap:b")
            second.put(_changes(held[1], merged))  # W3
            failpoint("keys:rewrap:c")
        return Rewrapped(names[-1] if names else None, len(anew))

    def unopenable(self, keks: tuple[bytes, ...]) -> set[KeyName]:
        """Return the keys that none of `keks` opens in one of the copies. It takes no lock: a page at a time is read."""
        found: set[KeyName] = set()
        for copy in self._copies:
            after: KeyName | None = None
            while True:
                with self._threads:
                    page = copy.page(after, REWRAP_PAGE)
                if not page:
                    break
                found.update(name for name, wrapped in page.items() if all(_unwrapped_by(kek, wrapped) is None for kek in keks))
                after = max(page)
        return found

    def settle(self) -> None:
        """Name the newest KEK as the one that the store needs: from then on nobody wraps under another."""
        with self._writing() as copies:
            check = aes_key_wrap(self._keks.fresh()[-1], _KEK_CHECK)
            for copy, step in zip(copies, ("keys:rewrap:d", "keys:rewrap:e"), strict=True):
                copy.name_kek(check)  # W4, W5
                failpoint(step)

    def close(self) -> None:
        with self._threads:
            for copy in self._copies:
                copy.close()
            os.close(self._lock_fd)

    @contextmanager
    def _writing(self) -> Iterator[tuple[_Copy, _Copy]]:
        """Be the only writer of all threads and processes; the system lets go of the lock when a process dies."""
        with self._threads:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
            try:
                yield self._copies
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _newest(self) -> bytes:
        """Return the KEK for new keys. Where its file is away for a while, the one that is held serves as long as the store needs it."""
        try:
            return self._keks.fresh()[-1]
        except ConfigError as err:
            held, identity = self._keks.held()[-1], self._copies[0].identity()
            if identity is None or identity[2] != aes_key_wrap(held, _KEK_CHECK):
                raise Unavailable(f"No key for a new hour: {err}") from err
            return held

    def _opened(self, wrapped: bytes | None) -> bytes | None:
        """Return the key itself, None for none; Unavailable when it opens with no KEK that is here."""
        if wrapped is None:
            return None
        key = _unwrapped(self._keks, wrapped)
        if key is None:
            raise Unavailable(f"A key in {self._copies[0].path} is damaged. Move that file away: it is made again from the other copy.")
        return key


class _Copy:
    """One SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():  # made here, since SQLite would let others read it; never reopened: that would drop SQLite's locks
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connect = dbapi2.connect
        with self._sentences():
            self._connection: _Connection = connect(str(path), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
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

    def name_kek(self, kek_check: bytes) -> None:
        with self._sentences():
            self._connection.execute("UPDATE store SET kek_check = ?", (kek_check,))

    def count(self) -> int:
        with self._sentences():
            row = self._connection.execute("SELECT count(*) FROM hour_key WHERE wrapped IS NOT NULL").fetchone()
        return int(str(row[0])) if row else 0

    def page(self, after: KeyName | None, limit: int) -> dict[KeyName, bytes]:
        """Return the next keys behind `after`, wrapped, in order; destroyed ones are left out."""
        query = "SELECT camera, hour, wrapped, destroyed_ms FROM hour_key WHERE wrapped IS NOT NULL"
        behind = "" if after is None else " AND (camera, hour) > (?, ?)"
        with self._sentences():
            rows = self._connection.execute(f"{query}{behind} ORDER BY camera, hour LIMIT ?", (*(after or ()), limit))
            return {(CameraId(camera), hour): wrapped for camera, hour, wrapped, _ in rows if wrapped is not None}

    def entries(self, names: Iterable[KeyName] | None = None) -> dict[KeyName, _Entry]:
        """Return the rows of these keys, or all rows."""
        query = "SELECT camera, hour, wrapped, destroyed_ms FROM hour_key"
        with self._sentences():
            if names is None:
                return {(CameraId(c), h): _Entry(wrapped, gone) for c, h, wrapped, gone in self._connection.execute(query)}
            found: dict[KeyName, _Entry] = {}
            for name in names:
                for camera, hour, wrapped, gone in self._connection.execute(f"{query} WHERE camera = ? AND hour = ?", name):
                    found[CameraId(camera), hour] = _Entry(wrapped, gone)
            return found

    def hours(self, camera: CameraId, before: int) -> list[int]:
        query = (
            "SELECT camera, hour, wrapped, destroyed_ms FROM hour_key WHERE camera = ? AND hour < ? AND wrapped IS NOT NULL ORDER BY hour"
        )
        with self._sentences():
            return [hour for _, hour, _, _ in self._connection.execute(query, (camera, before))]

    def put(self, entries: dict[KeyName, _Entry]) -> None:
        """Write these rows in one durable commit."""
        if not entries:
            return
        with self._sentences(), self._transaction():
            for (camera, hour), entry in entries.items():
                self._connection.execute(
                    "INSERT INTO hour_key(camera, hour, wrapped, destroyed_ms) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT(camera, hour) DO UPDATE SET wrapped = excluded.wrapped, destroyed_ms = excluded.destroyed_ms",
                    (camera, hour, entry.wrapped, entry.destroyed_ms),
                )

    def close(self) -> None:
        self._connection.close()

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


def _opened(path: Path, undo: ExitStack) -> _Copy:
    try:
        copy = _Copy(path)
    except OSError as err:
        raise ConfigError(f"{path} can't be opened: {err.strerror}. Is its disk mounted, and the folder there?") from err
    undo.callback(copy.close)
    return copy


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise ConfigError(f"{path} can't be opened: {err.strerror}. Is its disk mounted, and the folder there?") from err


def _bring_together(first: _Copy, second: _Copy, keks: KeySource) -> None:
    """Make both copies one store with the same rows."""
    _identify(first, second, keks)
    held = first.entries(), second.entries()
    merged = _merged(*held, keks)
    for copy, rows in zip((first, second), held, strict=True):
        missing = _changes(rows, merged)
        if missing:
            log.warning("key store copy completed from the other", path=str(copy.path), keys=len(missing))
        copy.put(missing)


def _identify(first: _Copy, second: _Copy, keks: KeySource) -> None:
    known = tuple(aes_key_wrap(kek, _KEK_CHECK) for kek in keks.fresh())
    found = {copy: identity for copy in (first, second) if (identity := copy.identity()) is not None}
    for copy, (number, _, _check) in found.items():
        if number != FORMAT:
            raise ConfigError(f"{copy.path} has format {number}; this program knows format {FORMAT}.")
    strange = [copy for copy, (_, _, check) in found.items() if check not in known]
    if strange and len(strange) < len(found):
        fitting = next(copy for copy in found if copy not in strange)
        raise ConfigError(
            f"{strange[0].path} needs another key than {fitting.path}. If secrets/ was put back from a backup, put back the newer "
            f"node_kek.key; only if {strange[0].path} itself was put back, move it away."
        )
    if strange:
        raise ConfigError(
            f"{strange[0].path} was made with another node key. Keep secrets/node_kek.key under another name and put back the right one; "
            "without that the footage can't be read."
        )
    ids = {store_id for _, store_id, _ in found.values()}
    if len(ids) > 1:
        raise Unavailable(f"{first.path} and {second.path} belong to different key stores. Put back the copy that belongs here.")
    store_id = next(iter(ids), str(uuid.uuid4()))
    for copy in (first, second):
        if copy not in found:
            copy.identify(store_id, known[-1])


def _merged(first: dict[KeyName, _Entry], second: dict[KeyName, _Entry], keks: KeySource) -> dict[KeyName, _Entry]:
    """Return what both copies should hold: a destruction in either wins, a key in one is the key of both."""
    merged = {**second, **first}
    for name in first.keys() & second.keys():
        ours, theirs = first[name], second[name]
        if ours.wrapped is None or theirs.wrapped is None:
            merged[name] = theirs if ours.wrapped is not None else ours
        elif ours.wrapped != theirs.wrapped and not _same_key(ours.wrapped, theirs.wrapped, keks):
            raise Unavailable(
                f"The key store's copies hold different keys of camera {name[0]}, hour {name[1]}. Put back the copy that belongs here."
            )
    return merged


def _same_key(ours: bytes, theirs: bytes, keks: KeySource) -> bool:
    """Say whether two wrapped keys are one, under two KEKs."""
    key = _unwrapped(keks, ours)
    return key is not None and key == _unwrapped(keks, theirs)


def _unwrapped(keks: KeySource, wrapped: bytes) -> bytes | None:
    """Return a key, None when it opens with no KEK that is there; Unavailable while these can't be read."""
    try:
        return first_fitting(keks, lambda kek: _unwrapped_by(kek, wrapped))
    except ConfigError as err:
        raise Unavailable(f"A key of footage can't be opened now: {err}") from err


def _unwrapped_by(kek: bytes, wrapped: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap:
        return None


def _changes(held: dict[KeyName, _Entry], wanted: dict[KeyName, _Entry]) -> dict[KeyName, _Entry]:
    return {name: entry for name, entry in wanted.items() if held.get(name) != entry}

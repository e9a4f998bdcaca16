"""Engines: one that writes and one that only reads, on SQLite or PostgreSQL; the one place that knows either driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pysqlite3.dbapi2
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from vms.errors import ConfigError, Conflict, Corrupt, Unavailable

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL that several connections write (sqlite.org/wal.html, "WAL-reset bug")."""
BUSY_SECONDS = 15
"""How long a transaction waits for another process's write before it fails."""
PAGE_BYTES = 8192


class _Cursor(Protocol):
    def execute(self, sql: str) -> object: ...

    def close(self) -> None: ...


class _DriverConnection(Protocol):
    def cursor(self) -> _Cursor: ...


@dataclass(frozen=True, slots=True)
class Engines:
    """The two ways into one database. Neither is made at import time; the program's entry makes and disposes of them.

    What they complain of names statements, never what was in them: digests of passwords and tokens would stand in logs.

    SQLite: `write` begins every transaction with BEGIN IMMEDIATE, so that what a transaction has read can't change before it
    writes; `read` begins deferred and refuses to write. PostgreSQL: `write` is READ COMMITTED, `read` read-only and REPEATABLE READ.
    """

    write: Engine
    read: Engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose transaction commits when the block ends and rolls back when it raises."""
        with Session(self.write, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees one state of the database and can't change it."""
        with Session(self.read, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Say a database that is away, locked or refused by its disk as Unavailable, a damaged one as Corrupt.

        Anything else that the driver complains of is a mistake of ours and rises as it is.
        """
        try:
            yield
        except OperationalError as err:
            raise Unavailable(f"{self._name} does not answer ({_reason(err)}). Look at what holds it open and at its disk.") from err
        except DatabaseError as err:
            if type(err) is not DatabaseError:
                raise
            raise Corrupt(f"{self._name} can't be read as a database ({_reason(err)}). Restore it from a backup.") from err

    @property
    def _name(self) -> str:
        url = self.read.url
        return str(url.database) if url.host is None else f"The database {url.database} on {url.host}"

    def dispose(self) -> None:
        self.write.dispose()
        self.read.dispose()


def make_engines(where: Path | str) -> Engines:
    """Return the engines of a SQLite file (made when first used) or of a postgresql:// address.

    Raises ConfigError when SQLite is too old, the PostgreSQL driver is missing or the address can't be read.
    """
    return _sqlite_engines(where) if isinstance(where, Path) else _postgresql_engines(where)


@contextmanager
def unique(sentence: str) -> Iterator[None]:
    """Say `sentence` as a Conflict when what is written inside exists already; the transaction can't go on then."""
    try:
        yield
    except IntegrityError as err:
        raise Conflict(sentence) from err


def insert_into(session: Session, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that takes ON CONFLICT, for whichever database the session is on."""
    return postgresql.insert(table) if session.get_bind().dialect.name == "postgresql" else sqlite.insert(table)


def refuse_old_sqlite(version: tuple[int, int, int]) -> None:
    """Raise ConfigError when the linked SQLite is older than `OLDEST_SQLITE`."""
    if version < OLDEST_SQLITE:
        found, needed = ".".join(map(str, version)), ".".join(map(str, OLDEST_SQLITE))
        raise ConfigError(f"SQLite {found} can corrupt its files under several writers; {needed} is needed. Run: pip install -U pysqlite3")


def linked_sqlite() -> tuple[int, int, int]:
    major, minor, patch = pysqlite3.dbapi2.sqlite_version_info
    return major, minor, patch


def _reason(err: DatabaseError) -> str:
    """Return what the driver said, in one line."""
    return " ".join(str(err.orig).split())


def _sqlite_engines(path: Path) -> Engines:
    refuse_old_sqlite(linked_sqlite())
    write = _sqlite_engine(path, begin="BEGIN IMMEDIATE", pragmas=("synchronous = FULL", "secure_delete = ON"))
    # A reader never checkpoints: the processes that write do.
    read = _sqlite_engine(path, begin="BEGIN", pragmas=("query_only = ON", "wal_autocheckpoint = 0"))
    return Engines(write, read)


def _sqlite_engine(path: Path, *, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=pysqlite3.dbapi2,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
        hide_parameters=True,
    )
    common = (f"page_size = {PAGE_BYTES}", "journal_mode = WAL", "foreign_keys = ON", "mmap_size = 0", "trusted_schema = OFF")

    @event.listens_for(engine, "connect")
    def _prepare(connection: _DriverConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*common, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql_engines(address: str) -> Engines:
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
        write = create_engine(url, isolation_level="READ COMMITTED", **options)
        read = create_engine(url, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}, **options)
    except ArgumentError as err:
        raise ConfigError("database_url can't be read. It looks like postgresql://USER:PASSWORD@HOST/DATABASE.") from err
    except ModuleNotFoundError as err:
        raise ConfigError("PostgreSQL needs its driver. Run: pip install 'custodian[fleet]'") from err
    return Engines(write, read)

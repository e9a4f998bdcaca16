"""Engines: one that writes and one that only reads, on SQLite or PostgreSQL; the one place that knows either driver."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeAlias, cast

import pysqlite3.dbapi2
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from vms.errors import ConfigError, Conflict, Corrupt, Unavailable

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL that several connections write (sqlite.org/wal.html, "WAL-reset bug")."""
BUSY_SECONDS = 15
"""How long a transaction waits for another process's write before it fails."""
CHECKPOINT_PAGES = 1000
"""SQLite's own default."""
SECRETS = "secrets"
"""In `Session.info`: the folder that has the keys of texts in the database."""


class _Cursor(Protocol):
    def execute(self, sql: str) -> object: ...

    def close(self) -> None: ...


class _DriverConnection(Protocol):
    def cursor(self) -> _Cursor: ...


Values: TypeAlias = Sequence[object] | Mapping[str, object]
"""Of a statement's parameters: in order for SQLite's driver, by name for PostgreSQL's."""


class Driver:
    """The database's driver itself, for statements too frequent for SQLAlchemy's way of running one. Run them in a `with` block.

    What the driver complains of leaves the block as SQLAlchemy says it, and a connection that is lost is used no more.
    """

    __slots__ = ("_connection", "_cursor", "_sql", "dialect")
    _cursor: DBAPICursor

    def __init__(self, connection: Connection) -> None:
        self.dialect = connection.dialect
        self._connection = connection
        self._sql = ""

    def run(self, sql: str, values: Values = ()) -> None:
        self._sql = sql
        self._cursor.execute(sql, values)

    def rows(self, sql: str, values: Values) -> list[Any]:
        """Run a statement and return its rows, all of them: nothing is left open."""
        self._sql = sql
        self._cursor.execute(sql, values)
        return cast("list[Any]", self._cursor.fetchall())

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run an INSERT for each row on SQLite; on PostgreSQL `sql` is a COPY, which takes all rows as one stream."""
        self._sql = sql
        if self.dialect.name == "postgresql":
            with self._cursor.copy(sql) as stream:
                for row in rows:
                    stream.write_row(row)
        else:
            self._cursor.executemany(sql, rows)

    def __enter__(self) -> Self:
        self._cursor = self._connection.connection.cursor()
        return self

    def __exit__(self, _kind: object, err: BaseException | None, _trace: object) -> None:
        try:
            if isinstance(err, self.dialect.loaded_dbapi.Error):
                raise self._said(err) from err
        finally:
            with suppress(self.dialect.loaded_dbapi.Error):  # of a connection that is gone: what is told is why
                self._cursor.close()

    def _said(self, err: DBAPIModule.Error) -> Exception:
        lost = self.dialect.is_disconnect(err, self._connection.connection.dbapi_connection, self._cursor)
        if lost:
            self._connection.invalidate(err)
        known = self.dialect.loaded_dbapi.Error
        return DBAPIError.instance(self._sql, None, err, known, hide_parameters=True, connection_invalidated=lost, dialect=self.dialect)


@dataclass(frozen=True, slots=True)
class Engines:
    """The two ways into one database. Neither is made at import time; the program's entry makes and disposes of them.

    What they complain of names statements, never what was in them: digests of passwords and tokens would stand in logs.

    SQLite: `write` begins every transaction with BEGIN IMMEDIATE, so that what a transaction has read can't change before it
    writes; `read` begins deferred and refuses to write. PostgreSQL: `write` is READ COMMITTED, `read` read-only and REPEATABLE READ.
    """

    _write: _Connections
    _read: _Connections

    @property
    def write(self) -> Engine:
        return self._write.engine

    @property
    def read(self) -> Engine:
        return self._read.engine

    def writing(self) -> AbstractContextManager[Session]:
        """Give a session whose transaction commits when the block ends and rolls back when it raises; it begins when first used."""
        return _transaction(self._write)

    def reading(self) -> AbstractContextManager[Session]:
        """Give a session that sees one state of the database and can't change it."""
        return _transaction(self._read)

    def ask(self, sql: str, values: Values) -> list[Any]:
        """Return the rows of one SELECT, as the driver has them; it sees one state of the database, without a transaction around it."""
        connection = self._read.take()
        try:
            return self._asked(connection, sql, values)
        finally:
            self._read.give_back(connection)

    def _asked(self, connection: Connection, sql: str, values: Values) -> list[Any]:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with Driver(connection) as driver:
            return driver.rows(sql, values)

    def checkpoint(self) -> None:
        """Bring what is in the log of writes into the SQLite file as far as no reader needs it there; no transaction waits for that."""
        connection = self._write.take()
        try:
            with Driver(connection) as driver:
                driver.rows("PRAGMA wal_checkpoint(PASSIVE)", ())
        finally:
            self._write.give_back(connection)

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
        self._write.dispose()
        self._read.dispose()


def make_engines(where: Path | str, *, checkpoint_pages: int = CHECKPOINT_PAGES, secrets: Path | None = None) -> Engines:
    """Return the engines of a SQLite file (made when first used) or of a postgresql:// address.

    `checkpoint_pages`: a commit that leaves as many pages in SQLite's log of writes brings them into the file, and takes so much longer. 0:
    none does, and whoever writes calls `checkpoint`.
    `secrets`: the folder with the keys of texts in it; beside a SQLite file unless another is named.
    Raises ConfigError when SQLite is too old, the PostgreSQL driver is missing or the address can't be read.
    """
    if isinstance(where, Path):
        return _sqlite_engines(where, checkpoint_pages, secrets or where.parent / "secrets")
    return _postgresql_engines(where, secrets)


class _Transaction(Session):
    """A session of one transaction, whose connection is taken and begun with the first statement.

    It is bound to that connection: a session that begins and ends the transaction by itself takes twice as long for it.
    """

    def __init__(self, connections: _Connections) -> None:
        super().__init__(expire_on_commit=False, info={SECRETS: connections.secrets})
        self.connections = connections
        self._connected: Connection | None = None

    @property
    def sees_one_state(self) -> bool:
        return self.connections.sees_one_state

    def get_bind(self, *_: object, **__: object) -> Connection:
        """Return the connection, its transaction begun: what SQLAlchemy asks of a session before each statement."""
        if self._connected is None:
            self._connected = self.connections.take()
            self._connected.begin()
        return self._connected

    def rollback(self) -> None:
        super().rollback()
        if self._connected is not None:
            self._connected.rollback()

    def finish(self) -> None:
        """Commit, and let the connection go."""
        if self.in_transaction():
            self.commit()  # what waits in the session is written; the connection's transaction goes on
        if self._connected is not None:
            self._connected.commit()
            self.connections.give_back(self._connected)
            self._connected = None

    def close(self) -> None:
        try:
            if self.in_transaction():
                super().close()
        finally:
            if self._connected is not None:
                self.connections.undo(self._connected)
                self._connected = None


class _Connections:
    """The connections of an engine. On SQLite, what comes back is kept open here: a pool's bookkeeping takes longer than a transaction."""

    def __init__(self, engine: Engine, secrets: Path | None, *, sees_one_state: bool) -> None:
        """`sees_one_state`: whether each transaction sees the database as it was when it began, whatever is committed since."""
        self.engine, self.secrets, self.sees_one_state = engine, secrets, sees_one_state
        self._kept: deque[Connection] | None = deque() if engine.dialect.name == "sqlite" else None

    def take(self) -> Connection:
        if self._kept is None:
            return self.engine.connect()
        try:
            return self._kept.pop()
        except IndexError:
            connection = self.engine.connect()
            connection.detach()  # else the pool would count it among those that it gives out
            return connection

    def give_back(self, connection: Connection) -> None:
        if self._kept is None or connection.invalidated:
            connection.close()
        else:
            self._kept.append(connection)

    def undo(self, connection: Connection) -> None:
        """Roll back what was not committed on a connection that `take` gave, and let it go."""
        try:
            connection.rollback()
        except BaseException:  # whatever it was: what may still be in a transaction is lent to nobody
            connection.close()
            raise
        self.give_back(connection)

    def dispose(self) -> None:
        while self._kept:
            self._kept.pop().close()
        self.engine.dispose()


@contextmanager
def _transaction(connections: _Connections) -> Iterator[Session]:
    with _Transaction(connections) as session:
        yield session
        session.finish()


def driver_of(session: Session) -> Driver:
    """Return the driver in the transaction of a session."""
    bound = session.get_bind()
    return Driver(bound if isinstance(bound, Connection) and bound.in_transaction() else session.connection())


@contextmanager
def of_now(session: Session) -> Iterator[Session]:
    """Give a session that sees what is committed by now: another beside one that reads and sees one state; itself where it may write."""
    if isinstance(session, _Transaction) and session.sees_one_state:
        with _transaction(session.connections) as another:
            yield another
    else:
        yield session


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


def _sqlite_engines(path: Path, checkpoint_pages: int, secrets: Path) -> Engines:
    refuse_old_sqlite(linked_sqlite())
    durable = ("synchronous = FULL", "secure_delete = ON", f"wal_autocheckpoint = {checkpoint_pages}")
    write = _sqlite_engine(path, begin="BEGIN IMMEDIATE", pragmas=durable)
    # A reader never checkpoints: the processes that write do.
    read = _sqlite_engine(path, begin="BEGIN", pragmas=("query_only = ON", "wal_autocheckpoint = 0"))
    return _engines(write, read, secrets)


def _sqlite_engine(path: Path, *, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=pysqlite3.dbapi2,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
        hide_parameters=True,
    )
    common = ("journal_mode = WAL", "foreign_keys = ON", "mmap_size = 0", "trusted_schema = OFF")

    @event.listens_for(engine, "connect")
    def _prepare(connection: _DriverConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*common, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        with Driver(connection) as driver:
            driver.run(begin)

    return engine


def _engines(write: Engine, read: Engine, secrets: Path | None) -> Engines:
    return Engines(_Connections(write, secrets, sees_one_state=False), _Connections(read, secrets, sees_one_state=True))


def _postgresql_engines(address: str, secrets: Path | None) -> Engines:
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
        write = create_engine(url, isolation_level="READ COMMITTED", **options)
        read = create_engine(url, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}, **options)
    except ArgumentError as err:
        raise ConfigError("database_url can't be read. It looks like postgresql://USER:PASSWORD@HOST/DATABASE.") from err
    except ModuleNotFoundError as err:
        raise ConfigError("PostgreSQL needs its driver. Run: pip install 'custodian[fleet]'") from err
    return _engines(write, read, secrets)

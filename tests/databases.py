"""Fixtures for real databases: SQLite files, and a private PostgreSQL cluster that lives as long as the test session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import delete

from vms.services import installation
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, migrate

_INSTALLED = Path("/usr/lib/postgresql")
_START_SECONDS = 30


@dataclass
class Cluster:
    """A PostgreSQL server of our own on a Unix socket; nothing of it outlives the session."""

    folder: Path
    server: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str, *, role: str = "postgres") -> str:
        return f"postgresql://{quote(role)}@/{database}?host={self.folder}"

    def databases(self) -> list[str]:
        """Return the names of those that `new_database` made."""
        with psycopg.connect(self.url("postgres")) as connection:
            return [name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'custodian_%'")]

    def new_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"custodian_{next(self.numbers)}"
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        return name

    def empty(self, database: str) -> None:
        """Delete every row: much faster than a new database. The role switches off the triggers that keep the log whole."""
        deletes = [str(delete(table)) for table in SCHEMA.sorted_tables if table.name != "hold_clock"]
        self.run(database, ";".join(["SET session_replication_role = replica", *deletes, "UPDATE hold_clock SET seq = 0"]))

    def run(self, database: str, statements: str) -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statements.encode())

    def stop(self) -> None:
        self.server.send_signal(signal.SIGINT)
        self.server.wait(_START_SECONDS)
        shutil.rmtree(self.folder)


def postgresql_tools() -> Path | None:
    """Return where the newest PostgreSQL of this machine keeps its programs: 15 on Debian 12, 17 on Debian 13."""
    versions = [path.parent.parent for path in _INSTALLED.glob("*/bin/initdb") if path.parent.parent.name.isdecimal()]
    return max(versions, key=lambda path: int(path.name)) / "bin" if versions else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL; skips, with the reason, where none is installed."""
    tools = postgresql_tools()
    if tools is None:
        pytest.skip("PostgreSQL is not installed: deploy/debian-test-packages.sh installs it")
    started = started_cluster(tools)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Which], Path]:
    """Return a function that names a migrated SQLite file to copy; the migrations run once a session, when one is first wanted."""
    folder = tmp_path_factory.mktemp("migrated")

    def made(which: Which) -> Path:
        path = folder / which.value
        if not path.exists():
            engines = make_engines(path)
            migrate(engines, which)
            engines.dispose()
        return path

    return made


@pytest.fixture(scope="session")
def migrated_sqlite(migrated_file: Callable[[Which], Path]) -> Callable[[Which, Path], Engines]:
    """Return a function that makes a migrated SQLite database at a path."""

    def copy(which: Which, path: Path) -> Engines:
        shutil.copyfile(migrated_file(which), path)
        return make_engines(path)

    return copy


@pytest.fixture(scope="session", autouse=True)
def installed_by_copy(migrated_file: Callable[[Which], Path]) -> Iterator[None]:
    """Have `install` copy migrated files: running all migrations for each installation is most of what it takes."""

    def copy_or_migrate(engines: Engines, which: Which) -> None:
        path = Path(engines.write.url.database or "")
        if engines.write.dialect.name != "sqlite" or path.exists():
            migrate(engines, which)
        else:
            shutil.copyfile(migrated_file(which), path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "migrate", copy_or_migrate)
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def central(request: pytest.FixtureRequest) -> Engines:
    """A migrated central database, once on SQLite and once on PostgreSQL."""
    engines: Engines = request.getfixturevalue(f"central_{request.param}")
    return engines


@pytest.fixture
def central_sqlite(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path: Path) -> Iterator[Engines]:
    """A migrated central database on SQLite alone, for tests whose subject is something else."""
    engines = migrated_sqlite(Which.CENTRAL, tmp_path / "central.db")
    yield engines
    engines.dispose()


@pytest.fixture
def index(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path: Path) -> Iterator[Engines]:
    """A migrated node index."""
    engines = migrated_sqlite(Which.INDEX, tmp_path / "index.db")
    yield engines
    engines.dispose()


@pytest.fixture(scope="session")
def migrated_postgresql(cluster: Cluster) -> str:
    """The name of a migrated database that tests empty again."""
    name = cluster.new_database()
    engines = make_engines(cluster.url(name))
    migrate(engines, Which.CENTRAL)
    engines.dispose()
    return name


@pytest.fixture
def central_postgresql(cluster: Cluster, migrated_postgresql: str, tmp_path: Path) -> Iterator[Engines]:
    """A migrated central database on PostgreSQL alone."""
    engines = make_engines(cluster.url(migrated_postgresql), secrets=tmp_path / "secrets")
    yield engines
    engines.dispose()
    cluster.empty(migrated_postgresql)


@pytest.fixture
def new_role(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Return a function that makes a role, which is dropped when the test ends."""
    made: list[str] = []

    def make(options: str = "") -> str:
        name = f"Web role {next(cluster.numbers)}"
        cluster.run("postgres", f'CREATE ROLE "{name}" LOGIN {options}')
        made.append(name)
        return name

    yield make
    for name in reversed(made):
        for database in cluster.databases():
            cluster.run(database, f'DROP OWNED BY "{name}"')
        cluster.run("postgres", f'DROP ROLE "{name}"')


def started_cluster(tools: Path) -> Cluster:
    folder = Path(tempfile.mkdtemp(prefix="custodian-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    make: list[Path | str] = [tools / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(_as_postgres(make), check=True, capture_output=True)
    settings = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=", f"unix_socket_directories={folder}"]
    serve: list[Path | str] = [tools / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(_as_postgres(serve), stdout=log, stderr=log, cwd="/")
    started = Cluster(folder, server)
    _wait_for(started, tools)
    return started


def _as_postgres(command: list[Path | str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    # setpriv replaces itself with the server: signals reach it, and it ends even when the test run is killed.
    other = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *other, "--pdeathsig=INT", *map(str, command)]


def _wait_for(started: Cluster, tools: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    ready = [str(tools / "pg_isready"), "-q", "-h", str(started.folder), "-t", "1"]
    while subprocess.run(ready, check=False).returncode != 0:
        if started.server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start: {(started.folder / 'log').read_text()}")

"""Bring a database to the schema of this program, or say that it is not there."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from vms.errors import ConfigError, Unavailable
from vms.store.database import Engines

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x43555354
""""CUST": the PostgreSQL advisory lock that makes a second migrating process wait."""


_SEGMENTS_ANEW = "0005"
_SEGMENT_BYTES = 64
"""Of a row of segments as it was before that, with what its pages leave empty."""


class Which(StrEnum):
    CENTRAL = "central"
    INDEX = "index"


def migrate(engines: Engines, which: Which) -> None:
    """Run the migrations that are missing, in one transaction; several processes may call it at once."""
    config = _config(which)
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _refuse_newer(connection, which)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    # On SQLite, statements take up to three times as long on a connection that made the schema as on one opened after it.
    engines.dispose()


def require_room(index: Engines, free_bytes: int) -> None:
    """Raise Unavailable when so much is too little to bring the node index to this program's schema; nothing is changed.

    Revision 0005 writes the table of segments anew: beside the old one, into the log of writes, and from there into the file.
    """
    with index.read.begin() as connection:
        if (version := _version(connection)) is None or version >= _SEGMENTS_ANEW:
            return
        rows = connection.scalar(text("SELECT count(*) FROM segment")) or 0
    needed = 3 * _SEGMENT_BYTES * rows
    if free_bytes < needed:
        raise Unavailable(
            f"The node index has {rows:,} segments to write anew, which takes {needed / 1e6:,.0f} MB for a while, and its disk has "
            f"{free_bytes / 1e6:,.0f} MB free. Nothing was changed. Make room there, then run: vms migrate"
        )


def require_current(engines: Engines, which: Which) -> None:
    """Raise ConfigError unless the database has this program's schema."""
    with engines.read.begin() as connection:
        _refuse_newer(connection, which)
        if _version(connection) != _scripts(which).get_current_head():
            raise ConfigError(f"The {which} database does not have this program's schema. Run: vms migrate")


def _refuse_newer(connection: Connection, which: Which) -> None:
    version = _version(connection)
    known = {script.revision for script in _scripts(which).walk_revisions()}
    if version is not None and version not in known:
        raise ConfigError(
            f"The {which} database was migrated by a newer program (schema {version}). Install that version or restore a backup."
        )


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _scripts(which: Which) -> ScriptDirectory:
    """Return the migrations of this program; all are loaded once a process."""
    return ScriptDirectory.from_config(_config(which))


def _config(which: Which) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / which.value).replace("%", "%%"))
    # ConfigParser interpolates "%"; the separator keeps a data path with a space in it whole.
    config.set_main_option("path_separator", "os")
    return config

"""Bring a database to the schema of this program, or say that it is not there."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from vms.errors import ConfigError
from vms.store.database import Engines

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x43555354
""""CUST": the PostgreSQL advisory lock that makes a second migrating process wait."""


class Which(StrEnum):
    CENTRAL = "central"
    INDEX = "index"


def migrate(engines: Engines, which: Which) -> None:
    """Run the migrations that are missing, in one transaction; several processes may call it at once."""
    config = _config(which)
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        _refuse_newer(connection, config, which)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    # On SQLite, statements take up to three times as long on a connection that made the schema as on one opened after it.
    engines.dispose()


def require_current(engines: Engines, which: Which) -> None:
    """Raise ConfigError unless the database has this program's schema."""
    config = _config(which)
    with engines.read.begin() as connection:
        _refuse_newer(connection, config, which)
        if _version(connection) != ScriptDirectory.from_config(config).get_current_head():
            raise ConfigError(f"The {which} database does not have this program's schema. Run: vms migrate")


def _refuse_newer(connection: Connection, config: Config, which: Which) -> None:
    version = _version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise ConfigError(
            f"The {which} database was migrated by a newer program (schema {version}). Install that version or restore a backup."
        )


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(which: Which) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS / which.value).replace("%", "%%"))
    # ConfigParser interpolates "%"; the separator keeps a data path with a space in it whole.
    config.set_main_option("path_separator", "os")
    return config

"""Readable dumps of the two schemas: `python -m vms.store.schema` renews the files that the tests hold current."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from sqlalchemy import text

from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, migrate

_ADDED_COLUMN = re.compile(r", (?=\w+ [A-Z]+ CONSTRAINT)")
_HEADER = "-- The {which} schema on SQLite, as the migrations make it. Renew with: python -m vms.store.schema\n"


def dump_path(which: Which) -> Path:
    return Path(__file__).parent / f"schema_{which}.sql"


def dump_schema(engines: Engines, which: Which) -> str:
    """Return every table, index and trigger of a SQLite database as SQL, tables in the order they were made."""
    query = text(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version' "
        "ORDER BY (SELECT min(rootpage) FROM sqlite_master AS t WHERE t.name = sqlite_master.tbl_name), type = 'table' DESC, name"
    )
    with engines.read.begin() as connection:
        statements = [str(row.sql) for row in connection.execute(query)]
    return _HEADER.format(which=which) + "".join(f"\n{_tidied(sql)};\n" for sql in statements)


def fresh_dump(which: Which) -> str:
    """Return the dump of a database that was just migrated from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        engines = make_engines(Path(folder) / "schema.db")
        try:
            migrate(engines, which)
            return dump_schema(engines, which)
        finally:
            engines.dispose()


def _tidied(sql: str) -> str:
    # SQLite keeps the statement as it was written, and puts an added column behind the last one on its line.
    sql = _ADDED_COLUMN.sub(",\n  ", sql) if sql.startswith("CREATE TABLE") else sql
    lines = [line.rstrip() for line in sql.strip().replace("\t", "  ").splitlines() if line.strip()]
    return "\n".join(lines).replace("\n WITHOUT ROWID", " WITHOUT ROWID")


if __name__ == "__main__":
    for each in Which:
        dump_path(each).write_text(fresh_dump(each), encoding="utf-8")

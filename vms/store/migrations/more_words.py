"""Let a column that takes one of some words take more of them, in the table as it is."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

_WORD = re.compile(r"'([a-z_-]+)'")


def allow(table: str, column: str, *words: str) -> None:
    """Add `words` behind those that the constraint `ck_TABLE_COLUMN` lists; nothing that is stored changes."""
    name = f"ck_{table}_{column}"
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        _on_sqlite(bind, table, column, name, words)
        return
    query = sa.text("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name")
    known = _WORD.findall(str(bind.scalar(query, {"name": name})))
    op.drop_constraint(op.f(name), table)
    op.create_check_constraint(op.f(name), table, f"{column} IN ({_listed([*known, *words])})")


def _on_sqlite(bind: sa.Connection, table: str, column: str, name: str, words: tuple[str, ...]) -> None:
    """Write the table's definition anew (sqlite.org/lang_altertable.html#otheralter): other tables refer to it, so it can't be replaced."""
    before = str(bind.scalar(sa.text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :name"), {"name": table}))
    constraint = re.compile(rf"(CONSTRAINT {name} CHECK \({column} IN \()([^)]*)\)")
    after, changed = constraint.subn(lambda one: f"{one[1]}{one[2]}, {_listed(words)})", before)
    if changed != 1:
        raise RuntimeError(f"the definition of {table} has no constraint {name} that could be widened: {before}")
    version = int(bind.scalar(sa.text("PRAGMA schema_version")) or 0)
    op.execute("PRAGMA writable_schema = ON")
    bind.execute(sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :name"), {"sql": after, "name": table})
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)

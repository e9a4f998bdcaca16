"""Let a column take one more word: what a CHECK says, changed where each database keeps it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from vms.errors import Corrupt


def change_check(table: str, name: str, before: str | Sequence[str], after: str) -> None:
    """Change the CHECK `name` of `table` to a wider condition, from the one or one of those that it may have had `before`."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table)
        op.create_check_constraint(op.f(name), table, after)
        return
    # As SQLite's manual says for what does not touch the rows (lang_altertable, section 7): other tables point to this one.
    connection = op.get_bind()
    schema_version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    schema = sa.table("sqlite_schema", sa.column("type"), sa.column("name"), sa.column("sql"))
    changed = 0
    for was in [before] if isinstance(before, str) else before:
        one = sa.and_(schema.c.type == "table", schema.c.name == table, schema.c.sql.contains(was))
        changed += connection.execute(sa.update(schema).where(one).values(sql=sa.func.replace(schema.c.sql, was, after))).rowcount
    if changed != 1:
        raise Corrupt(f"The table {table} is not as this program made it. Restore the database from a backup.")
    connection.exec_driver_sql(f"PRAGMA schema_version = {schema_version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")

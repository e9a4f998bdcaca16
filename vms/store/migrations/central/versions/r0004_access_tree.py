"""Make the access log a Merkle tree: each entry one text with a salt, tiles of hashes, and checkpoints.

Entries that are there keep their numbers; they become part of the tree with the first checkpoint. The statements repeat
`vms.store.central_tables` as it was at this revision.
"""

from __future__ import annotations

import json
import os

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
BATCH = 1000
OLD_COLUMNS = "origin, number, at, actor, actor_name, role, action, camera_id, purpose, span_start_at, span_end_at, view_id, detail"
COLUMNS = {
    "at": ("at", "bigint"),
    "actor": ("actor", ""),
    "action": ("action", ""),
    "camera_id": ("camera", "bigint"),
    "purpose": ("purpose", ""),
}
"""Key in the body, and what it is cast to."""


def upgrade() -> None:
    """Move logs and entries into new tables; what stands beside them is made anew."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _drop_guards(sqlite=sqlite)
    op.drop_index("ix_access_event_camera_id_number", "access_event")
    for table in ("access_log", "access_event"):
        op.rename_table(table, f"{table}_before")
        if not sqlite:
            op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{table}_before")
    _make_tables(sqlite=sqlite)
    _move_logs()
    _move_entries()
    for table in ("access_log", "access_event"):
        op.drop_table(f"{table}_before")
    _make_guards(sqlite=sqlite)


def _drop_guards(*, sqlite: bool) -> None:
    if sqlite:
        for verb in ("update", "delete", "replace"):
            op.execute(f"DROP TRIGGER access_event_no_{verb}")
    else:
        op.execute("DROP TRIGGER access_event_append_only ON access_event")
        op.execute("DROP TRIGGER access_event_no_truncate ON access_event")
        op.execute("DROP FUNCTION access_event_append_only()")


def _make_tables(*, sqlite: bool) -> None:
    op.create_table(
        "access_log",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("last_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="pk_access_log"),
    )
    op.create_table(
        "access_event",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        *(_told(column, key, cast, sqlite=sqlite) for column, (key, cast) in COLUMNS.items()),
        sa.PrimaryKeyConstraint("origin", "number", name="pk_access_event"),
        sa.CheckConstraint("number > 0", name=op.f("ck_access_event_number")),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_access_event_salt")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_event_camera_id_number", "access_event", ["camera_id", "number"])
    op.create_table(
        "access_tile",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "level", "number", name="pk_access_tile"),
    )
    op.create_table(
        "access_checkpoint",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("size", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", name="pk_access_checkpoint"),
    )


def _told(column: str, key: str, cast: str, *, sqlite: bool) -> sa.Column[object]:
    if sqlite:
        told = f"json_extract(body, '$.{key}')"
        told = f"CAST({told} AS {cast})" if cast else told
    else:
        told = f"((body)::jsonb ->> '{key}'::text)"
        told = f"({told})::{cast}" if cast else told
    kind = {"camera_id": NUMBER, "at": MOMENT}.get(column, sa.Text())
    return sa.Column(column, kind, sa.Computed(told, persisted=True), nullable=True)


def _move_logs() -> None:
    connection = op.get_bind()
    new = sa.text("INSERT INTO access_log (origin, name, last_number) VALUES (:origin, :name, :last_number)")
    for origin, last_number in connection.execute(sa.text("SELECT origin, last_number FROM access_log_before")).all():
        name = f"custodian/{os.urandom(8).hex()}/{origin}"
        connection.execute(new, {"origin": origin, "name": name, "last_number": last_number})


def _move_entries() -> None:
    connection = op.get_bind()
    behind = "WHERE (origin, number) > (:origin, :number) ORDER BY origin, number"
    old = sa.text(f"SELECT {OLD_COLUMNS} FROM access_event_before {behind} LIMIT {BATCH}")  # noqa: S608
    new = sa.text("INSERT INTO access_event (origin, number, salt, body) VALUES (:origin, :number, :salt, :body)")
    last = {"origin": "", "number": 0}
    while rows := connection.execute(old, last).mappings().all():
        entries = [{"origin": row["origin"], "number": row["number"], "salt": os.urandom(16), "body": _body(row)} for row in rows]
        connection.execute(new, entries)
        last = {"origin": rows[-1]["origin"], "number": rows[-1]["number"]}


def _body(row: sa.RowMapping) -> str:
    body = {
        "action": row["action"],
        "actor": row["actor"],
        "actor_name": row["actor_name"],
        "at": row["at"],
        "camera": None if row["camera_id"] is None else str(row["camera_id"]),
        "detail": {key: value.replace("\0", "\ufffd") for key, value in json.loads(row["detail"]).items()},
        "number": row["number"],
        "origin": row["origin"],
        "purpose": row["purpose"],
        "role": row["role"],
        "span": None if row["span_start_at"] is None else [row["span_start_at"], row["span_end_at"]],
        "view": row["view_id"],
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _make_guards(*, sqlite: bool) -> None:
    for table, key in (("access_event", "number"), ("access_checkpoint", "size")):
        for statement in _sqlite_guards(table, key) if sqlite else _postgresql_guards(table):
            op.execute(statement)


def _sqlite_guards(table: str, key: str) -> list[str]:
    moments = {
        "update": f"UPDATE ON {table}",
        "delete": f"DELETE ON {table}",
        "replace": f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE origin = NEW.origin AND {key} = NEW.{key})",  # noqa: S608
    }
    return [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {moment} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb, moment in moments.items()
    ]


def _postgresql_guards(table: str) -> list[str]:
    refuse = f"EXECUTE FUNCTION {table}_append_only()"
    return [
        f"""CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$""",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
    ]

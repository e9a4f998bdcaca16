"""Keep entries of the access log that only the holder of a matter's key can read; take checkpoints their row id on SQLite.

The statements repeat `vms.store.log_tables` as it was at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBERING = (
    "OLD.number IS NULL AND NEW.number IS NOT NULL AND NEW.origin = OLD.origin AND NEW.position = OLD.position "
    "AND NEW.matter = OLD.matter AND NEW.salt = OLD.salt AND NEW.sealed = OLD.sealed "
    "AND NOT EXISTS (SELECT 1 FROM access_sealed AS other WHERE other.origin = NEW.origin AND other.number = NEW.number)"
)
REFUSE = "access_sealed is append-only"
SAME = "origin = NEW.origin AND (position = NEW.position OR number = NEW.number)"


def upgrade() -> None:
    op.add_column("access_log", sa.Column("last_sealed", NUMBER, server_default=sa.text("0"), nullable=False))
    op.create_table(
        "access_sealed",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("position", NUMBER, nullable=False, autoincrement=False),
        sa.Column("number", NUMBER, nullable=True),
        sa.Column("matter", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "position", name="pk_access_sealed"),
        sa.UniqueConstraint("origin", "number", name=op.f("uq_access_sealed_origin_number")),
        sa.CheckConstraint("number > 0", name=op.f("ck_access_sealed_number")),
        sa.CheckConstraint("length(matter) = 16", name=op.f("ck_access_sealed_matter")),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_access_sealed_salt")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_sealed_matter_position", "access_sealed", ["matter", "position"])
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _on_sqlite("access_sealed", SAME, f" WHEN ({NUMBERING}) IS NOT TRUE") if sqlite else _on_postgresql():
        op.execute(statement)
    if sqlite:
        _move_checkpoints()


def _move_checkpoints() -> None:
    op.execute("ALTER TABLE access_checkpoint RENAME TO access_checkpoint_before")
    op.create_table(
        "access_checkpoint",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("size", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", name="pk_access_checkpoint"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO access_checkpoint SELECT origin, size, at, note FROM access_checkpoint_before")
    op.drop_table("access_checkpoint_before")  # with its triggers
    for statement in _on_sqlite("access_checkpoint", "origin = NEW.origin AND size = NEW.size"):
        op.execute(statement)


def _on_sqlite(table: str, same: str, unless: str = "") -> tuple[str, ...]:
    moments = {
        "update": f"UPDATE ON {table}{unless}",
        "delete": f"DELETE ON {table}",
        "replace": f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608
    }
    return tuple(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {moment} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb, moment in moments.items()
    )


def _on_postgresql() -> tuple[str, ...]:
    allow = f"IF TG_OP = 'UPDATE' THEN IF {NUMBERING} THEN RETURN NEW; END IF; END IF; "
    refuse = "EXECUTE FUNCTION access_sealed_append_only()"
    return (
        f"""CREATE FUNCTION access_sealed_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN {allow}RAISE EXCEPTION '{REFUSE}'; END $$""",
        f"CREATE TRIGGER access_sealed_append_only BEFORE UPDATE OR DELETE ON access_sealed FOR EACH ROW {refuse}",
        f"CREATE TRIGGER access_sealed_no_truncate BEFORE TRUNCATE ON access_sealed FOR EACH STATEMENT {refuse}",
    )

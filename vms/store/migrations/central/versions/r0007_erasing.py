"""Let the texts of old entries of the access log be erased, and nothing else of them; keep what a witness countersigns.

The statements repeat `vms.store.central_tables` as it was at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_ERASED = "(body IS NULL) = (erased_by IS NOT NULL) AND (salt IS NULL) = (body IS NULL)"
ERASING = (
    "NEW.origin = OLD.origin AND NEW.number = OLD.number AND OLD.body IS NOT NULL AND OLD.action IS DISTINCT FROM 'log:erase' "
    "AND NEW.salt IS NULL AND NEW.body IS NULL AND NEW.erased_by > OLD.number AND EXISTS (SELECT 1 FROM access_event AS told "
    "WHERE told.origin = OLD.origin AND told.number = NEW.erased_by AND told.action = 'log:erase')"
)
COLUMNS = {
    "at": "CAST(json_extract(body, '$.at') AS bigint)",
    "actor": "json_extract(body, '$.actor')",
    "action": "json_extract(body, '$.action')",
    "camera_id": "CAST(json_extract(body, '$.camera') AS bigint)",
    "purpose": "json_extract(body, '$.purpose')",
}


def upgrade() -> None:
    """Change the table where the database can; SQLite moves the entries into a new one."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        _alter()
    op.create_table(
        "access_cosignature",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("witness", sa.String(255), nullable=False),
        sa.Column("size", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "witness", "size", name="pk_access_cosignature"),
    )


def _rebuild() -> None:
    for verb in ("update", "delete", "replace"):
        op.execute(f"DROP TRIGGER access_event_no_{verb}")
    op.drop_index("ix_access_event_camera_id_number", "access_event")
    op.rename_table("access_event", "access_event_before")
    kinds = {"at": sa.BigInteger(), "camera_id": NUMBER}
    op.create_table(
        "access_event",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("erased_by", NUMBER, nullable=True),
        *(sa.Column(name, kinds.get(name, sa.Text()), sa.Computed(told, persisted=True), nullable=True) for name, told in COLUMNS.items()),
        sa.PrimaryKeyConstraint("origin", "number", name="pk_access_event"),
        sa.CheckConstraint("number > 0", name=op.f("ck_access_event_number")),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_access_event_salt")),
        sa.CheckConstraint(IS_ERASED, name=op.f("ck_access_event_erased")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_access_event_camera_id_number", "access_event", ["camera_id", "number"])
    op.execute("INSERT INTO access_event (origin, number, salt, body) SELECT origin, number, salt, body FROM access_event_before")
    op.drop_table("access_event_before")
    moments = {
        "update": f"UPDATE ON access_event WHEN ({ERASING}) IS NOT TRUE",
        "delete": "DELETE ON access_event",
        "replace": "INSERT ON access_event WHEN EXISTS (SELECT 1 FROM access_event WHERE origin = NEW.origin AND number = NEW.number)",
    }
    for verb, moment in moments.items():
        op.execute(f"CREATE TRIGGER access_event_no_{verb} BEFORE {moment} BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END")


def _alter() -> None:
    op.add_column("access_event", sa.Column("erased_by", NUMBER, nullable=True))
    for column in ("salt", "body"):
        op.alter_column("access_event", column, nullable=True)
    op.create_check_constraint(op.f("ck_access_event_erased"), "access_event", IS_ERASED)
    allow = f"IF TG_OP = 'UPDATE' THEN IF {ERASING} THEN RETURN NEW; END IF; END IF; "
    op.execute(
        f"""CREATE OR REPLACE FUNCTION access_event_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN {allow}RAISE EXCEPTION 'access_event is append-only'; END $$"""
    )

"""Let the node know how long footage is kept and what holds keep, and write down what it destroys.

The statements repeat `vms.store.retention_tables` as it was at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SAME = " AND ".join(
    f"NEW.{column} = OLD.{column}"
    for column in (
        *("number", "stream_id", "camera_id", "first_ms", "last_ms", "end_ms"),
        *("segments", "size_bytes", "keep_ms", "hold_seq", "condemned_ms"),
    )
)
REFUSE = "BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END"
CLOSES = f"OLD.position IS NULL AND NEW.position IS NOT NULL AND {SAME}"
THERE = "SELECT 1 FROM purge_log WHERE number = NEW.number OR position = NEW.position"
APPEND_ONLY = (
    f"CREATE TRIGGER purge_log_no_update BEFORE UPDATE ON purge_log WHEN ({CLOSES}) IS NOT TRUE {REFUSE}",
    f"CREATE TRIGGER purge_log_no_delete BEFORE DELETE ON purge_log {REFUSE}",
    # INSERT OR REPLACE deletes without firing the trigger above.
    f"CREATE TRIGGER purge_log_no_replace BEFORE INSERT ON purge_log WHEN EXISTS ({THERE}) {REFUSE}",
)


def upgrade() -> None:
    op.create_table(
        "stream_rule",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("keep_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("keep_ms > 0", name=op.f("ck_stream_rule_keep")),
        sa.PrimaryKeyConstraint("stream_id", name=op.f("pk_stream_rule")),
    )
    op.create_index(op.f("ix_stream_rule_camera_id"), "stream_rule", ["camera_id"])
    op.create_table(
        "hold_replica",
        sa.Column("camera_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("hold_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.CheckConstraint("end_ms > start_ms", name=op.f("ck_hold_replica_order")),
        sa.PrimaryKeyConstraint("camera_id", "hold_id", name=op.f("pk_hold_replica")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deletion_lease",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("hold_seq", sa.Integer(), nullable=True),
        sa.Column("boot_id", sa.String(64), nullable=False),
        sa.Column("uptime_ms", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_deletion_lease_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion_lease")),
    )
    op.create_table(
        "purge_log",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (
                *("stream_id", "camera_id", "first_ms", "last_ms", "end_ms"),
                *("segments", "size_bytes", "keep_ms", "hold_seq", "condemned_ms"),
            )
        ),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("erased_ms", sa.Integer(), nullable=True),
        sa.Column("root", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("last_ms >= first_ms AND segments > 0", name=op.f("ck_purge_log_batch")),
        sa.CheckConstraint(
            "(position IS NULL) = (hash IS NULL) AND (position IS NULL) = (erased_ms IS NULL)", name=op.f("ck_purge_log_closed")
        ),
        sa.CheckConstraint("(position IS NULL) = (root IS NULL)", name=op.f("ck_purge_log_root")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_purge_log")),
        sa.UniqueConstraint("position", name=op.f("uq_purge_log_position")),
    )
    op.create_index(op.f("ix_purge_log_stream_id_first_ms"), "purge_log", ["stream_id", "first_ms"])
    for statement in APPEND_ONLY:
        op.execute(statement)

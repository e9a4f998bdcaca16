"""Keep of a segment's start in ticks, and of the start of its run, only what its start in milliseconds does not say.

The statements repeat `vms.store.index_tables` as it was at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SAME = "duration, volume, size_bytes, state, flags"


def upgrade() -> None:
    """Write the table anew: SQLite drops no column that a CHECK names. In the order of its key, so that its pages are full."""
    op.drop_index("ix_segment_not_live", "segment")
    op.rename_table("segment", "segment_before")
    op.create_table(
        "segment",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_rest", sa.Integer(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("into_run_ms", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Integer(), sa.ForeignKey("volume.number", name="fk_segment_volume"), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_segment"),
        sa.CheckConstraint("duration > 0", name=op.f("ck_segment_duration")),
        sa.CheckConstraint("start_rest BETWEEN 0 AND 89", name=op.f("ck_segment_start")),
        sa.CheckConstraint("state IN (0, 2, 3)", name=op.f("ck_segment_state")),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO segment (stream_id, start_ms, start_rest, into_run_ms, {SAME}) "  # noqa: S608 - names of columns
        f"SELECT stream_id, start_ms, start_ticks - start_ms * 90, start_ms - run_start_ms, {SAME} FROM segment_before ORDER BY 1, 2"
    )
    op.drop_table("segment_before")
    op.create_index("ix_segment_not_live", "segment", ["stream_id", "start_ms"], sqlite_where=sa.text("state <> 0"))

"""Add the times of cameras whose footage passes have destroyed, or would have but for sealed holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the next pass writes into it what is gone by then."""
    op.create_table(
        "told_gone",
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("end_ms > start_ms", name=op.f("ck_told_gone_order")),
        sa.PrimaryKeyConstraint("camera_id", "start_ms", name=op.f("pk_told_gone")),
        sqlite_with_rowid=False,
    )

"""Add the priority by which cameras are recorded on when a disk is nearly full; those there are have the middle one."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column with its check in one statement, which SQLite takes without making the table anew."""
    op.execute(
        "ALTER TABLE camera ADD COLUMN priority VARCHAR(32) DEFAULT 'normal' NOT NULL "
        "CONSTRAINT ck_camera_priority CHECK (priority IN ('high', 'normal', 'low'))"
    )

"""Know of a second place for each segment that a hold keeps.

The statements repeat `vms.store.retention_tables` as it was at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "protected_place",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column(
            "volume", sa.Integer(), sa.ForeignKey("volume.number", name="fk_protected_place_volume"), nullable=False, autoincrement=False
        ),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", "volume", name=op.f("pk_protected_place")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_protected_place_volume", "protected_place", ["volume"])

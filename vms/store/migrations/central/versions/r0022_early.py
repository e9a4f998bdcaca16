"""Add to retention policies whether footage may go before its day when disks are full; nobody has said so yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("retention_policy", sa.Column("early", sa.Boolean(), nullable=True))

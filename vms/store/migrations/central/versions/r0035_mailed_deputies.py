"""Write down how a deputy was tried: until now by telephone alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("door_call", sa.Column("way", sa.String(32), server_default="phone", nullable=False))

"""Let a camera's recording be paused until a moment, with a reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the pause to the cameras."""
    op.add_column("camera", sa.Column("paused_until", sa.BigInteger(), nullable=True))
    op.add_column("camera", sa.Column("pause_reason", sa.Text(), nullable=True))

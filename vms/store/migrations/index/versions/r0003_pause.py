"""Let the node know until when a camera's recording is paused, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the pause to what is to be recorded."""
    op.add_column("stream_config", sa.Column("paused_until_ms", sa.Integer(), nullable=True))
    op.add_column("stream_config", sa.Column("pause_reason", sa.Text(), nullable=True))

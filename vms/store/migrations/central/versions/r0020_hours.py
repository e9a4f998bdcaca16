"""Add the weekly hours that a retention policy says, and the mode of cameras that are recorded in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vms.store.migrations.checks import change_check

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BEFORE = "recording_mode IN ('always', 'live_only', 'off')"
MODES = "recording_mode IN ('always', 'weekly', 'live_only', 'off')"


def upgrade() -> None:
    op.add_column("retention_policy", sa.Column("hours", sa.Text(), server_default="", nullable=False))
    change_check("camera", "ck_camera_recording_mode", BEFORE, MODES)

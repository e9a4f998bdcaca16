"""Let the node know in which hours of the week a camera is recorded, and say so of the time outside them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vms.store.migrations.checks import change_check

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MODES_BEFORE = "recording_mode IN ('always', 'live_only', 'off')"
MODES = "recording_mode IN ('always', 'weekly', 'live_only', 'off')"
REASONS = (
    "'offline', 'refused', 'silent', 'stalled', 'unsupported', 'disk_full', 'disk_slow', 'disk_error', 'recorder_stopped', "
    "'recorder_crashed', 'clock_step', 'stream_changed', 'paused', 'off'"
)


def upgrade() -> None:
    op.add_column("stream_config", sa.Column("hours", sa.Text(), server_default="", nullable=False))
    op.add_column("stream_config", sa.Column("timezone", sa.String(64), nullable=True))
    change_check("stream_config", "ck_stream_config_recording_mode", MODES_BEFORE, MODES)
    for table, column in (("run", "end_reason"), ("gap", "reason")):
        change_check(table, f"ck_{table}_{column}", f"{column} IN ({REASONS})", f"{column} IN ({REASONS}, 'outside_hours')")

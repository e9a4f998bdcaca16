"""Let footage go before its day when disks are full: from which age on, what went so, and why in the purge log.

The statements repeat `vms.store.retention_tables` as it was at this revision.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SAME = " AND ".join(
    f"NEW.{column} = OLD.{column}"
    for column in (
        *("number", "stream_id", "camera_id", "first_ms", "last_ms", "end_ms"),
        *("segments", "size_bytes", "keep_ms", "hold_seq", "condemned_ms", "reason"),
    )
)
CLOSES = f"OLD.position IS NULL AND NEW.position IS NOT NULL AND {SAME}"


def upgrade() -> None:
    """Add each column in one statement, which SQLite takes without making the table anew; nothing went early until now."""
    op.execute("ALTER TABLE stream_rule ADD COLUMN floor_ms INTEGER CONSTRAINT ck_stream_rule_floor CHECK (floor_ms >= 86400000)")
    op.execute("ALTER TABLE told_gone ADD COLUMN early BOOLEAN DEFAULT 0 NOT NULL")
    op.execute(
        "ALTER TABLE purge_log ADD COLUMN reason VARCHAR(32) DEFAULT 'window' NOT NULL "
        "CONSTRAINT ck_purge_log_reason CHECK (reason IN ('window', 'disk_full'))"
    )
    op.execute("DROP TRIGGER purge_log_no_update")
    op.execute(
        f"CREATE TRIGGER purge_log_no_update BEFORE UPDATE ON purge_log WHEN ({CLOSES}) IS NOT TRUE "
        "BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END"
    )

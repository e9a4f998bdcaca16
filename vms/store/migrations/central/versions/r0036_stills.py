"""Let requests be for stills within the district, and their history say that paper copies were taken away."""

from __future__ import annotations

from vms.store.migrations.more_words import allow

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("export_request", "instrument", "internal-stills")
    allow("request_event", "act", "removed")

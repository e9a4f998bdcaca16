"""Let the history of a request say that its redaction was planned, approved or sent back."""

from __future__ import annotations

from vms.store.migrations.more_words import allow

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow("request_event", "act", "redaction-plan", "redaction-approved", "redaction-back")

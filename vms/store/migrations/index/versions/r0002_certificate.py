"""Add the certificate that a camera is known by over rtsps; cameras that use it already have none until one is trusted."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column with its check in one statement, which SQLite takes without making the table anew."""
    op.execute(
        "ALTER TABLE stream_config ADD COLUMN certificate_sha256 BLOB "
        "CONSTRAINT ck_stream_config_certificate_sha256 CHECK (length(certificate_sha256) = 32)"
    )

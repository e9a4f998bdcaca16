"""Let the texts of sealed requests and of complaints lie encrypted; `plain_texts` encrypts those of before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("export_request", "request_scope", "request_paper", "request_event", "approval", "complaint"):
        op.add_column(table, sa.Column("texts", sa.LargeBinary(), nullable=True))
    op.add_column("complaint", sa.Column("answer_texts", sa.LargeBinary(), nullable=True))

"""Let who was handed a sealed request's package, and on what, lie encrypted; before, no package of one left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("package_release", "package_ticket", "package_download"):
        op.add_column(table, sa.Column("texts", sa.LargeBinary(), nullable=True))

"""Let the node know which holds nobody is to learn of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hold_replica", sa.Column("sealed", sa.Boolean(), server_default=sa.false(), nullable=False))

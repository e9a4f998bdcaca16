"""Add inquiries by the public form."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "inquiry",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("asked_by", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("agency", sa.String(200), nullable=False),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("happened", sa.Text(), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("when_said", sa.String(200), nullable=False),
        sa.Column("brings_paper", sa.Boolean(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("request_id", NUMBER, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(300), nullable=True),
        sa.Column("decided_by_name", sa.String(360), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("texts", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_inquiry"),
        sa.CheckConstraint("asked_by IN ('agency', 'person', 'other')", name=op.f("ck_inquiry_asked_by")),
        sa.CheckConstraint("decided_at IS NOT NULL OR request_id IS NULL AND reason = ''", name=op.f("ck_inquiry_decided")),
        sa.CheckConstraint("request_id IS NULL OR reason = ''", name=op.f("ck_inquiry_outcome")),
    )
    op.create_index("ix_inquiry_decided_at_at", "inquiry", ["decided_at", "at"])
    op.create_index("ix_inquiry_at", "inquiry", ["at"])

"""Add holds that the law makes secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "sealed_hold",
        sa.Column("hold_id", NUMBER, sa.ForeignKey("legal_hold.id", name="fk_sealed_hold_hold_id"), nullable=False, autoincrement=False),
        sa.Column("matter", sa.String(32), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("noted_seq", NUMBER, nullable=False),
        sa.Column("proposed_by", sa.String(300), nullable=True),
        sa.Column("proposed_by_name", sa.String(360), nullable=True),
        sa.Column("proposed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name="pk_sealed_hold"),
        sa.CheckConstraint("(proposed_at IS NULL) = (proposed_by IS NULL)", name=op.f("ck_sealed_hold_proposal")),
        sa.CheckConstraint("(proposed_at IS NULL) = (proposed_by_name IS NULL)", name=op.f("ck_sealed_hold_proposal_name")),
    )

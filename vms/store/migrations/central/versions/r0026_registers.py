"""Add the training register, approvals of where cameras look, and privacy reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "training",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("refers", sa.Boolean(), nullable=False),
        sa.Column("held_on", sa.String(10), nullable=False),
        sa.Column("entered_by", sa.String(300), nullable=False),
        sa.Column("entered_by_name", sa.String(360), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_training"),
    )
    op.create_index("ix_training_entered_at", "training", ["entered_at"])
    op.create_table(
        "placement",
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_placement_camera_id"), nullable=False, autoincrement=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.String(241), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("must_not_see", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.String(300), nullable=False),
        sa.Column("approved_by_name", sa.String(360), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", "approved_at", name="pk_placement"),
    )
    op.create_table(
        "privacy_review",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("evidence", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_privacy_review"),
    )
    op.create_index("ix_privacy_review_at", "privacy_review", ["at"])

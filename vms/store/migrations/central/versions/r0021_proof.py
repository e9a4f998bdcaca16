"""Add spot checks of what was deleted, what machines tell of a month, and the certificates of that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "spot_check",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_spot_check_camera_id"), nullable=False),
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_spot_check_node_id"), nullable=False),
        sa.Column("start_at", MOMENT, nullable=False),
        sa.Column("end_at", MOMENT, nullable=False),
        sa.Column("drawn", sa.Boolean(), nullable=False),
        sa.Column("asked_by", sa.String(300), nullable=False),
        sa.Column("asked_by_name", sa.String(360), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_spot_check"),
        sa.CheckConstraint("end_at > start_at", name=op.f("ck_spot_check_order")),
        sa.CheckConstraint("(answered_at IS NULL) = (proof IS NULL)", name=op.f("ck_spot_check_answered")),
    )
    op.create_index("ix_spot_check_asked_at", "spot_check", ["asked_at"])
    op.create_table(
        "purge_month",
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_purge_month_node_id"), nullable=False, autoincrement=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node_id", "month", name="pk_purge_month"),
    )
    op.create_table(
        "deletion_certificate",
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_deletion_certificate"),
    )

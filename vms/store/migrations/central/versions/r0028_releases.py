"""Add releases of packages: on which medium, by whom, to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "package_release",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("package_id", NUMBER, sa.ForeignKey("package.id", name="fk_package_release_package_id"), nullable=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("serial", sa.String(120), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("read_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_package_release"),
    )
    op.create_index("ix_package_release_request_id_at", "package_release", ["request_id", "at"])

"""Count tries to sign in in the database, and remember where people sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "sign_in_try",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("counted", NUMBER, nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_try"),
        sa.CheckConstraint("length(key) = 32", name=op.f("ck_sign_in_try_key")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sign_in_try_last_at", "sign_in_try", ["last_at"])
    op.create_table(
        "sign_in_place",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_place"),
        sa.CheckConstraint("length(key) = 32", name=op.f("ck_sign_in_place_key")),
        sqlite_with_rowid=False,
    )

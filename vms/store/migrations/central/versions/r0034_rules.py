"""Add a district's own rules per instrument, in versions, and by which version each request was last checked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "instrument_rules",
        sa.Column("version", NUMBER, nullable=False, autoincrement=False),
        sa.Column("based_on", NUMBER, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_instrument_rules"),
        sa.UniqueConstraint("version", "by", name="uq_instrument_rules_version_by"),
        sa.CheckConstraint("version >= 2 AND based_on >= 1 AND based_on < version", name=op.f("ck_instrument_rules_version")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_instrument_rules_sha256")),
    )
    op.create_table(
        "instrument_rules_approval",
        sa.Column("version", NUMBER, nullable=False, autoincrement=False),
        sa.Column("proposed_by", sa.String(300), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("proof", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_instrument_rules_approval"),
        sa.ForeignKeyConstraint(
            ["version", "proposed_by"], ["instrument_rules.version", "instrument_rules.by"], name="fk_instrument_rules_approval_proposed_by"
        ),
        sa.CheckConstraint('"by" <> proposed_by', name=op.f("ck_instrument_rules_approval_another")),
    )
    op.add_column("request_standing", sa.Column("rules_version", NUMBER, nullable=False, server_default="1"))

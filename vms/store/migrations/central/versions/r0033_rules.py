"""Add a district's own rules per instrument, by which version each request was last checked, and what passkeys signed of approvals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
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
    op.create_table(
        "approval_assertion",
        sa.Column(
            "approval_id",
            NUMBER,
            sa.ForeignKey("approval.id", name="fk_approval_assertion_approval_id"),
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("rp_id", sa.String(255), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("authenticator_data", sa.LargeBinary(), nullable=False),
        sa.Column("client_data", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("approval_id", name="pk_approval_assertion"),
        sa.CheckConstraint("length(nonce) = 16", name=op.f("ck_approval_assertion_nonce")),
    )
    op.create_index("ix_approval_assertion_request_id", "approval_assertion", ["request_id"])

"""Add passkeys, and the challenges that they are to sign."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "passkey",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_passkey_person_id"), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("rp_id", sa.String(253), nullable=False),
        sa.Column("sign_count", NUMBER, nullable=False),
        sa.Column("label", sa.String(120), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_passkey"),
        sa.UniqueConstraint("credential_id", name="uq_passkey_credential_id"),
        sa.CheckConstraint("length(credential_id) BETWEEN 16 AND 1023", name=op.f("ck_passkey_credential_id")),
    )
    op.create_index("ix_passkey_person_id", "passkey", ["person_id"])
    op.create_table(
        "challenge",
        sa.Column("holder_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ceremony", sa.String(32), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("holder_sha256", "ceremony", name="pk_challenge"),
        sa.CheckConstraint("length(holder_sha256) = 32", name=op.f("ck_challenge_holder")),
        sa.CheckConstraint("length(challenge) = 32", name=op.f("ck_challenge_challenge")),
        sa.CheckConstraint("ceremony IN ('register', 'sign-in', 'prove')", name=op.f("ck_challenge_ceremony")),
    )
    op.create_index("ix_challenge_ends_at", "challenge", ["ends_at"])

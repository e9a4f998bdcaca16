"""Add delegations, the Delegate's role lent for some days to an account that exists, and invitations of two halves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "delegation",
        sa.Column("id", NUMBER, sa.ForeignKey("proposal.id", name="fk_delegation_id"), nullable=False, autoincrement=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_delegation_person_id"), nullable=False),
        sa.Column("whole_district", sa.Boolean(), nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("granted_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_delegation_span")),
    )
    unended = sa.text("granted_at IS NOT NULL AND ended_at IS NULL")
    op.create_index("uq_delegation_person_id", "delegation", ["person_id"], unique=True, sqlite_where=unended, postgresql_where=unended)
    for place in ("branch", "area"):
        table = f"delegation_{place}"
        op.create_table(
            table,
            _reference(table, "delegation"),
            _reference(table, place),
            sa.PrimaryKeyConstraint("delegation_id", f"{place}_id", name=op.f(f"pk_{table}")),
        )
    op.add_column("invitation", sa.Column("first_sha256", sa.LargeBinary(), nullable=True))
    op.add_column("invitation", sa.Column("second_missing", sa.Boolean(), server_default=sa.false(), nullable=False))


def _reference(table: str, to: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{to}_id")
    return sa.Column(f"{to}_id", NUMBER, key, nullable=False, autoincrement=False)

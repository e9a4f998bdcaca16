"""Add emergency accesses, and under which one a view was opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "emergency",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_emergency_person_id"), nullable=False),
        sa.Column("session_id", NUMBER, sa.ForeignKey("session.id", name="fk_emergency_session_id"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("review_due_at", MOMENT, nullable=False),
        sa.Column("reminded_at", MOMENT, nullable=True),
        sa.Column("shown_to", sa.Text(), nullable=False),
        sa.Column("reviewed_by", NUMBER, sa.ForeignKey("person.id", name="fk_emergency_reviewed_by"), nullable=True),
        sa.Column("reviewed_at", MOMENT, nullable=True),
        sa.Column("was_for", sa.Text(), nullable=False),
        sa.Column("was_right", sa.Boolean(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=False),
        sa.Column("last_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency")),
        sa.CheckConstraint(
            "(reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (was_right IS NULL)",
            name=op.f("ck_emergency_review"),
        ),
        sa.CheckConstraint("reviewed_by <> person_id", name=op.f("ck_emergency_somebody_else")),
    )
    _index("uq_emergency_person_id", "emergency", "person_id", "closed_at IS NULL", unique=True)
    _index("ix_emergency_review_due_at", "emergency", "review_due_at", "reviewed_at IS NULL")
    op.create_index("ix_emergency_opened_at", "emergency", ["opened_at"])
    op.add_column("view", sa.Column("emergency_id", NUMBER, nullable=True))
    _index("ix_view_emergency_id", "view", "emergency_id", "emergency_id IS NOT NULL")


def _index(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, [column], unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))

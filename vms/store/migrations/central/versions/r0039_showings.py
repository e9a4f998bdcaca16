"""Add showings to outsiders at a screen, what views were opened in one, and the words that a request's history has for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vms.store.migrations.more_words import allow

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    allow("request_event", "act", "show", "shown")
    op.add_column("view", sa.Column("showing_id", NUMBER, nullable=True))
    _index("ix_view_showing_id", "view", "showing_id", "showing_id IS NOT NULL")
    op.create_table(
        "showing",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("approval_id", NUMBER, nullable=False),
        sa.Column("scope_version", NUMBER, nullable=False),
        sa.Column("entered_by", sa.String(300), nullable=False),
        sa.Column("viewer", sa.Text(), nullable=False),
        sa.Column("belongs", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("beside", sa.Text(), nullable=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_showing_person_id"), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by_name", sa.String(360), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_showing"),
        sa.ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_showing_approval",
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "entered_by"], ["export_request.id", "export_request.entered_by"], name="fk_showing_entered_by"
        ),
        sa.CheckConstraint('"by" <> entered_by', name=op.f("ck_showing_another")),
    )
    op.create_index("ix_showing_request_id_at", "showing", ["request_id", "at"])
    _index("uq_showing_person", "showing", "person_id", "ended_at IS NULL", unique=True)
    _index("uq_showing_request", "showing", "request_id", "ended_at IS NULL", unique=True)


def _index(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], unique=unique, sqlite_where=condition, postgresql_where=condition)

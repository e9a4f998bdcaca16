"""Add who stands in for the Director when a warrant is at the door, and the calls to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "deputy",
        sa.Column("place", NUMBER, nullable=False, autoincrement=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_deputy_person_id"), nullable=False),
        sa.Column("phone", sa.String(40), nullable=False),
        sa.Column("mail", sa.String(254), nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_deputy"),
        sa.UniqueConstraint("person_id", name="uq_deputy_person_id"),
    )
    op.create_table(
        "door_call",
        sa.Column(
            "request_id", NUMBER, sa.ForeignKey("export_request.id", name="fk_door_call_request_id"), nullable=False, autoincrement=False
        ),
        sa.Column("seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "seq", name="pk_door_call"),
    )

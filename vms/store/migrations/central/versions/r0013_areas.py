"""Add the areas that a person sees of branches that are not theirs as a whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "person_area",
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_person_area_person_id"), nullable=False, autoincrement=False),
        sa.Column("area_id", NUMBER, sa.ForeignKey("area.id", name="fk_person_area_area_id"), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("person_id", "area_id", name=op.f("pk_person_area")),
    )
    # Of a camera's area, for who sees no more of its branch.
    named = sa.text("area_id IS NOT NULL")
    op.create_index("ix_camera_area_id", "camera", ["area_id"], sqlite_where=named, postgresql_where=named)

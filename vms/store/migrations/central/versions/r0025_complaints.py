"""Add complaints and the cameras that they are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WAITS = sa.text("answered_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "complaint",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("way", sa.String(32), nullable=False),
        sa.Column("about", sa.String(32), nullable=False),
        sa.Column("about_person", NUMBER, sa.ForeignKey("person.id", name="fk_complaint_about_person"), nullable=True),
        sa.Column("about_name", sa.String(120), nullable=False),
        sa.Column("from_name", sa.String(120), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("start_at", MOMENT, nullable=True),
        sa.Column("end_at", MOMENT, nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("entered_by", sa.String(300), nullable=False),
        sa.Column("entered_by_name", sa.String(360), nullable=False),
        sa.Column("entered_at", MOMENT, nullable=False),
        sa.Column("hold_id", NUMBER, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.String(300), nullable=True),
        sa.Column("answered_by_name", sa.String(360), nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_complaint"),
        sa.CheckConstraint("way IN ('paper', 'mail', 'form')", name=op.f("ck_complaint_way")),
        sa.CheckConstraint("about IN ('practice', 'staff', 'director')", name=op.f("ck_complaint_about")),
        sa.CheckConstraint("(start_at IS NULL) = (end_at IS NULL) AND end_at > start_at", name=op.f("ck_complaint_time")),
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name=op.f("ck_complaint_answered")),
    )
    op.create_index("ix_complaint_answered_at_due_at", "complaint", ["answered_at", "due_at"])
    op.create_index("ix_complaint_due_at", "complaint", ["due_at"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_table(
        "complaint_camera",
        sa.Column(
            "complaint_id",
            NUMBER,
            sa.ForeignKey("complaint.id", name="fk_complaint_camera_complaint_id"),
            nullable=False,
            autoincrement=False,
        ),
        sa.Column(
            "camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_complaint_camera_camera_id"), nullable=False, autoincrement=False
        ),
        sa.PrimaryKeyConstraint("complaint_id", "camera_id", name="pk_complaint_camera"),
    )

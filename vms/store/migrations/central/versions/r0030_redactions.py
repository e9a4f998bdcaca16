"""Add redaction plans of requests, the review sheets of what was made by them, and who looked those over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "redaction_plan",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        *_of_request("redaction_plan"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_who("added_"),
        sa.PrimaryKeyConstraint("id", name="pk_redaction_plan"),
        sa.CheckConstraint("length(plan_sha256) = 64", name=op.f("ck_redaction_plan_plan_sha256")),
    )
    op.create_index("ix_redaction_plan_request_id", "redaction_plan", ["request_id"])
    op.create_table(
        "redaction_sheet",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        *_of_request("redaction_sheet"),
        sa.Column("camera_id", NUMBER, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_redaction_sheet"),
        sa.UniqueConstraint("request_id", "number", name="uq_redaction_sheet_request_id_number"),
    )
    op.create_table(
        "redaction_approval",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        *_of_request("redaction_approval"),
        *_who(),
        sa.PrimaryKeyConstraint("id", name="pk_redaction_approval"),
    )
    op.create_index("ix_redaction_approval_request_id", "redaction_approval", ["request_id"])


def _of_request(table: str) -> tuple[sa.Column[int], sa.Column[str], sa.Column[str]]:
    key = sa.ForeignKey("export_request.id", name=f"fk_{table}_request_id")
    return (
        sa.Column("request_id", NUMBER, key, nullable=False),
        sa.Column("scope_sha256", sa.String(64), nullable=False),
        sa.Column("plan_sha256", sa.String(64), nullable=False),
    )


def _who(what: str = "") -> tuple[sa.Column[str], sa.Column[str], sa.Column[int]]:
    return (
        sa.Column(f"{what}by", sa.String(300), nullable=False),
        sa.Column(f"{what}by_name", sa.String(360), nullable=False),
        sa.Column(f"{what}at", sa.BigInteger(), nullable=False),
    )

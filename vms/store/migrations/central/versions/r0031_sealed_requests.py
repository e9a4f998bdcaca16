"""Add requests that the law makes secret: whom each is named to, and when its seal was lifted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "sealed_request",
        _request("sealed_request"),
        sa.Column("matter", sa.String(32), nullable=False),
        sa.Column("lifted_on", sa.String(10), nullable=True),
        sa.Column("lifted_reason", sa.Text(), nullable=True),
        sa.Column("lifted_by", sa.String(300), nullable=True),
        sa.Column("lifted_by_name", sa.String(360), nullable=True),
        sa.Column("lifted_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("request_id", name="pk_sealed_request"),
        *(
            sa.CheckConstraint(f"(lifted_at IS NULL) = (lifted_{name} IS NULL)", name=op.f(f"ck_sealed_request_lifted_{name}"))
            for name in ("on", "reason", "by", "by_name")
        ),
    )
    person = sa.ForeignKey("person.id", name="fk_sealed_request_person_person_id")
    op.create_table(
        "sealed_request_person",
        _request("sealed_request_person"),
        sa.Column("person_id", NUMBER, person, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("request_id", "person_id", name="pk_sealed_request_person"),
    )


def _request(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("export_request.id", name=f"fk_{table}_request_id")
    return sa.Column("request_id", NUMBER, key, nullable=False, autoincrement=False)

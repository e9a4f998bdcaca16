"""Add the outbox of mail and the reviews of who watched. The statements repeat `vms.store.central_tables` as it was at this revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "mail",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("about", sa.String(120), nullable=False),
        sa.Column("recipient", sa.String(320), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attachment_name", sa.String(120), nullable=True),
        sa.Column("attachment", sa.Text(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("about", "recipient", name=op.f("uq_mail_about_recipient")),
        sa.CheckConstraint("(attachment_name IS NULL) = (attachment IS NULL)", name=op.f("ck_mail_attachment")),
    )
    op.create_index("ix_mail_next_try_at", "mail", ["next_try_at"])
    op.create_table(
        "review",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("about", sa.String(400), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(300), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("last_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_about_at", "review", ["about", "at"])
    op.create_index("ix_review_at", "review", ["at"])

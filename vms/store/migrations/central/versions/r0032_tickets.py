"""Add tickets for downloads of packages, the downloads, and what opens a package that lies encrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Of packages from before, which all are plain folders.
    op.add_column("package", sa.Column("identity", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    op.create_table(
        "package_ticket",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("package_id", NUMBER, sa.ForeignKey("package.id", name="fk_package_ticket_package_id"), nullable=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("release_id", NUMBER, sa.ForeignKey("package_release.id", name="fk_package_ticket_release_id"), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("most_downloads", NUMBER, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_package_ticket"),
        sa.UniqueConstraint("number", name="uq_package_ticket_number"),
        sa.CheckConstraint("most_downloads > 0", name=op.f("ck_package_ticket_most_downloads")),
    )
    op.create_index("ix_package_ticket_request_id_at", "package_ticket", ["request_id", "at"])
    op.create_table(
        "package_download",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("ticket_id", NUMBER, sa.ForeignKey("package_ticket.id", name="fk_package_download_ticket_id"), nullable=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("octets", NUMBER, nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_package_download"),
    )
    op.create_index("ix_package_download_ticket_id_at", "package_download", ["ticket_id", "at"])
    op.create_index("ix_package_download_request_id", "package_download", ["request_id"])

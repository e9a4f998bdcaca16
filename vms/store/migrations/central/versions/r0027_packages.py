"""Add packages of footage: asked for, made, gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "package",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("approval_id", NUMBER, nullable=False),
        sa.Column("scope_version", NUMBER, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("asked_by", sa.String(300), nullable=False),
        sa.Column("asked_by_name", sa.String(360), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", NUMBER, nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("manifest", sa.String(64), nullable=False),
        sa.Column("folder", sa.String(120), nullable=False),
        sa.Column("files", NUMBER, nullable=False),
        sa.Column("size_bytes", NUMBER, nullable=False),
        sa.Column("missing", NUMBER, nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'making', 'ready', 'failed', 'gone')", name=op.f("ck_package_state")),
        sa.CheckConstraint("state <> 'ready' OR length(manifest) = 64", name=op.f("ck_package_ready")),
        sa.ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_package_approval",
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "scope_version", "sha256"],
            ["request_scope.request_id", "request_scope.version", "request_scope.sha256"],
            name="fk_package_scope",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_package"),
    )
    op.create_index("ix_package_request_id", "package", ["request_id"])
    live = sa.text("state IN ('waiting', 'making', 'ready')")
    op.create_index("uq_package_live", "package", ["request_id"], unique=True, sqlite_where=live, postgresql_where=live)
    op.create_index("ix_package_state_asked_at", "package", ["state", "asked_at"])

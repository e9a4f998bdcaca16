"""Add enrolled screens, what a session remembers of the one it was opened at, and by which session a view was opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WORD = sa.String(32)
PROOFS = "proof IN ('password', 'totp', 'recovery', 'passkey', 'oidc', 'demo')"
KINDS = "kind IN ('ordinary', 'workstation', 'wall')"
PLACE = "kind = 'ordinary' OR screen_id IS NOT NULL"
KEPT = "id, person_id, token_sha256, proof, address, opened_at, proved_at, seen_at, ended_at"


def upgrade() -> None:
    """Make the table of screens; sessions that are there were opened at none, and their last request counts as made by hand."""
    op.create_table(
        "screen",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(360), nullable=False),
        sa.Column("branch_id", NUMBER, sa.ForeignKey("branch.id", name="fk_screen_branch_id"), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("code_ends_at", MOMENT, nullable=True),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("enrolled_at", MOMENT, nullable=True),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_screen"),
        sa.UniqueConstraint("code_sha256", name="uq_screen_code_sha256"),
        sa.UniqueConstraint("token_sha256", name="uq_screen_token_sha256"),
        sa.CheckConstraint("kind IN ('workstation', 'wall')", name=op.f("ck_screen_kind")),
        sa.CheckConstraint("length(code_sha256) = 32", name=op.f("ck_screen_code")),
        sa.CheckConstraint("length(token_sha256) = 32", name=op.f("ck_screen_token")),
        sa.CheckConstraint("(code_sha256 IS NULL) = (code_ends_at IS NULL)", name=op.f("ck_screen_code_ends")),
    )
    in_use = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_screen_branch_id_name_key", "screen", ["branch_id", "name_key"], unique=True, sqlite_where=in_use, postgresql_where=in_use
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        _alter()
    op.create_index("ix_session_screen_id", "session", ["screen_id"])
    op.add_column("view", sa.Column("session_id", NUMBER, nullable=True))
    op.create_index("ix_view_deadline_at", "view", ["deadline_at"])


def _rebuild() -> None:
    """SQLite adds no CHECK to a table that is there."""
    op.drop_index("ix_session_person_id", "session")
    op.rename_table("session", "session_before")
    op.create_table(
        "session",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_session_person_id"), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("proof", WORD, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("screen_id", NUMBER, sa.ForeignKey("screen.id", name="fk_session_screen_id"), nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("proved_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("acted_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("token_sha256", name="uq_session_token_sha256"),
        sa.CheckConstraint("length(token_sha256) = 32", name=op.f("ck_session_token")),
        sa.CheckConstraint(PROOFS, name=op.f("ck_session_proof")),
        sa.CheckConstraint(KINDS, name=op.f("ck_session_kind")),
        sa.CheckConstraint(PLACE, name=op.f("ck_session_place")),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])
    op.execute(f"INSERT INTO session ({KEPT}, kind, acted_at) SELECT {KEPT}, 'ordinary', seen_at FROM session_before")  # noqa: S608 - a constant
    op.drop_table("session_before")


def _alter() -> None:
    op.add_column("session", sa.Column("kind", WORD, nullable=True))
    op.add_column("session", sa.Column("screen_id", NUMBER, sa.ForeignKey("screen.id", name="fk_session_screen_id"), nullable=True))
    op.add_column("session", sa.Column("acted_at", MOMENT, nullable=True))
    op.execute("UPDATE session SET kind = 'ordinary', acted_at = seen_at")
    for column in ("kind", "acted_at"):
        op.alter_column("session", column, nullable=False)
    op.create_check_constraint(op.f("ck_session_kind"), "session", KINDS)
    op.create_check_constraint(op.f("ck_session_place"), "session", PLACE)

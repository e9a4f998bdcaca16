"""Add legal holds and until when nodes may destroy; let an act that waits for a second person be about something else than accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WORD = sa.String(32)
ACTS = "act IN ('person:confirm', 'person:reset', 'person:delegate', 'hold:release')"
"""Those of the next revision too: SQLite would have to make the table anew for one word more."""
KINDS = "kind IN ('provisional', 'preservation-letter', 'litigation', 'subpoena', 'incident', 'records-request')"
PROPOSAL = (
    "id, act, subject_id, reason, proposed_by, proposed_by_name, proposed_at, earliest_at, alone_at, announced_at, decision, decided_at"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_proposal()
    else:
        op.drop_constraint("fk_proposal_subject_id", "proposal")
        op.drop_constraint(op.f("ck_proposal_act"), "proposal")
        op.create_check_constraint(op.f("ck_proposal_act"), "proposal", ACTS)
    _make_holds()
    _make_cameras()
    _make_nodes()
    op.execute("INSERT INTO hold_clock (id, seq) VALUES (1, 0)")


def _rebuild_proposal() -> None:
    """SQLite changes no CHECK and drops no foreign key of a table that is there."""
    op.drop_index("uq_proposal_act_subject", "proposal")
    op.rename_table("proposal", "proposal_before")
    op.create_table(
        "proposal",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("act", WORD, nullable=False),
        sa.Column("subject_id", NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.String(300), nullable=False),
        sa.Column("proposed_by_name", sa.String(360), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("earliest_at", MOMENT, nullable=False),
        sa.Column("alone_at", MOMENT, nullable=True),
        sa.Column("announced_at", MOMENT, nullable=True),
        sa.Column("decision", WORD, nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
        sa.CheckConstraint(ACTS, name=op.f("ck_proposal_act")),
        sa.CheckConstraint("decision IN ('approved', 'stopped', 'alone')", name=op.f("ck_proposal_decision")),
    )
    op.execute(f"INSERT INTO proposal ({PROPOSAL}) SELECT {PROPOSAL} FROM proposal_before")  # noqa: S608 - the constant above
    op.drop_table("proposal_before")
    op.create_index("uq_proposal_act_subject", "proposal", ["act", "subject_id"], unique=True, sqlite_where=sa.text("decision IS NULL"))


def _make_holds() -> None:
    op.create_table(
        "hold_clock",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hold_clock"),
        sa.CheckConstraint("id = 1", name=op.f("ck_hold_clock_one")),
        sa.CheckConstraint("seq >= 0", name=op.f("ck_hold_clock_seq")),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("matter", sa.String(120), nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("start_ms", NUMBER, nullable=False),
        sa.Column("end_ms", NUMBER, nullable=True),
        sa.Column("review_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("placed_by", sa.String(300), nullable=False),
        sa.Column("placed_by_name", sa.String(360), nullable=False),
        sa.Column("placed_at", MOMENT, nullable=False),
        sa.Column("ending_at", MOMENT, nullable=True),
        sa.Column("ending_by", sa.String(300), nullable=True),
        sa.Column("ending_by_name", sa.String(360), nullable=True),
        sa.Column("ending_reason", sa.Text(), nullable=True),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.Column("released_by", sa.String(300), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_legal_hold"),
        sa.CheckConstraint(KINDS, name=op.f("ck_legal_hold_kind")),
        sa.CheckConstraint("end_ms > start_ms", name=op.f("ck_legal_hold_order")),
        sa.CheckConstraint("expires_at IS NULL OR kind = 'provisional'", name=op.f("ck_legal_hold_expiry")),
        sa.CheckConstraint("(ending_at IS NULL) = (ending_by IS NULL)", name=op.f("ck_legal_hold_ending")),
        sa.CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name=op.f("ck_legal_hold_release")),
    )
    unreleased = sa.text("released_at IS NULL")
    op.create_index("ix_legal_hold_ending_at", "legal_hold", ["ending_at"], sqlite_where=unreleased, postgresql_where=unreleased)
    op.create_index("ix_legal_hold_placed_at", "legal_hold", ["placed_at"])
    op.create_table(
        "hold_scope",
        sa.Column("hold_id", NUMBER, sa.ForeignKey("legal_hold.id", name="fk_hold_scope_hold_id"), nullable=False, autoincrement=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("subject_id", NUMBER, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("hold_id", "kind", "subject_id", name="pk_hold_scope"),
        sa.CheckConstraint("kind IN ('camera', 'area', 'branch')", name=op.f("ck_hold_scope_kind")),
    )
    op.create_index("ix_hold_scope_kind_subject_id", "hold_scope", ["kind", "subject_id"])


def _make_cameras() -> None:
    op.create_table(
        "hold_camera",
        sa.Column("hold_id", NUMBER, sa.ForeignKey("legal_hold.id", name="fk_hold_camera_hold_id"), nullable=False, autoincrement=False),
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_hold_camera_camera_id"), nullable=False, autoincrement=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("released_seq", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("hold_id", "camera_id", name="pk_hold_camera"),
        sa.UniqueConstraint("seq", name="uq_hold_camera_seq"),
        sa.UniqueConstraint("released_seq", name="uq_hold_camera_released_seq"),
        sa.CheckConstraint("released_seq > seq", name=op.f("ck_hold_camera_order")),
    )
    op.create_index("ix_hold_camera_camera_id", "hold_camera", ["camera_id"])
    op.create_table(
        "hold_answer",
        sa.Column("hold_id", NUMBER, sa.ForeignKey("legal_hold.id", name="fk_hold_answer_hold_id"), nullable=False, autoincrement=False),
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_hold_answer_camera_id"), nullable=False, autoincrement=False),
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_hold_answer_node_id"), nullable=False, autoincrement=False),
        sa.Column("applied_seq", NUMBER, nullable=False),
        sa.Column("kept_segments", NUMBER, nullable=False),
        sa.Column("kept_bytes", NUMBER, nullable=False),
        sa.Column("first_ms", NUMBER, nullable=True),
        sa.Column("last_ms", NUMBER, nullable=True),
        sa.Column("condemned_segments", NUMBER, nullable=False),
        sa.Column("purged_segments", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "camera_id", "node_id", name="pk_hold_answer"),
    )


def _make_nodes() -> None:
    op.create_table(
        "deletion_lease",
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_deletion_lease_node_id"), nullable=False, autoincrement=False),
        sa.Column("hold_seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("until_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("node_id", "hold_seq", name="pk_deletion_lease"),
    )
    op.create_table(
        "node_hold_state",
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_node_hold_state_node_id"), nullable=False, autoincrement=False),
        sa.Column("given_seq", NUMBER, nullable=False),
        sa.Column("applied_seq", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("node_id", name="pk_node_hold_state"),
    )

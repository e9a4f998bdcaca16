"""Add the roles of a larger district, accounts that end, second factors, invitations, proposals, and one more purpose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WORD = sa.String(32)
ROLES = "role IN ('desk', 'supervisor', 'branch-manager', 'director', 'delegate', 'counsel', 'it', 'auditor')"
PROOFS = "proof IN ('password', 'totp', 'recovery', 'passkey', 'oidc', 'demo')"
PURPOSES = "purpose IN ('live', 'live-incident', 'incident', 'maintenance', 'request')"
VIEW_COLUMNS = "id, actor, camera_id, purpose, span_start_at, span_end_at, opened_at, deadline_at, closed_at"
CONSOLE = "os:console"
"""Who proposed the accounts that wait: their `person:add` entries say it exactly."""


def upgrade() -> None:
    """Grow person and session, and add the tables beside them."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        _alter()
    _make_factors()
    _make_proposals()
    _widen_purposes()


def _rebuild() -> None:
    """SQLite changes no CHECK of a table that is there; whoever refers to the old table is made anew with it."""
    op.drop_index("ix_session_person_id", "session")
    for table in ("person", "person_branch", "session"):
        op.rename_table(table, f"{table}_before")
    op.create_table(
        "person",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(360), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("whole_district", sa.Boolean(), nullable=False),
        sa.Column("firm", sa.String(120), nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("first_signed_in_at", MOMENT, nullable=True),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("name_key", name="uq_person_name_key"),
        sa.CheckConstraint(ROLES, name=op.f("ck_person_role")),
    )
    op.create_table(
        "person_branch",
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_person_branch_person_id"), nullable=False, autoincrement=False),
        sa.Column("branch_id", NUMBER, sa.ForeignKey("branch.id", name="fk_person_branch_branch_id"), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("person_id", "branch_id", name="pk_person_branch"),
    )
    op.create_table(
        "session",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_session_person_id"), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("proof", WORD, nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("proved_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("token_sha256", name="uq_session_token_sha256"),
        sa.CheckConstraint("length(token_sha256) = 32", name=op.f("ck_session_token")),
        sa.CheckConstraint(PROOFS, name=op.f("ck_session_proof")),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])
    op.execute(
        """INSERT INTO person (id, name, name_key, role, whole_district, firm, password_hash, created_at, confirmed_at,
        first_signed_in_at, disabled_at) SELECT id, name, name_key, role, whole_district, '', password_hash, created_at,
        confirmed_at, first_signed_in_at, disabled_at FROM person_before"""
    )
    op.execute("INSERT INTO person_branch (person_id, branch_id) SELECT person_id, branch_id FROM person_branch_before")
    op.execute(
        """INSERT INTO session (id, person_id, token_sha256, proof, address, opened_at, proved_at, seen_at, ended_at)
        SELECT id, person_id, token_sha256, 'password', '', opened_at, opened_at, seen_at, ended_at FROM session_before"""
    )
    for table in ("session", "person_branch", "person"):
        op.drop_table(f"{table}_before")


def _alter() -> None:
    op.drop_constraint(op.f("ck_person_role"), "person")
    op.create_check_constraint(op.f("ck_person_role"), "person", ROLES)
    op.add_column("person", sa.Column("firm", sa.String(120), nullable=True))
    op.add_column("person", sa.Column("ends_at", MOMENT, nullable=True))
    op.execute("UPDATE person SET firm = ''")
    for column in ("proof", "address", "proved_at"):
        kind = {"proof": WORD, "address": sa.String(64)}.get(column, MOMENT)
        op.add_column("session", sa.Column(column, kind, nullable=True))
    op.execute("UPDATE session SET proof = 'password', address = '', proved_at = opened_at")
    for table, columns in {"person": ("firm",), "session": ("proof", "address", "proved_at")}.items():
        for column in columns:
            op.alter_column(table, column, nullable=False)
    op.create_check_constraint(op.f("ck_session_proof"), "session", PROOFS)


def _make_factors() -> None:
    op.create_table(
        "totp",
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_totp_person_id"), nullable=False, autoincrement=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("last_step", NUMBER, nullable=False),
        sa.Column("session_id", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_totp"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_recovery_code_person_id"), nullable=False, autoincrement=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("person_id", "code_sha256", name="pk_recovery_code"),
        sa.CheckConstraint("length(code_sha256) = 32", name=op.f("ck_recovery_code_code")),
    )
    op.create_table(
        "invitation",
        sa.Column("person_id", NUMBER, sa.ForeignKey("person.id", name="fk_invitation_person_id"), nullable=False, autoincrement=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_invitation"),
        sa.CheckConstraint("length(code_sha256) = 32", name=op.f("ck_invitation_code")),
    )


def _make_proposals() -> None:
    """Accounts that wait for the Director become proposals, with the number of the account."""
    op.create_table(
        "proposal",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("act", WORD, nullable=False),
        sa.Column("subject_id", NUMBER, sa.ForeignKey("person.id", name="fk_proposal_subject_id"), nullable=False),
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
        sa.CheckConstraint("act IN ('person:confirm', 'person:reset')", name=op.f("ck_proposal_act")),
        sa.CheckConstraint("decision IN ('approved', 'stopped', 'alone')", name=op.f("ck_proposal_decision")),
    )
    still_open = sa.text("decision IS NULL")
    op.create_index(
        "uq_proposal_act_subject", "proposal", ["act", "subject_id"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.execute(
        f"""INSERT INTO proposal (id, act, subject_id, reason, proposed_by, proposed_by_name, proposed_at, earliest_at)
        SELECT id, 'person:confirm', id, '', '{CONSOLE}', 'console', created_at, created_at FROM person
        WHERE confirmed_at IS NULL AND disabled_at IS NULL"""  # noqa: S608 - the constant above
    )


def _widen_purposes() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_view_purpose"), "view")
        op.create_check_constraint(op.f("ck_view_purpose"), "view", PURPOSES)
        return
    op.rename_table("view", "view_before")
    op.create_table(
        "view",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_view_camera_id"), nullable=False),
        sa.Column("purpose", WORD, nullable=False),
        sa.Column("span_start_at", MOMENT, nullable=True),
        sa.Column("span_end_at", MOMENT, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("deadline_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_view"),
        sa.CheckConstraint(PURPOSES, name=op.f("ck_view_purpose")),
        sa.CheckConstraint("(span_start_at IS NULL) = (span_end_at IS NULL)", name=op.f("ck_view_span")),
    )
    op.execute(f"INSERT INTO view ({VIEW_COLUMNS}) SELECT {VIEW_COLUMNS} FROM view_before")  # noqa: S608 - the constant above
    op.drop_table("view_before")

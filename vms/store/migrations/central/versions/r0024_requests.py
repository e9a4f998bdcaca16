"""Add requests for footage: what they ask for, their papers and history, approvals, and how they stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WORD = sa.String(32)
INSTRUMENTS = (
    "instrument IN ('subpoena', 'search-warrant', 'court-order', 'civil-discovery', 'national-security-letter', 'agency-request', "
    "'public-records', 'subject-access', 'insurer', 'preservation-letter', 'library-report')"
)
ACTS = (
    "act IN ('submit', 'review', 'paper', 'verify', 'scope', 'ask', 'answer', 'check', 'confer', 'not-conferred', 'counsel', 'advice', "
    "'contest', 'narrow', 'approve', 'void', 'deny', 'withdraw', 'expire', 'revoke', 'reopen', 'advance', 'close')"
)
STATES = (
    "'submitted', 'needs_info', 'under_review', 'counsel_review', 'contested', 'narrowed', 'approved', 'denied', 'withdrawn', 'expired', "
    "'preparing', 'partially_available', 'footage_unavailable', 'redacting', 'ready', 'disclosed', 'revoked_before_disclosure', 'closed'"
)
LINES = "line IN ('court', 'good-cause', 'signature', 'names-district', 'scope', 'date', 'in-force', 'service')"
APPROVED = "state NOT IN ('approved', 'preparing', 'partially_available', 'redacting', 'ready', 'disclosed') OR approval_id IS NOT NULL"

ASKED = 'SELECT 1 FROM request_event WHERE request_id = NEW.request_id AND act = \'scope\' AND "by" = NEW."by"'
NOT_THEIRS = "who lets a request ask for something else does not approve it"


def upgrade() -> None:
    _make_requests()
    _make_what_is_added()
    _make_approvals()
    _refuse_approvals_by_who_asked()
    op.create_table(
        "request_hold",
        _of_request("request_hold"),
        sa.Column("hold_id", NUMBER, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("request_id", "hold_id", name="pk_request_hold"),
    )


def _make_requests() -> None:
    texts = ("requester", "agency", "badge", "contact", "court", "docket")
    more = ("report_number", "purpose", "necessity")
    op.create_table(
        "export_request",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("instrument", WORD, nullable=False),
        sa.Column("rules_version", NUMBER, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("served_on", sa.String(10), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in more),
        sa.Column("due_at", MOMENT, nullable=False),
        *_who("entered_"),
        sa.Column("matter", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_export_request"),
        sa.CheckConstraint(INSTRUMENTS, name=op.f("ck_export_request_instrument")),
        sa.UniqueConstraint("number", name="uq_export_request_number"),
        sa.UniqueConstraint("id", "entered_by", name="uq_export_request_id_entered_by"),
    )
    op.create_index("ix_export_request_entered_at", "export_request", ["entered_at"])
    op.create_table(
        "request_scope",
        _of_request("request_scope"),
        sa.Column("version", NUMBER, nullable=False, autoincrement=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "version", name="pk_request_scope"),
        sa.UniqueConstraint("request_id", "version", "sha256", name="uq_request_scope_request_id_version_sha256"),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_request_scope_sha256")),
    )
    camera = sa.ForeignKey("camera.id", name="fk_request_camera_camera_id")
    op.create_table(
        "request_camera",
        _of_request("request_camera"),
        sa.Column("camera_id", NUMBER, camera, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("request_id", "camera_id", name="pk_request_camera"),
    )
    op.create_index("ix_request_camera_camera_id", "request_camera", ["camera_id"])


def _make_what_is_added() -> None:
    op.create_table(
        "request_paper",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("request_id", NUMBER, sa.ForeignKey("export_request.id", name="fk_request_paper_request_id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size_bytes", NUMBER, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_who("added_"),
        sa.PrimaryKeyConstraint("id", name="pk_request_paper"),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_request_paper_sha256")),
    )
    op.create_index("ix_request_paper_request_id", "request_paper", ["request_id"])
    op.create_table(
        "request_event",
        _of_request("request_event"),
        sa.Column("seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("act", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("line", WORD, nullable=True),
        sa.Column("answer", WORD, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        *_who(),
        sa.PrimaryKeyConstraint("request_id", "seq", name="pk_request_event"),
        sa.CheckConstraint(ACTS, name=op.f("ck_request_event_act")),
        sa.CheckConstraint(f"state IN ('draft', {STATES})", name=op.f("ck_request_event_state")),
        sa.CheckConstraint(LINES, name=op.f("ck_request_event_line")),
        sa.CheckConstraint("answer IN ('yes', 'no', 'not-needed')", name=op.f("ck_request_event_answer")),
        sa.CheckConstraint("(line IS NULL) = (answer IS NULL)", name=op.f("ck_request_event_check")),
        sa.CheckConstraint("sealed IS NULL OR words = ''", name=op.f("ck_request_event_privileged")),
    )


def _make_approvals() -> None:
    op.create_table(
        "approval",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("request_id", NUMBER, nullable=False),
        sa.Column("entered_by", sa.String(300), nullable=False),
        sa.Column("scope_version", NUMBER, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("delegation_id", NUMBER, nullable=True),
        sa.Column("proof", WORD, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
        sa.ForeignKeyConstraint(
            ["request_id", "entered_by"], ["export_request.id", "export_request.entered_by"], name="fk_approval_entered_by"
        ),
        sa.ForeignKeyConstraint(
            ["request_id", "scope_version", "sha256"],
            ["request_scope.request_id", "request_scope.version", "request_scope.sha256"],
            name="fk_approval_scope",
        ),
        sa.CheckConstraint('"by" <> entered_by', name=op.f("ck_approval_another")),
        sa.UniqueConstraint("id", "request_id", "scope_version", name="uq_approval_id_request_id_scope_version"),
    )
    op.create_index("ix_approval_request_id", "approval", ["request_id"])
    op.create_table(
        "request_standing",
        _of_request("request_standing"),
        sa.Column("state", WORD, nullable=False),
        sa.Column("since_at", MOMENT, nullable=False),
        sa.Column("scope_version", NUMBER, nullable=False),
        sa.Column("approval_id", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("request_id", name="pk_request_standing"),
        sa.ForeignKeyConstraint(
            ["request_id", "scope_version"], ["request_scope.request_id", "request_scope.version"], name="fk_request_standing_scope"
        ),
        sa.ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_request_standing_approval",
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_request_standing_state")),
        sa.CheckConstraint(APPROVED, name=op.f("ck_request_standing_approved")),
    )
    op.create_index("ix_request_standing_state_since_at", "request_standing", ["state", "since_at"])


def _refuse_approvals_by_who_asked() -> None:
    """Have the database refuse what no foreign key can: an approval by anybody who ever let the request ask for something else."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval WHEN EXISTS ({ASKED}) "
            f"BEGIN SELECT RAISE(ABORT, '{NOT_THEIRS}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION approval_not_by_asker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS ({ASKED}) THEN RAISE EXCEPTION '{NOT_THEIRS}' USING ERRCODE = 'check_violation'; END IF; RETURN NEW; END $$"
    )
    op.execute("CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION approval_not_by_asker()")


def _of_request(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("export_request.id", name=f"fk_{table}_request_id")
    return sa.Column("request_id", NUMBER, key, nullable=False, autoincrement=False)


def _who(what: str = "") -> tuple[sa.Column[str], sa.Column[str], sa.Column[int]]:
    return (
        sa.Column(f"{what}by", sa.String(300), nullable=False),
        sa.Column(f"{what}by_name", sa.String(360), nullable=False),
        sa.Column(f"{what}at", MOMENT, nullable=False),
    )

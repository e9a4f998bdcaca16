"""Let the history of a request say that its redaction was planned, approved or sent back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.String(32)
ACTS = (
    "act IN ('submit', 'review', 'paper', 'verify', 'scope', 'ask', 'answer', 'check', 'confer', 'not-conferred', 'counsel', 'advice', "
    "'contest', 'narrow', 'approve', 'void', 'deny', 'withdraw', 'expire', 'revoke', 'reopen', 'advance', 'redaction-plan', "
    "'redaction-approved', 'redaction-back', 'close')"
)
STATES = (
    "state IN ('draft', 'submitted', 'needs_info', 'under_review', 'counsel_review', 'contested', 'narrowed', 'approved', 'denied', "
    "'withdrawn', 'expired', 'preparing', 'partially_available', 'footage_unavailable', 'redacting', 'ready', 'disclosed', "
    "'revoked_before_disclosure', 'closed')"
)
LINES = "line IN ('court', 'good-cause', 'signature', 'names-district', 'scope', 'date', 'in-force', 'service')"
ASKED = 'SELECT 1 FROM request_event WHERE request_id = NEW.request_id AND act = \'scope\' AND "by" = NEW."by"'
NOT_THEIRS = "who lets a request ask for something else does not approve it"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint("ck_request_event_act", "request_event")
        op.create_check_constraint(op.f("ck_request_event_act"), "request_event", ACTS)


def _make_anew() -> None:
    """SQLite changes no CHECK of a table that is there, and renames one along with what its triggers say of it."""
    op.execute("DROP TRIGGER approval_not_by_asker")
    op.rename_table("request_event", "request_event_before")
    request = sa.ForeignKey("export_request.id", name="fk_request_event_request_id")
    op.create_table(
        "request_event",
        sa.Column("request_id", NUMBER, request, nullable=False, autoincrement=False),
        sa.Column("seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("act", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("line", WORD, nullable=True),
        sa.Column("answer", WORD, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "seq", name="pk_request_event"),
        sa.CheckConstraint(ACTS, name=op.f("ck_request_event_act")),
        sa.CheckConstraint(STATES, name=op.f("ck_request_event_state")),
        sa.CheckConstraint(LINES, name=op.f("ck_request_event_line")),
        sa.CheckConstraint("answer IN ('yes', 'no', 'not-needed')", name=op.f("ck_request_event_answer")),
        sa.CheckConstraint("(line IS NULL) = (answer IS NULL)", name=op.f("ck_request_event_check")),
        sa.CheckConstraint("sealed IS NULL OR words = ''", name=op.f("ck_request_event_privileged")),
    )
    columns = 'request_id, seq, act, state, words, line, answer, sealed, "by", by_name, at'
    op.execute(f"INSERT INTO request_event ({columns}) SELECT {columns} FROM request_event_before")  # noqa: S608 - our own names
    op.drop_table("request_event_before")
    op.execute(
        f"CREATE TRIGGER approval_not_by_asker BEFORE INSERT ON approval WHEN EXISTS ({ASKED}) "
        f"BEGIN SELECT RAISE(ABORT, '{NOT_THEIRS}'); END"
    )

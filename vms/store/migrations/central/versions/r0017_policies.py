"""Add retention policies, the district's days among them, and let an act that waits for a second person be about one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vms.store.migrations.checks import change_check

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
WORD = sa.String(32)
BEFORE = (
    "act IN ('person:confirm', 'person:reset', 'person:delegate', 'hold:release')",
    "act IN ('person:confirm', 'person:reset', 'hold:release')",  # as revision 0015 was, before it took over the word of 0016
)
ACTS = "act IN ('person:confirm', 'person:reset', 'person:delegate', 'hold:release', 'policy:lower')"
WHOLE = "place <> 'district' OR (min_days IS NOT NULL AND target_days IS NOT NULL AND max_days IS NOT NULL)"
BY = "system:migration"
NOW_US = {"sqlite": "unixepoch() * 1000000", "postgresql": "(extract(epoch FROM now()) * 1000000)::bigint"}


def upgrade() -> None:
    change_check("proposal", "ck_proposal_act", BEFORE, ACTS)
    _make_tables()
    _take_over_the_days()


def _make_tables() -> None:
    op.create_table(
        "retention_policy",
        sa.Column("version", NUMBER, nullable=False, autoincrement=False),
        sa.Column("place", WORD, nullable=False),
        sa.Column("place_id", NUMBER, nullable=False),
        sa.Column("min_days", sa.Integer(), nullable=True),
        sa.Column("target_days", sa.Integer(), nullable=True),
        sa.Column("max_days", sa.Integer(), nullable=True),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("public_text", sa.Text(), nullable=False),
        sa.Column("review_at", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(300), nullable=False),
        sa.Column("made_by_name", sa.String(360), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_retention_policy"),
        sa.CheckConstraint("place IN ('district', 'branch', 'area', 'camera')", name=op.f("ck_retention_policy_place")),
        sa.CheckConstraint("(place = 'district') = (place_id = 0)", name=op.f("ck_retention_policy_place_id")),
        sa.CheckConstraint(WHOLE, name=op.f("ck_retention_policy_whole")),
        sa.CheckConstraint("min_days >= 0 AND target_days >= 1 AND max_days >= 1", name=op.f("ck_retention_policy_days")),
        sa.CheckConstraint(
            "min_days <= target_days AND target_days <= max_days AND min_days <= max_days", name=op.f("ck_retention_policy_order")
        ),
    )
    op.create_index("ix_retention_policy_place_place_id", "retention_policy", ["place", "place_id"])
    op.create_table(
        "policy_force",
        _version("policy_force"),
        sa.Column("seq", NUMBER, nullable=False),
        *_who(),
        sa.PrimaryKeyConstraint("version", name="pk_policy_force"),
        sa.UniqueConstraint("seq", name="uq_policy_force_seq"),
    )
    op.create_table("policy_approval", _version("policy_approval"), *_who(), sa.PrimaryKeyConstraint("version", name="pk_policy_approval"))


def _version(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("retention_policy.version", name=f"fk_{table}_version")
    return sa.Column("version", NUMBER, key, nullable=False, autoincrement=False)


def _who() -> tuple[sa.Column[int], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("by", sa.String(300), nullable=False),
        sa.Column("by_name", sa.String(360), nullable=False),
    )


def _take_over_the_days() -> None:
    """Make the days that the district was set up with its first policy, and forget them where they stood."""
    connection = op.get_bind()
    now = NOW_US[connection.dialect.name]
    days = connection.execute(sa.text("SELECT value FROM setting WHERE key = 'district.days'")).scalar()
    if days is None:
        return
    connection.execute(sa.text("UPDATE hold_clock SET seq = seq + 1"))
    connection.execute(
        sa.text(
            "INSERT INTO retention_policy (version, place, place_id, min_days, target_days, max_days, legal_basis, public_text, reason,"  # noqa: S608
            " made_by, made_by_name, made_at)"
            f" VALUES (1, 'district', 0, 0, :days, :most, '', '', 'The days the district was set up with.', '{BY}', 'migration', {now})"
        ),
        {"days": int(days), "most": max(30, int(days))},
    )
    connection.execute(
        sa.text(
            'INSERT INTO policy_force (version, seq, at, "by", by_name)'  # noqa: S608 - the constants above
            f" SELECT 1, seq, {now}, '{BY}', 'migration' FROM hold_clock"
        )
    )
    connection.execute(sa.text("DELETE FROM setting WHERE key = 'district.days'"))

"""Make the central database: people, branches, cameras, views and the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.String(32)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.BigInteger()
SQLITE_APPEND_ONLY = (
    ("CREATE TRIGGER access_event_no_update BEFORE UPDATE ON access_event BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END"),
    ("CREATE TRIGGER access_event_no_delete BEFORE DELETE ON access_event BEGIN SELECT RAISE(ABORT, 'access_event is append-only'); END"),
    (
        "CREATE TRIGGER access_event_no_replace BEFORE INSERT ON access_event WHEN EXISTS (SELECT 1 FROM "
        "access_event WHERE origin = NEW.origin AND number = NEW.number) BEGIN SELECT RAISE(ABORT, "
        "'access_event is append-only'); END"
    ),
)
POSTGRESQL_APPEND_ONLY = (
    (
        "CREATE FUNCTION access_event_append_only() RETURNS trigger LANGUAGE plpgsql     AS $$ BEGIN RAISE "
        "EXCEPTION 'access_event is append-only'; END $$"
    ),
    (
        "CREATE TRIGGER access_event_append_only BEFORE UPDATE OR DELETE ON access_event FOR EACH ROW EXECUTE"
        " FUNCTION access_event_append_only()"
    ),
    (
        "CREATE TRIGGER access_event_no_truncate BEFORE TRUNCATE ON access_event FOR EACH STATEMENT EXECUTE "
        "FUNCTION access_event_append_only()"
    ),
)


def upgrade() -> None:
    """Make every table of the first release."""
    _make_district()
    _make_people()
    _make_cameras()
    _make_access_log()
    _make_views_and_reports()


def _make_district() -> None:
    op.create_table(
        "setting",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_setting"),
    )
    op.create_table(
        "node",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("config_version", NUMBER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_node"),
        sa.UniqueConstraint("name", name="uq_node_name"),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_node_public_key")),
    )
    op.create_table(
        "branch",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(360), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_branch"),
        sa.UniqueConstraint("name_key", name="uq_branch_name_key"),
    )
    op.create_table(
        "area",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("branch_id", NUMBER, sa.ForeignKey("branch.id", name="fk_area_branch_id"), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_area"),
        sa.UniqueConstraint("branch_id", "name", name="uq_area_branch_id_name"),
    )


def _make_people() -> None:
    op.create_table(
        "person",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(360), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("whole_district", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(256), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=True),
        sa.Column("first_signed_in_at", MOMENT, nullable=True),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("name_key", name="uq_person_name_key"),
        sa.CheckConstraint("role IN ('desk', 'director', 'it', 'auditor')", name=op.f("ck_person_role")),
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
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.CheckConstraint("length(token_sha256) = 32", name=op.f("ck_session_token")),
        sa.UniqueConstraint("token_sha256", name="uq_session_token_sha256"),
    )
    op.create_index("ix_session_person_id", "session", ["person_id"])


def _make_cameras() -> None:
    op.create_table(
        "device",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("branch_id", NUMBER, sa.ForeignKey("branch.id", name="fk_device_branch_id"), nullable=False),
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_device_node_id"), nullable=False),
        sa.Column("scheme", WORD, nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(128), nullable=False),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.CheckConstraint("scheme IN ('rtsp', 'rtsps')", name=op.f("ck_device_scheme")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_device_port")),
    )
    op.create_index("ix_device_node_id", "device", ["node_id"])
    op.create_table(
        "camera",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("branch_id", NUMBER, sa.ForeignKey("branch.id", name="fk_camera_branch_id"), nullable=False),
        sa.Column("area_id", NUMBER, sa.ForeignKey("area.id", name="fk_camera_area_id"), nullable=True),
        sa.Column("device_id", NUMBER, sa.ForeignKey("device.id", name="fk_camera_device_id"), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_key", sa.String(360), nullable=False),
        sa.Column("recording_mode", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("placement_approved_at", MOMENT, nullable=True),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_camera"),
        sa.CheckConstraint("recording_mode IN ('always', 'live_only', 'off')", name=op.f("ck_camera_recording_mode")),
        sa.CheckConstraint("channel BETWEEN 1 AND 1024", name=op.f("ck_camera_channel")),
    )
    op.create_index("ix_camera_device_id", "camera", ["device_id"])
    op.create_index(
        "uq_camera_branch_id_name_key",
        "camera",
        ["branch_id", "name_key"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "stream",
        sa.Column("id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("camera_id", NUMBER, sa.ForeignKey("camera.id", name="fk_stream_camera_id"), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("path", sa.String(512), nullable=False),
        sa.Column("removed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stream"),
        sa.CheckConstraint("role IN ('main', 'sub')", name=op.f("ck_stream_role")),
        sa.UniqueConstraint("camera_id", "role", name="uq_stream_camera_id_role"),
    )


def _make_access_log() -> None:
    op.create_table(
        "access_log",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("last_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("origin", name="pk_access_log"),
    )
    op.create_table(
        "access_event",
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("number", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("actor_name", sa.String(300), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("camera_id", NUMBER, nullable=True),
        sa.Column("purpose", WORD, nullable=True),
        sa.Column("span_start_at", MOMENT, nullable=True),
        sa.Column("span_end_at", MOMENT, nullable=True),
        sa.Column("view_id", sa.String(22), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "number", name="pk_access_event"),
        sa.CheckConstraint("number > 0", name=op.f("ck_access_event_number")),
        sa.CheckConstraint("(span_start_at IS NULL) = (span_end_at IS NULL)", name=op.f("ck_access_event_span")),
    )
    op.create_index("ix_access_event_camera_id_number", "access_event", ["camera_id", "number"])
    statements = SQLITE_APPEND_ONLY if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_APPEND_ONLY
    for statement in statements:
        op.execute(statement)


def _make_views_and_reports() -> None:
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
        sa.CheckConstraint("purpose IN ('live', 'incident', 'maintenance', 'request')", name=op.f("ck_view_purpose")),
        sa.CheckConstraint("(span_start_at IS NULL) = (span_end_at IS NULL)", name=op.f("ck_view_span")),
    )
    op.create_table(
        "coverage",
        sa.Column("stream_id", NUMBER, nullable=False, autoincrement=False),
        sa.Column("start_ms", NUMBER, nullable=False, autoincrement=False),
        sa.Column("end_ms", NUMBER, nullable=False),
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_coverage_node_id"), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_coverage"),
        sa.CheckConstraint("end_ms >= start_ms", name=op.f("ck_coverage_order")),
    )
    op.create_table(
        "stream_state",
        sa.Column("stream_id", NUMBER, sa.ForeignKey("stream.id", name="fk_stream_state_stream_id"), nullable=False, autoincrement=False),
        sa.Column("node_id", NUMBER, sa.ForeignKey("node.id", name="fk_stream_state_node_id"), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("since_at", MOMENT, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("reported_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_stream_state"),
        sa.CheckConstraint(
            ("state IN ('recording', 'live_only', 'connecting', 'offline', 'refused', 'silent', 'stalled', 'paused', 'off', 'disk_full')"),
            name=op.f("ck_stream_state_state"),
        ),
    )

"""Make the node index: volumes, segments, runs, gaps and the copies of what the hub says."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORD = sa.String(32)


def upgrade() -> None:
    """Make every table of the first release."""
    _make_volumes_and_segments()
    _make_timeline()
    _make_replicas()


def _make_volumes_and_segments() -> None:
    op.create_table(
        "volume",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("live_bytes", sa.Integer(), nullable=False),
        sa.Column("clean_hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_volume"),
        sa.UniqueConstraint("uuid", name="uq_volume_uuid"),
        sa.CheckConstraint("state IN ('ok', 'read_only', 'failed')", name=op.f("ck_volume_state")),
    )
    op.create_table(
        "segment",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ticks", sa.Integer(), nullable=False),
        sa.Column("duration", sa.Integer(), nullable=False),
        sa.Column("run_start_ms", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Integer(), sa.ForeignKey("volume.number", name="fk_segment_volume"), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_segment"),
        sa.CheckConstraint("duration > 0", name=op.f("ck_segment_duration")),
        sa.CheckConstraint("start_ms = start_ticks / 90", name=op.f("ck_segment_start")),
        sa.CheckConstraint("state IN (0, 2, 3)", name=op.f("ck_segment_state")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_segment_not_live", "segment", ["stream_id", "start_ms"], sqlite_where=sa.text("state <> 0"))
    op.create_table(
        "segment_side",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("media_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("file_digest", sa.LargeBinary(), nullable=False),
        sa.Column("fragments", sa.LargeBinary(), nullable=False),
        sa.Column("codec", sa.String(32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("camera_clock_offset_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_segment_side"),
        sa.CheckConstraint("length(media_sha256) = 32 AND length(file_digest) = 32", name=op.f("ck_segment_side_digests")),
        sqlite_with_rowid=False,
    )


def _make_timeline() -> None:
    op.create_table(
        "run",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("end_reason", WORD, nullable=True),
        sa.Column("rtp_start", sa.Integer(), nullable=False),
        sa.Column("sr_ntp", sa.BigInteger(), nullable=False),
        sa.Column("sr_rtp", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_run"),
        sa.CheckConstraint("end_ms >= start_ms", name=op.f("ck_run_order")),
        sa.CheckConstraint(
            (
                "end_reason IN ('offline', 'refused', 'silent', 'stalled', 'unsupported', 'disk_full', 'disk_slow', "
                "'disk_error', 'recorder_stopped', 'recorder_crashed', 'clock_step', 'stream_changed', 'paused', "
                "'off')"
            ),
            name=op.f("ck_run_end_reason"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gap",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("end_ms", sa.Integer(), nullable=True),
        sa.Column("reason", WORD, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_gap"),
        sa.CheckConstraint("end_ms IS NULL OR end_ms >= start_ms", name=op.f("ck_gap_order")),
        sa.CheckConstraint(
            (
                "reason IN ('offline', 'refused', 'silent', 'stalled', 'unsupported', 'disk_full', 'disk_slow', "
                "'disk_error', 'recorder_stopped', 'recorder_crashed', 'clock_step', 'stream_changed', 'paused', "
                "'off')"
            ),
            name=op.f("ck_gap_reason"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gap_open", "gap", ["stream_id"], sqlite_where=sa.text("end_ms IS NULL"))
    op.create_table(
        "clock_event",
        sa.Column("at_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("step_ms", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("at_ms", name="pk_clock_event"),
    )


def _make_replicas() -> None:
    op.create_table(
        "replica",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_replica"),
    )
    op.create_table(
        "stream_config",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("scheme", WORD, nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(512), nullable=False),
        sa.Column("username", sa.String(128), nullable=False),
        sa.Column("password_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recording_mode", WORD, nullable=False),
        sa.Column("camera_name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_stream_config"),
        sa.CheckConstraint("role IN ('main', 'sub')", name=op.f("ck_stream_config_role")),
        sa.CheckConstraint("scheme IN ('rtsp', 'rtsps')", name=op.f("ck_stream_config_scheme")),
        sa.CheckConstraint("recording_mode IN ('always', 'live_only', 'off')", name=op.f("ck_stream_config_recording_mode")),
    )
    op.create_table(
        "coverage_outbox",
        sa.Column("stream_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("start_ms", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "start_ms", name="pk_coverage_outbox"),
        sqlite_with_rowid=False,
    )

"""The central database: people, branches, cameras, views, the access log, and what nodes report. SQLite or PostgreSQL.

Moments (`…_at`) are microseconds since 1970, media times (`…_ms`) milliseconds. Ids are random numbers given by the product
(`vms.domain.ids`), never by the database. No row about footage is kept here: that is the node index.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.access import Purpose
from vms.domain.camera import CameraState, Priority, RecordingMode, Scheme, StreamRole
from vms.store import (  # noqa: F401 - their tables join the schema
    complaint_tables,
    door_tables,
    hold_tables,
    inquiry_tables,
    log_tables,
    package_tables,
    people_tables,
    policy_tables,
    proof_tables,
    redaction_tables,
    request_tables,
    review_tables,
    rules_tables,
    screen_tables,
    showing_tables,
    training_tables,
)
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class SettingRow(Central):
    """What the district decided at set-up and may change on its pages; one row per word."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class NodeRow(Central):
    """A machine that records. Only it holds the private half of `public_key`."""

    __tablename__ = "node"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint("length(public_key) = 32", name="public_key"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """X25519: camera passwords are sealed to it."""
    config_version: Mapped[int] = mapped_column(Number)
    """Grows with every change of what the node is to record."""
    created_at: Mapped[datetime] = mapped_column(Moment)


class BranchRow(Central):
    __tablename__ = "branch"
    __table_args__ = (UniqueConstraint("name_key"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    """The name folded to one case: two branches can't differ by case alone."""
    timezone: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Moment)


class AreaRow(Central):
    __tablename__ = "area"
    __table_args__ = (UniqueConstraint("branch_id", "name"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    name: Mapped[str] = mapped_column(String(NAME_CHARS))


class DeviceRow(Central):
    """Hardware with one address and one credential."""

    __tablename__ = "device"
    __table_args__ = (
        one_of("scheme", Scheme, "scheme"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
        # A node's configuration: its devices, joined to cameras and streams.
        Index(None, "node_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
    scheme: Mapped[Scheme] = mapped_column(Word(Scheme))
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    username: Mapped[str] = mapped_column(String(128))
    password_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed to the node's key with device, host and port as associated data; empty when the device asks for none."""
    certificate_sha256: Mapped[bytes | None] = mapped_column(
        LargeBinary, CheckConstraint("length(certificate_sha256) = 32", name="certificate_sha256")
    )
    """Of the certificate that is trusted over rtsps."""


class CameraRow(Central):
    """A logical position. It is never deleted: footage, holds and the log name it."""

    __tablename__ = "camera"
    __table_args__ = (
        one_of("recording_mode", RecordingMode, "recording_mode"),
        CheckConstraint("channel BETWEEN 1 AND 1024", name="channel"),
        # No two cameras in use of one branch share a name; also lists a branch's cameras.
        Index(
            "uq_camera_branch_id_name_key",
            "branch_id",
            "name_key",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        # Those of an area, for who sees no more of its branch.
        Index(None, "area_id", sqlite_where=text("area_id IS NOT NULL"), postgresql_where=text("area_id IS NOT NULL")),
        # The cameras that a device feeds, when its address changes.
        Index(None, "device_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branch.id"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id"))
    channel: Mapped[int]
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    name_key: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    recording_mode: Mapped[RecordingMode] = mapped_column(Word(RecordingMode))
    created_at: Mapped[datetime] = mapped_column(Moment)
    placement_approved_at: Mapped[datetime | None] = mapped_column(Moment)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
    version: Mapped[int]
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    pause_reason: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[Priority] = mapped_column(
        Word(Priority), one_of("priority", Priority, "priority"), server_default=Priority.NORMAL.value
    )


class StreamRow(Central):
    """One RTSP presentation of a camera. A stream taken away stays as a row: its footage names it."""

    __tablename__ = "stream"
    __table_args__ = (one_of("role", StreamRole, "role"), UniqueConstraint("camera_id", "role"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"))
    role: Mapped[StreamRole] = mapped_column(Word(StreamRole))
    path: Mapped[str] = mapped_column(String(512))
    removed_at: Mapped[datetime | None] = mapped_column(Moment)


class ViewRow(Central):
    """One act of watching, from its opening to its close or its deadline."""

    __tablename__ = "view"
    __table_args__ = (
        one_of("purpose", Purpose, "purpose"),
        CheckConstraint("(span_start_at IS NULL) = (span_end_at IS NULL)", name="span"),
        # Every few seconds: those that may still be used.
        Index(None, "deadline_at"),
        # What was looked at under an emergency access.
        Index(
            "ix_view_emergency_id",
            "emergency_id",
            sqlite_where=text("emergency_id IS NOT NULL"),
            postgresql_where=text("emergency_id IS NOT NULL"),
        ),
        # What was looked at in a showing.
        Index(
            "ix_view_showing_id",
            "showing_id",
            sqlite_where=text("showing_id IS NOT NULL"),
            postgresql_where=text("showing_id IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    actor: Mapped[str] = mapped_column(String(300))
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"))
    purpose: Mapped[Purpose] = mapped_column(Word(Purpose))
    span_start_at: Mapped[datetime | None] = mapped_column(Moment)
    """Both None for live."""
    span_end_at: Mapped[datetime | None] = mapped_column(Moment)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    deadline_at: Mapped[datetime] = mapped_column(Moment)
    emergency_id: Mapped[int | None] = mapped_column(Number)
    """Under which emergency access; no foreign key, since its row may be forgotten first."""
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    session_id: Mapped[int | None] = mapped_column(Number)
    """In which session it was opened; None for one of an older release."""
    showing_id: Mapped[int | None] = mapped_column(Number)
    """In which showing to an outsider; no foreign key, since its row may go first."""


class MailRow(Central):
    """A mail to send or sent, written in the transaction that causes it. Rows go 30 days after they were done with."""

    __tablename__ = "mail"
    __table_args__ = (
        CheckConstraint("(attachment_name IS NULL) = (attachment IS NULL)", name="attachment"),
        # What a mail is about is told to an address once.
        UniqueConstraint("about", "recipient"),
        # The sender's look, every minute.
        Index(None, "next_try_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    about: Mapped[str] = mapped_column(String(120))
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    attachment_name: Mapped[str | None] = mapped_column(String(120))
    attachment: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Moment)
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None] = mapped_column(Moment)
    """None when it is done with."""
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    """None as well when it was given up."""
    done_at: Mapped[datetime | None] = mapped_column(Moment)


class CoverageRow(Central):
    """Recorded time as nodes report it: one row per run, for timelines of the whole district."""

    __tablename__ = "coverage"
    __table_args__ = (CheckConstraint("end_ms >= start_ms", name="order"),)

    stream_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    end_ms: Mapped[int] = mapped_column(Number)
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))


class StreamStateRow(Central):
    """The newest state of each stream as its node reported it."""

    __tablename__ = "stream_state"
    __table_args__ = (one_of("state", CameraState, "state"),)

    stream_id: Mapped[int] = mapped_column(ForeignKey("stream.id"), primary_key=True, autoincrement=False)
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
    state: Mapped[CameraState] = mapped_column(Word(CameraState))
    since_at: Mapped[datetime] = mapped_column(Moment)
    detail: Mapped[str] = mapped_column(Text)
    reported_at: Mapped[datetime] = mapped_column(Moment)


SCHEMA = Central.metadata
"""Every table: those of people, of holds and of the access log stand in modules of their own."""

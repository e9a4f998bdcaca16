"""The node index: one row per segment, run and gap of what this machine recorded. SQLite only.

Times are milliseconds since 1970 (`…_ms`) or 90 kHz ticks (`…_ticks`, `duration`). The tables that grow are WITHOUT ROWID,
clustered by stream and start: every question is about one stream and a span of time.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.camera import Priority, RecordingMode, Scheme, StreamRole
from vms.domain.footage import GapReason, SegmentState
from vms.domain.timespan import TICKS_PER_MS
from vms.store import retention_tables  # noqa: F401 - its tables join the schema
from vms.store.columns import Unsigned64, Word, one_of, one_of_numbers
from vms.store.index_base import CLUSTERED, NodeIndex

_NOT_STORED = frozenset({GapReason.LOST, GapReason.DELETED_EARLY, GapReason.NOT_KEPT})


class VolumeRow(NodeIndex):
    """A directory that takes footage. Segments name it by the small `number`, the product by its uuid."""

    __tablename__ = "volume"
    __table_args__ = (UniqueConstraint("uuid"), CheckConstraint("state IN ('ok', 'read_only', 'failed')", name="state"))

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    uuid: Mapped[str] = mapped_column(String(36))
    path: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    live_bytes: Mapped[int]
    """Sum of its segments' files, kept in step by the transactions that add and purge them."""
    clean_hour: Mapped[int]
    """Hours since 1970 before which files and rows are known to agree: recovery need not look there."""


class SegmentRow(NodeIndex):
    """One published file. Kept narrow: a node holds tens of millions."""

    __tablename__ = "segment"
    __table_args__ = (
        CheckConstraint("duration > 0", name="duration"),
        CheckConstraint("start_rest BETWEEN 0 AND 89", name="start"),
        one_of_numbers("state", SegmentState, "state"),
        # What is being destroyed or was lost: few, looked for at start-up and by every pass.
        Index("ix_segment_not_live", "stream_id", "start_ms", sqlite_where=text("state <> 0")),
        CLUSTERED,
    )

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_rest: Mapped[int]
    """90 kHz ticks from `start_ms` to its start, less than a millisecond: the start in ticks again would be eight octets of each row."""
    duration: Mapped[int]
    """90 kHz ticks; the next segment of the run starts at start_ticks + duration."""
    into_run_ms: Mapped[int]
    """From the start of its run to its own: the start of the run again would be two octets more of each row."""
    volume: Mapped[int] = mapped_column(ForeignKey("volume.number"))
    size_bytes: Mapped[int]
    state: Mapped[int]
    flags: Mapped[int]

    @hybrid_property
    def start_ticks(self) -> int:
        """When it begins, in 90 kHz ticks since 1970."""
        return self.start_ms * TICKS_PER_MS + self.start_rest

    @hybrid_property
    def run_start_ms(self) -> int:
        return self.start_ms - self.into_run_ms


class SegmentSideRow(NodeIndex):
    """What playback, check and export need of a segment; retention and timelines don't read it."""

    __tablename__ = "segment_side"
    __table_args__ = (
        CheckConstraint("length(media_sha256) = 32 AND length(file_digest) = 32", name="digests"),
        CLUSTERED,
    )

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    media_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    fragments: Mapped[bytes] = mapped_column(LargeBinary)
    """`vms.domain.footage.pack_fragments`."""
    codec: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    camera_clock_offset_ms: Mapped[int | None]


class RunRow(NodeIndex):
    """Unbroken recording of one stream, extended in place. Runs of one stream never overlap (`runs.put`)."""

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint("end_ms >= start_ms", name="order"),
        one_of("end_reason", GapReason, "end_reason", but=_NOT_STORED),
        CLUSTERED,
    )

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    end_ms: Mapped[int]
    end_reason: Mapped[GapReason | None] = mapped_column(Word(GapReason))
    """NULL while the run goes on."""
    rtp_start: Mapped[int]
    sr_ntp: Mapped[int] = mapped_column(Unsigned64)
    sr_rtp: Mapped[int]


class GapRow(NodeIndex):
    """Missing time with its reason."""

    __tablename__ = "gap"
    __table_args__ = (
        CheckConstraint("end_ms IS NULL OR end_ms >= start_ms", name="order"),
        one_of("reason", GapReason, "reason", but=_NOT_STORED),
        # The gaps that last, closed when footage comes again and at start-up.
        Index("ix_gap_open", "stream_id", sqlite_where=text("end_ms IS NULL")),
        CLUSTERED,
    )

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    end_ms: Mapped[int | None]
    """NULL while it lasts."""
    reason: Mapped[GapReason] = mapped_column(Word(GapReason))
    detail: Mapped[str] = mapped_column(Text)


class ClockEventRow(NodeIndex):
    """The machine's wall clock was seen to step."""

    __tablename__ = "clock_event"

    at_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    step_ms: Mapped[int]
    detail: Mapped[str] = mapped_column(Text)


class ReplicaRow(NodeIndex):
    """Numbers that the node remembers, by kind: versions of what was copied from the hub, how far its own work has come."""

    __tablename__ = "replica"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int]


class StreamConfigRow(NodeIndex):
    """What to record: the copy from which the node works, so that it needs no hub."""

    __tablename__ = "stream_config"
    __table_args__ = (
        one_of("role", StreamRole, "role"),
        one_of("scheme", Scheme, "scheme"),
        one_of("recording_mode", RecordingMode, "recording_mode"),
    )

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    camera_id: Mapped[int]
    device_id: Mapped[int]
    role: Mapped[StreamRole] = mapped_column(Word(StreamRole))
    scheme: Mapped[Scheme] = mapped_column(Word(Scheme))
    host: Mapped[str] = mapped_column(String(253))
    port: Mapped[int]
    path: Mapped[str] = mapped_column(String(512))
    username: Mapped[str] = mapped_column(String(128))
    password_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    recording_mode: Mapped[RecordingMode] = mapped_column(Word(RecordingMode))
    camera_name: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    certificate_sha256: Mapped[bytes | None] = mapped_column(
        LargeBinary, CheckConstraint("length(certificate_sha256) = 32", name="certificate_sha256")
    )
    """Of the certificate that is trusted over rtsps."""
    paused_until_ms: Mapped[int | None]
    pause_reason: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[Priority] = mapped_column(
        Word(Priority), one_of("priority", Priority, "priority"), server_default=Priority.NORMAL.value
    )
    hours: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """Of a camera in the mode `weekly`, in the lines of `vms.domain.hours`: the rule itself, so that a node that is cut off goes by it."""
    timezone: Mapped[str | None] = mapped_column(String(64))
    """IANA name, by whose clock the hours are read; NULL when the camera goes by none."""


class CoverageOutboxRow(NodeIndex):
    """Runs that changed since the hub last heard of them; a run that changes again replaces its row."""

    __tablename__ = "coverage_outbox"
    __table_args__ = (CLUSTERED,)

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    end_ms: Mapped[int]

"""Of the node index: what the hub says may go, what holds keep, and what was destroyed. Only retention writes here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, event, false
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.purge import PurgeReason
from vms.store.columns import Word, one_of
from vms.store.index_base import CLUSTERED, NodeIndex


class StreamRuleRow(NodeIndex):
    """How long the footage of a stream is kept. A stream without a row loses nothing."""

    __tablename__ = "stream_rule"
    __table_args__ = (CheckConstraint("keep_ms > 0", name="keep"), Index(None, "camera_id"))

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    camera_id: Mapped[int]
    keep_ms: Mapped[int]
    floor_ms: Mapped[int | None] = mapped_column(CheckConstraint("floor_ms >= 86400000", name="floor"))
    """What is so old may go when disks are full; NULL: nothing may before its day."""


class HoldReplicaRow(NodeIndex):
    """A camera under a hold: the copy by which the node keeps footage, whether it reaches the hub or not."""

    __tablename__ = "hold_replica"
    __table_args__ = (CheckConstraint("end_ms > start_ms", name="order"), CLUSTERED)

    camera_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hold_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int]
    end_ms: Mapped[int | None]
    """NULL: whatever is still to come, too."""
    answered: Mapped[bool]
    """Whether the hub has taken the answer to it."""
    sealed: Mapped[bool] = mapped_column(server_default=false())
    """It keeps like any other, and nothing that people are told or shown follows from it."""


class ToldGoneRow(NodeIndex):
    """Time of a camera whose footage passes have destroyed, or would have but for sealed holds: `vms.store.secrecy`."""

    __tablename__ = "told_gone"
    __table_args__ = (CheckConstraint("end_ms > start_ms", name="order"), CLUSTERED)

    camera_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    end_ms: Mapped[int]
    early: Mapped[bool] = mapped_column(server_default=false())
    """It went before its day, because disks were full. No time is written down as both."""


class ProtectedPlaceRow(NodeIndex):
    """A second place of a segment that a hold keeps, a link on the volume of its file or a copy on another. The row comes first."""

    __tablename__ = "protected_place"
    # Which volume: what is given up when its room is needed, and what a comparison looks for there.
    __table_args__ = (Index(None, "volume"), CLUSTERED)

    stream_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start_ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    volume: Mapped[int] = mapped_column(ForeignKey("volume.number"), primary_key=True, autoincrement=False)
    made: Mapped[bool]
    """Whether its file is there, durably; until then it may be."""


class DeletionLeaseRow(NodeIndex):
    """How the node's clocks stood when they were last right, and by which change of holds it may destroy; one row."""

    __tablename__ = "deletion_lease"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hold_seq: Mapped[int | None]
    """NULL: by none."""
    boot_id: Mapped[str] = mapped_column(String(64))
    """Of the start of the machine that `uptime_ms` counts from."""
    uptime_ms: Mapped[int]
    at_ms: Mapped[int]
    """By the wall clock."""


class ReconciliationRow(NodeIndex):
    """What the newest comparison of index and files found; one row."""

    __tablename__ = "reconciliation"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    began_ms: Mapped[int]
    ended_ms: Mapped[int]
    compared: Mapped[int]
    read: Mapped[int]
    missing: Mapped[int]
    damaged: Mapped[int]
    other: Mapped[int]
    first: Mapped[str] = mapped_column(Text)
    """JSON list of sentences."""


class PurgeRow(NodeIndex):
    """A batch of segments of one stream: appended when it is condemned, closed once when it is gone. Triggers refuse all else."""

    __tablename__ = "purge_log"
    __table_args__ = (
        UniqueConstraint("position"),
        CheckConstraint("last_ms >= first_ms AND segments > 0", name="batch"),
        CheckConstraint("(position IS NULL) = (hash IS NULL) AND (position IS NULL) = (erased_ms IS NULL)", name="closed"),
        CheckConstraint("(position IS NULL) = (root IS NULL)", name="root"),
        # What a hold came too late for.
        Index(None, "stream_id", "first_ms"),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 1, in the order in which they were condemned."""
    stream_id: Mapped[int]
    camera_id: Mapped[int]
    first_ms: Mapped[int]
    """Start of the first segment."""
    last_ms: Mapped[int]
    """Start of the last."""
    end_ms: Mapped[int]
    """End of the last, rounded up."""
    segments: Mapped[int]
    size_bytes: Mapped[int]
    keep_ms: Mapped[int]
    """The rule by which it went."""
    hold_seq: Mapped[int]
    """All holds up to this change were known."""
    condemned_ms: Mapped[int]
    reason: Mapped[PurgeReason] = mapped_column(
        Word(PurgeReason), one_of("reason", PurgeReason, "reason"), server_default=PurgeReason.WINDOW.value
    )
    position: Mapped[int | None]
    """From 1 without a hole, in the order in which they were closed; NULL while it is being destroyed."""
    erased_ms: Mapped[int | None]
    root: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of the Merkle tree over the segments' file digests, by start."""
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """SHA-256 over the hash before and the entry's text: `vms.domain.purge`."""


_SAME = " AND ".join(
    f"NEW.{column} = OLD.{column}"
    for column in (
        *("number", "stream_id", "camera_id", "first_ms", "last_ms", "end_ms"),
        *("segments", "size_bytes", "keep_ms", "hold_seq", "condemned_ms", "reason"),
    )
)
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'purge_log is append-only'); END"
_CLOSES = f"OLD.position IS NULL AND NEW.position IS NOT NULL AND {_SAME}"
_THERE = "SELECT 1 FROM purge_log WHERE number = NEW.number OR position = NEW.position"
APPEND_ONLY = (
    f"CREATE TRIGGER purge_log_no_update BEFORE UPDATE ON purge_log WHEN ({_CLOSES}) IS NOT TRUE {_REFUSE}",
    f"CREATE TRIGGER purge_log_no_delete BEFORE DELETE ON purge_log {_REFUSE}",
    # INSERT OR REPLACE deletes without firing the trigger above.
    f"CREATE TRIGGER purge_log_no_replace BEFORE INSERT ON purge_log WHEN EXISTS ({_THERE}) {_REFUSE}",
)
for _statement in APPEND_ONLY:
    # SQLAlchemy's DDL() carries no annotations yet (2.1.9).
    _ddl: Any = DDL(_statement)  # type: ignore[no-untyped-call]
    event.listen(PurgeRow.__table__, "after_create", _ddl)

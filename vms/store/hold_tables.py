"""Legal holds: what they are about, which cameras they cover, how far they are in force at nodes, and until when nodes may destroy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.hold import HoldKind
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class ScopeKind(StrEnum):
    CAMERA = "camera"
    AREA = "area"
    BRANCH = "branch"


class HoldClockRow(Central):
    """One row: the number of the newest change of holds. Whoever changes holds, or grants a lease, locks it first."""

    __tablename__ = "hold_clock"
    __table_args__ = (CheckConstraint("id = 1", name="one"), CheckConstraint("seq >= 0", name="seq"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Number)


class LegalHoldRow(Central):
    """A hold. Its text never changes; below it stands how it ends."""

    __tablename__ = "legal_hold"
    __table_args__ = (
        one_of("kind", HoldKind, "kind"),
        CheckConstraint("end_ms > start_ms", name="order"),
        CheckConstraint("expires_at IS NULL OR kind = 'provisional'", name="expiry"),
        CheckConstraint("(ending_at IS NULL) = (ending_by IS NULL)", name="ending"),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="release"),
        # Those in force: what ends, what a camera comes under, what is to be reviewed.
        Index(
            "ix_legal_hold_ending_at", "ending_at", sqlite_where=text("released_at IS NULL"), postgresql_where=text("released_at IS NULL")
        ),
        # The list, newest first.
        Index(None, "placed_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    matter: Mapped[str] = mapped_column(String(NAME_CHARS))
    kind: Mapped[HoldKind] = mapped_column(Word(HoldKind))
    reason: Mapped[str] = mapped_column(Text)
    authority: Mapped[str] = mapped_column(Text)
    """Who issued the paper and under which number; may be empty."""
    start_ms: Mapped[int] = mapped_column(Number)
    end_ms: Mapped[int | None] = mapped_column(Number)
    """None: whatever is still to come, too."""
    review_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    placed_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    placed_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    placed_at: Mapped[datetime] = mapped_column(Moment)
    ending_at: Mapped[datetime | None] = mapped_column(Moment)
    """From when on an approved release is written; None while none is approved, or when it was undone."""
    ending_by: Mapped[str | None] = mapped_column(String(300))
    ending_by_name: Mapped[str | None] = mapped_column(String(NAME_CHARS * 3))
    ending_reason: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(Moment)
    released_by: Mapped[str | None] = mapped_column(String(300))


class SealedHoldRow(Central):
    """A hold that the law makes secret: nobody but a Director of the whole district learns of it. Its text is here alone, encrypted."""

    __tablename__ = "sealed_hold"
    __table_args__ = (
        CheckConstraint("(proposed_at IS NULL) = (proposed_by IS NULL)", name="proposal"),
        CheckConstraint("(proposed_at IS NULL) = (proposed_by_name IS NULL)", name="proposal_name"),
    )

    hold_id: Mapped[int] = mapped_column(ForeignKey("legal_hold.id"), primary_key=True, autoincrement=False)
    matter: Mapped[str] = mapped_column(String(32))
    """The matter of the access log's sealed entries whose key opens its text."""
    words: Mapped[bytes] = mapped_column(LargeBinary)
    """Matter, reason and authority, under that key."""
    noted_seq: Mapped[int] = mapped_column(Number)
    """Up to here the log has an entry of each camera that came under it."""
    proposed_by: Mapped[str | None] = mapped_column(String(300))
    """Who proposed its release (`Actor.label`); None while nobody has."""
    proposed_by_name: Mapped[str | None] = mapped_column(String(NAME_CHARS * 3))
    proposed_at: Mapped[datetime | None] = mapped_column(Moment)


class HoldScopeRow(Central):
    """One position that a hold names. What comes to an area or a branch later is looked up here."""

    __tablename__ = "hold_scope"
    __table_args__ = (
        one_of("kind", ScopeKind, "kind"),
        # The holds of the branch and the area that a camera comes to.
        Index(None, "kind", "subject_id"),
    )

    hold_id: Mapped[int] = mapped_column(ForeignKey("legal_hold.id"), primary_key=True, autoincrement=False)
    kind: Mapped[ScopeKind] = mapped_column(Word(ScopeKind), primary_key=True)
    subject_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)


class HoldCameraRow(Central):
    """A camera that a hold covers, from `seq` on, until the release has a number of its own. It is never deleted."""

    __tablename__ = "hold_camera"
    __table_args__ = (
        # What a node has not applied yet, in order: both numbers come from `hold_clock`, each once.
        UniqueConstraint("seq"),
        UniqueConstraint("released_seq"),
        CheckConstraint("released_seq > seq", name="order"),
        # The holds of a camera.
        Index(None, "camera_id"),
    )

    hold_id: Mapped[int] = mapped_column(ForeignKey("legal_hold.id"), primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Number)
    released_seq: Mapped[int | None] = mapped_column(Number)


class HoldAnswerRow(Central):
    """The newest that a node said of a camera under a hold."""

    __tablename__ = "hold_answer"

    hold_id: Mapped[int] = mapped_column(ForeignKey("legal_hold.id"), primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"), primary_key=True, autoincrement=False)
    applied_seq: Mapped[int] = mapped_column(Number)
    """What the node had applied when it said so: an older answer never takes the place of a newer one."""
    kept_segments: Mapped[int] = mapped_column(Number)
    kept_bytes: Mapped[int] = mapped_column(Number)
    first_ms: Mapped[int | None] = mapped_column(Number)
    last_ms: Mapped[int | None] = mapped_column(Number)
    condemned_segments: Mapped[int] = mapped_column(Number)
    purged_segments: Mapped[int] = mapped_column(Number)
    at: Mapped[datetime] = mapped_column(Moment)


class DeletionLeaseRow(Central):
    """Until when a node may destroy by holds as they were at `hold_seq`, counted with a margin. Rows go when they are over."""

    __tablename__ = "deletion_lease"

    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"), primary_key=True, autoincrement=False)
    hold_seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    until_at: Mapped[datetime] = mapped_column(Moment)


class NodeHoldStateRow(Central):
    """How far a node was told of holds, and how far it says that it has put them into force. Both only grow."""

    __tablename__ = "node_hold_state"

    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"), primary_key=True, autoincrement=False)
    given_seq: Mapped[int] = mapped_column(Number)
    """The newest number it was ever handed. One that has applied more knows a hub that there was before a backup was restored."""
    applied_seq: Mapped[int] = mapped_column(Number)
    at: Mapped[datetime] = mapped_column(Moment)
    """Of what it said last."""

"""Retention policies, in versions: nothing here is ever changed or deleted, a row is only added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.policy import PlaceKind
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class RetentionPolicyRow(Central):
    """One version of what is said of one place."""

    __tablename__ = "retention_policy"
    __table_args__ = (
        one_of("place", PlaceKind, "place"),
        CheckConstraint("(place = 'district') = (place_id = 0)", name="place_id"),
        CheckConstraint("place <> 'district' OR (min_days IS NOT NULL AND target_days IS NOT NULL AND max_days IS NOT NULL)", name="whole"),
        CheckConstraint("min_days >= 0 AND target_days >= 1 AND max_days >= 1", name="days"),
        CheckConstraint("min_days <= target_days AND target_days <= max_days AND min_days <= max_days", name="order"),
        # What is said of a place, and was.
        Index(None, "place", "place_id"),
    )

    version: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    place: Mapped[PlaceKind] = mapped_column(Word(PlaceKind))
    place_id: Mapped[int] = mapped_column(Number)
    min_days: Mapped[int | None]
    target_days: Mapped[int | None]
    max_days: Mapped[int | None]
    """None, of all three: as the place above."""
    hours: Mapped[str] = mapped_column(Text, server_default=text("''"))
    """When cameras in the mode `weekly` are recorded, in the lines of `vms.domain.hours`; what they don't say, as the place above."""
    early: Mapped[bool | None]
    """Whether what is past the floor may go before its day when disks are full; None: as the place above."""
    legal_basis: Mapped[str] = mapped_column(Text)
    public_text: Mapped[str] = mapped_column(Text)
    review_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    made_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    made_at: Mapped[datetime] = mapped_column(Moment)


class PolicyForceRow(Central):
    """From when on a version counts. Of one place the one with the highest number does."""

    __tablename__ = "policy_force"
    __table_args__ = (UniqueConstraint("seq"),)

    version: Mapped[int] = mapped_column(ForeignKey("retention_policy.version"), primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Number)
    """Of `hold_clock`, so that nodes learn of it and purges can be told apart by it."""
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))


class PolicyApprovalRow(Central):
    """The Director's signature under a version."""

    __tablename__ = "policy_approval"

    version: Mapped[int] = mapped_column(ForeignKey("retention_policy.version"), primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))

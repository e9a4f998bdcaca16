"""Proof of deletion as the hub keeps it: spot checks, what each machine destroyed in a month, and the certificates about it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number


class SpotCheckRow(Central):
    """A camera's day that somebody asks about; its recording machine answers once."""

    __tablename__ = "spot_check"
    __table_args__ = (
        CheckConstraint("end_at > start_at", name="order"),
        CheckConstraint("(answered_at IS NULL) = (proof IS NULL)", name="answered"),
        # The newest first, and those that are past their day.
        Index(None, "asked_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"))
    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
    start_at: Mapped[datetime] = mapped_column(Moment)
    end_at: Mapped[datetime] = mapped_column(Moment)
    drawn: Mapped[bool]
    asked_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    asked_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    proof: Mapped[str | None] = mapped_column(Text)
    """JSON of a `ToldProof`."""


class PurgeMonthRow(Central):
    """What a recording machine destroyed in a month, told once."""

    __tablename__ = "purge_month"

    node_id: Mapped[int] = mapped_column(ForeignKey("node.id"), primary_key=True, autoincrement=False)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    """2026-11, of UTC."""
    told: Mapped[str] = mapped_column(Text)
    """JSON of a `PurgeMonth`."""


class DeletionCertificateRow(Central):
    """What was deleted in a month, as it was signed: never made a second time."""

    __tablename__ = "deletion_certificate"

    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    """JSON of a `DeletionCertificate`."""
    note: Mapped[str] = mapped_column(Text)
    """The log's signature over it."""

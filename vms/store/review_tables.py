"""The camera register's approvals, and privacy reviews: rows that are only ever added."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number


class PlacementRow(Central):
    """The Director approved where a camera looks."""

    __tablename__ = "placement"

    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)
    approved_at: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    place: Mapped[str] = mapped_column(String(NAME_CHARS * 2 + 1))
    purpose: Mapped[str] = mapped_column(Text)
    must_not_see: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    approved_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))


class PrivacyReviewRow(Central):
    """Somebody reviewed the cameras and their rules."""

    __tablename__ = "privacy_review"
    # The newest first.
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Moment)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    result: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the evidence pack as it was then, in hex."""

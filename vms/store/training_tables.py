"""The training register."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number


class TrainingRow(Central):
    """Somebody was trained on a day. It never changes."""

    __tablename__ = "training"
    # Newest first, and those that are past their day.
    __table_args__ = (Index(None, "entered_at"),)

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    what: Mapped[str] = mapped_column(Text)
    refers: Mapped[bool]
    """It taught to refer inquiries to the Director."""
    held_on: Mapped[str] = mapped_column(String(10))
    """2026-11-25"""
    entered_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    entered_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    entered_at: Mapped[datetime] = mapped_column(Moment)

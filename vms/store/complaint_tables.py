"""Complaints, and the cameras that they are about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.complaint import About, Way
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class ComplaintRow(Central):
    """What somebody complains about. What was said never changes; below it stands what became of it."""

    __tablename__ = "complaint"
    __table_args__ = (
        one_of("way", Way, "way"),
        one_of("about", About, "about"),
        CheckConstraint("(start_at IS NULL) = (end_at IS NULL) AND end_at > start_at", name="time"),
        CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answered"),
        # The list: those that wait first; and those that are past their day.
        Index(None, "answered_at", "due_at"),
        # What waits, for the line on each page.
        Index("ix_complaint_due_at", "due_at", sqlite_where=text("answered_at IS NULL"), postgresql_where=text("answered_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    way: Mapped[Way] = mapped_column(Word(Way))
    about: Mapped[About] = mapped_column(Word(About))
    about_person: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    about_name: Mapped[str] = mapped_column(String(NAME_CHARS))
    from_name: Mapped[str] = mapped_column(String(NAME_CHARS))
    from_address: Mapped[str] = mapped_column(Text)
    said: Mapped[str] = mapped_column(Text)
    start_at: Mapped[datetime | None] = mapped_column(Moment)
    end_at: Mapped[datetime | None] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    entered_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    entered_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    entered_at: Mapped[datetime] = mapped_column(Moment)
    hold_id: Mapped[int | None] = mapped_column(Number)
    """No foreign key: the hold may be past its day before the complaint is."""
    answer: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None] = mapped_column(String(300))
    answered_by_name: Mapped[str | None] = mapped_column(String(NAME_CHARS * 3))
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Who complains, about whom, and what they said (`sealed_texts`); the columns are empty."""
    answer_texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The answer, likewise."""


class ComplaintCameraRow(Central):
    __tablename__ = "complaint_camera"

    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), primary_key=True, autoincrement=False)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id"), primary_key=True, autoincrement=False)

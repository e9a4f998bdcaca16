"""Inquiries by the public form."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.inquiry import MAX_LINE_CHARS, AskedBy
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word, one_of


class InquiryRow(Central):
    """What somebody without an account asked. That never changes; below it stands what became of it."""

    __tablename__ = "inquiry"
    __table_args__ = (
        one_of("asked_by", AskedBy, "asked_by"),
        CheckConstraint("decided_at IS NOT NULL OR request_id IS NULL AND reason = ''", name="decided"),
        CheckConstraint("request_id IS NULL OR reason = ''", name="outcome"),
        # The list: those that wait first; how many wait.
        Index(None, "decided_at", "at"),
        # How many came within a day, and what is past its day.
        Index(None, "at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    asked_by: Mapped[AskedBy] = mapped_column(Word(AskedBy))
    name: Mapped[str] = mapped_column(String(MAX_LINE_CHARS))
    agency: Mapped[str] = mapped_column(String(MAX_LINE_CHARS))
    contact: Mapped[str] = mapped_column(String(MAX_LINE_CHARS))
    happened: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(String(MAX_LINE_CHARS))
    when_said: Mapped[str] = mapped_column(String(MAX_LINE_CHARS))
    brings_paper: Mapped[bool]
    at: Mapped[datetime] = mapped_column(Moment)
    request_id: Mapped[int | None] = mapped_column(Number)
    """No foreign key: the two have days of their own."""
    reason: Mapped[str] = mapped_column(Text)
    """Why it was set aside; empty where it was not."""
    decided_by: Mapped[str | None] = mapped_column(String(300))
    """`Actor.label`"""
    decided_by_name: Mapped[str | None] = mapped_column(String(NAME_CHARS * 3))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    texts: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Who asked, and what (`sealed_texts`): the columns of these texts are empty."""

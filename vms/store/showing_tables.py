"""Showings to outsiders at a screen. The database refuses one that no approval of that very scope is behind, or that who asked begins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number

_UNENDED = text("ended_at IS NULL")


class ShowingRow(Central):
    """A showing as it was written down before the first look, and its end with what was on the screen."""

    __tablename__ = "showing"
    __table_args__ = (
        ForeignKeyConstraint(
            ["approval_id", "request_id", "scope_version"],
            ["approval.id", "approval.request_id", "approval.scope_version"],
            name="fk_showing_approval",
        ),
        ForeignKeyConstraint(
            ["request_id", "entered_by"], ["export_request.id", "export_request.entered_by"], name="fk_showing_entered_by"
        ),
        CheckConstraint('"by" <> entered_by', name="another"),
        # The showings of a request.
        Index(None, "request_id", "at"),
        # What a person shows now, at every look, and that nobody shows two things at once; likewise of a request.
        Index("uq_showing_person", "person_id", unique=True, sqlite_where=_UNENDED, postgresql_where=_UNENDED),
        Index("uq_showing_request", "request_id", unique=True, sqlite_where=_UNENDED, postgresql_where=_UNENDED),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(Number)
    approval_id: Mapped[int] = mapped_column(Number)
    scope_version: Mapped[int] = mapped_column(Number)
    entered_by: Mapped[str] = mapped_column(String(300))
    """Of the request."""
    viewer: Mapped[str] = mapped_column(Text)
    belongs: Mapped[str] = mapped_column(Text)
    identity: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    beside: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)
    ends_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    seen: Mapped[str] = mapped_column(Text)
    """JSON: [camera, start_ms, end_ms] of each stretch that was sent to the screen."""

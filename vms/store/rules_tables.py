"""A district's own rules per instrument, in versions: rows are only added, and a version is approved by somebody else than proposed it.

The first version is the product's (`vms.domain.instruments.SHIPPED`), and has no row.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number


class InstrumentRulesRow(Central):
    """One version, as somebody proposed it."""

    __tablename__ = "instrument_rules"
    __table_args__ = (
        CheckConstraint("version >= 2 AND based_on >= 1 AND based_on < version", name="version"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
        # What an approval refers to, so that it can't be by whoever proposed it.
        UniqueConstraint("version", "by"),
    )

    version: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    based_on: Mapped[int] = mapped_column(Number)
    text: Mapped[str] = mapped_column(Text)
    """The document (`vms.domain.instrument_rules.text_of`)."""
    sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)


class InstrumentRulesApprovalRow(Central):
    """The Director's yes to a version: the highest that has one is in force."""

    __tablename__ = "instrument_rules_approval"
    __table_args__ = (
        ForeignKeyConstraint(
            ["version", "proposed_by"], ["instrument_rules.version", "instrument_rules.by"], name="fk_instrument_rules_approval_proposed_by"
        ),
        CheckConstraint('"by" <> proposed_by', name="another"),
    )

    version: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    proposed_by: Mapped[str] = mapped_column(String(300))
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    proof: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(Moment)

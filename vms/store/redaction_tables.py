"""Central tables of redactions: plans of a request, review sheets of what was made by one, and who looked them over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number


class RedactionPlanRow(Central):
    """What of a request's footage is covered; of several that are about what it asks for now, the newest counts."""

    __tablename__ = "redaction_plan"
    __table_args__ = (
        # The plans of a request.
        Index(None, "request_id"),
        CheckConstraint("length(plan_sha256) = 64", name="plan_sha256"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"))
    scope_sha256: Mapped[str] = mapped_column(String(64))
    """Of what the request asked for."""
    plan_sha256: Mapped[str] = mapped_column(String(64))
    """Of the plan's canonical text."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """That text, encrypted under the key of the request's matter: it says where people are."""
    added_by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    added_by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    added_at: Mapped[datetime] = mapped_column(Moment)


class RedactionSheetRow(Central):
    """A review sheet: small pictures of a redacted copy, encrypted."""

    __tablename__ = "redaction_sheet"
    __table_args__ = (
        # The sheets of a request.
        UniqueConstraint("request_id", "number"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"))
    scope_sha256: Mapped[str] = mapped_column(String(64))
    plan_sha256: Mapped[str] = mapped_column(String(64))
    camera_id: Mapped[int] = mapped_column(Number)
    number: Mapped[int] = mapped_column(Number)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class RedactionApprovalRow(Central):
    """Somebody who may approve a request looked over what was made by this plan of this scope, and lets it leave."""

    __tablename__ = "redaction_approval"
    __table_args__ = (
        # The approvals of a request's redactions.
        Index(None, "request_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"))
    scope_sha256: Mapped[str] = mapped_column(String(64))
    plan_sha256: Mapped[str] = mapped_column(String(64))
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)

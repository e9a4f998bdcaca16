"""Inquiries: added by whoever fills in the public form, found by staff, each decided once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import InquiryId, RequestId
from vms.domain.inquiry import Inquiry, Outcome
from vms.store import sealed_texts
from vms.store.inquiry_tables import InquiryRow


def add(session: Session, inquiry: Inquiry) -> None:
    said = {"name": inquiry.name, "agency": inquiry.agency, "contact": inquiry.contact}
    said |= {"happened": inquiry.happened, "place": inquiry.place, "when_said": inquiry.when}
    session.execute(
        insert(InquiryRow).values(
            id=inquiry.id,
            asked_by=inquiry.asked_by,
            brings_paper=inquiry.brings_paper,
            at=inquiry.at,
            reason="",
            **sealed_texts.laid(sealed_texts.lock_to_complain(session), sealed_texts.INQUIRY, (inquiry.id,), said),
        )
    )


def get(session: Session, number: InquiryId) -> Inquiry | None:
    row = session.scalar(select(InquiryRow).where(InquiryRow.id == number).execution_options(populate_existing=True))
    return None if row is None else _inquiry(session, row)


def find(session: Session, *, limit: int) -> list[Inquiry]:
    """Return what waits first, the oldest before the others; then what was decided, the newest first.

    In the place of what can't be read stands a sentence about that.
    """
    order = InquiryRow.decided_at.is_not(None), InquiryRow.decided_at.desc(), InquiryRow.at, InquiryRow.id
    return [_inquiry(session, row) for row in session.scalars(select(InquiryRow).order_by(*order).limit(limit))]


def count_waiting(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(InquiryRow).where(InquiryRow.decided_at.is_(None))) or 0


def count_since(session: Session, since: datetime) -> int:
    return session.scalar(select(func.count()).select_from(InquiryRow).where(InquiryRow.at > since)) or 0


def decide(session: Session, number: InquiryId, outcome: Outcome) -> bool:
    """Write what became of an inquiry that waits; False when it does not, any more."""
    row = InquiryRow
    told = {"request_id": outcome.request, "reason": outcome.reason, "decided_at": outcome.at}
    told |= {"decided_by": outcome.by, "decided_by_name": outcome.by_name}
    done = session.execute(update(row).where(row.id == number, row.decided_at.is_(None)).values(told).returning(row.id))
    return done.first() is not None


def _inquiry(session: Session, row: InquiryRow) -> Inquiry:
    said = sealed_texts.opened_or_said(sealed_texts.lock_of_complaints(session, "an inquiry"), sealed_texts.INQUIRY, row)
    return Inquiry(
        id=InquiryId(row.id),
        asked_by=row.asked_by,
        name=said["name"],
        agency=said["agency"],
        contact=said["contact"],
        happened=said["happened"],
        place=said["place"],
        when=said["when_said"],
        brings_paper=row.brings_paper,
        at=row.at,
        outcome=_outcome(row),
    )


def _outcome(row: InquiryRow) -> Outcome | None:
    if row.decided_at is None:
        return None
    request = None if row.request_id is None else RequestId(row.request_id)
    return Outcome(row.decided_by or "", row.decided_by_name or "", row.decided_at, row.reason, request)

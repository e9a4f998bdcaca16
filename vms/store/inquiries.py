"""Inquiries: added by whoever fills in the public form, found by staff, each decided once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import InquiryId, RequestId
from vms.domain.inquiry import Inquiry, Outcome
from vms.errors import Corrupt, Unavailable
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
            **sealed_texts.encrypted(sealed_texts.key_to_complain(session), sealed_texts.INQUIRY, (inquiry.id,), said),
        )
    )


def get(session: Session, number: InquiryId) -> Inquiry | None:
    """Return an inquiry. Unavailable or Corrupt when what it says can't be read."""
    row = session.scalar(select(InquiryRow).where(InquiryRow.id == number).execution_options(populate_existing=True))
    return None if row is None else _inquiry(row, _opened(session, row))


def find(session: Session, *, limit: int) -> list[Inquiry]:
    """Return what waits first, the oldest before the others; then what was decided, the newest first.

    One whose texts can't be read has its `fault`, and a sentence about that in their place.
    """
    order = InquiryRow.decided_at.is_not(None), InquiryRow.decided_at.desc(), InquiryRow.at, InquiryRow.id
    return [_as_listed(session, row) for row in session.scalars(select(InquiryRow).order_by(*order).limit(limit))]


def newest_opens(session: Session) -> bool:
    """Open what the newest inquiry says; False when there is none. Unavailable or Corrupt says why it can't be read."""
    row = session.scalars(select(InquiryRow).order_by(InquiryRow.at.desc(), InquiryRow.id).limit(1)).one_or_none()
    return row is not None and bool(_opened(session, row))


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


def _opened(session: Session, row: InquiryRow) -> dict[str, str]:
    return sealed_texts.decrypted(sealed_texts.key_of_complaints(session, f"inquiry {row.id}"), sealed_texts.INQUIRY, row)


def _as_listed(session: Session, row: InquiryRow) -> Inquiry:
    try:
        return _inquiry(row, _opened(session, row))
    except (Corrupt, Unavailable) as err:
        return replace(_inquiry(row, dict.fromkeys(sealed_texts.INQUIRY.names, sealed_texts.UNREADABLE)), fault=err)


def _inquiry(row: InquiryRow, said: Mapping[str, str]) -> Inquiry:
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

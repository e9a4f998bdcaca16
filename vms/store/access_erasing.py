"""Erasing the texts of old entries of the access log: what may go, and its going. The triggers let nothing else change an entry."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, func, null, select, update
from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.store.held import held
from vms.store.log_tables import AccessCheckpointRow, AccessEventRow

_CAN_GO = and_(
    AccessEventRow.body.is_not(None), AccessEventRow.action.is_distinct_from(Action.LOG_ERASE.value), ~held(AccessEventRow.camera_id)
)
"""Entries that tell of an erasure stay. So does, as long as a hold covers a camera, who looked at it: whoever has the matter may ask."""


def first_with_text(session: Session, origin: str) -> int | None:
    """Return the number of the oldest entry that can be erased."""
    query = select(AccessEventRow.number).where(AccessEventRow.origin == origin, _CAN_GO)
    return session.scalar(query.order_by(AccessEventRow.number).limit(1))


def first_since(session: Session, origin: str, cutoff: datetime, *, after: int) -> int | None:
    """Return the number of the first entry from `after` on that was written at `cutoff` or later, or does not say when."""
    newer = and_(AccessEventRow.body.is_not(None), func.coalesce(AccessEventRow.at >= cutoff, True))
    query = select(AccessEventRow.number).where(AccessEventRow.origin == origin, AccessEventRow.number >= after, newer)
    return session.scalar(query.order_by(AccessEventRow.number).limit(1))


def was_signed_between(session: Session, origin: str, start: datetime, end: datetime) -> bool:
    query = select(AccessCheckpointRow.size).where(AccessCheckpointRow.origin == origin)
    return session.scalar(query.where(AccessCheckpointRow.at >= start, AccessCheckpointRow.at < end).limit(1)) is not None


def erase(session: Session, origin: str, first: int, last: int, *, told_by: int) -> None:
    """Take salt and text from the entries from `first` to `last` that can go; entry `told_by` says so."""
    within = (AccessEventRow.origin == origin, AccessEventRow.number.between(first, last), _CAN_GO)
    session.execute(update(AccessEventRow).where(*within).values(salt=null(), body=null(), erased_by=told_by))

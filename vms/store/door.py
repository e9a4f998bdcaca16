"""The Director's list of deputies, replaced as a whole, and calls to them, added to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from vms.domain.door import CallWay, Deputy, DoorCall
from vms.domain.ids import PersonId, RequestId
from vms.domain.request import RequestState
from vms.store.door_tables import DeputyRow, DoorCallRow
from vms.store.people_tables import SessionRow
from vms.store.request_tables import RequestStandingRow


def put_deputies(session: Session, deputies: Sequence[Deputy]) -> None:
    session.execute(delete(DeputyRow))
    rows = [{"place": place, "person_id": one.person, "phone": one.phone, "mail": one.mail} for place, one in enumerate(deputies, 1)]
    if rows:
        session.execute(insert(DeputyRow), rows)


def deputies(session: Session) -> list[Deputy]:
    """Return who stands in for the Director, the first to be called first."""
    rows = session.scalars(select(DeputyRow).order_by(DeputyRow.place))
    return [Deputy(PersonId(row.person_id), row.phone, row.mail) for row in rows]


def mailed(session: Session) -> list[RequestId]:
    """Return the warrants of which a deputy was mailed, or could not be, and that nobody has taken up yet."""
    query = select(DoorCallRow.request_id).join(RequestStandingRow, RequestStandingRow.request_id == DoorCallRow.request_id)
    waits = query.where(DoorCallRow.way == CallWay.MAIL, RequestStandingRow.state == RequestState.SUBMITTED)
    return [RequestId(one) for one in session.scalars(waits.distinct().order_by(DoorCallRow.request_id))]


def acting_since(session: Session, persons: Sequence[PersonId], moment: datetime) -> set[PersonId]:
    """Return which of these have done something by hand since `moment`, in a session that nobody has ended."""
    query = select(SessionRow.person_id).where(
        SessionRow.person_id.in_(persons), SessionRow.ended_at.is_(None), SessionRow.acted_at >= moment
    )
    return {PersonId(person) for person in session.scalars(query)}


def add_call(session: Session, request: RequestId, call: DoorCall, *, by: str) -> None:
    last = session.scalar(select(func.max(DoorCallRow.seq)).where(DoorCallRow.request_id == request)) or 0
    told = {"name": call.name, "way": call.way, "reached": call.reached, "by": by, "by_name": call.by_name, "at": call.at}
    session.execute(insert(DoorCallRow).values(request_id=request, seq=last + 1, **told))


def calls(session: Session, request: RequestId) -> list[DoorCall]:
    """Return the calls about a request, the oldest first."""
    rows = session.scalars(select(DoorCallRow).where(DoorCallRow.request_id == request).order_by(DoorCallRow.seq))
    return [DoorCall(row.name, row.reached, row.by_name, row.at, row.way) for row in rows]

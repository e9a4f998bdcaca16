"""Which requests the law keeps secret, and for whom each exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import MatterId, PersonId, RequestId
from vms.domain.request import Lifted, RequestSeal
from vms.store.people_tables import PersonRow
from vms.store.request_tables import ExportRequestRow, SealedRequestPersonRow, SealedRequestRow


def add(session: Session, request: RequestId, seal: RequestSeal) -> None:
    session.execute(insert(SealedRequestRow).values(request_id=request, matter=seal.matter))
    name(session, request, seal.named)


def name(session: Session, request: RequestId, people: Iterable[PersonId]) -> None:
    """Let a sealed request exist for people to whom it did not yet."""
    session.execute(insert(SealedRequestPersonRow), [{"request_id": request, "person_id": person} for person in sorted(people)])


def lift(session: Session, request: RequestId, lifted: Lifted) -> None:
    values = {
        "lifted_on": lifted.on,
        "lifted_reason": lifted.reason,
        "lifted_by": lifted.by,
        "lifted_by_name": lifted.by_name,
        "lifted_at": lifted.at,
    }
    session.execute(update(SealedRequestRow).where(SealedRequestRow.request_id == request).values(**values))


def goes_on(session: Session, matter: MatterId) -> bool:
    """Say whether a request is sealed that writes into this matter of the log."""
    row = SealedRequestRow
    return session.scalar(select(exists().where(row.matter == matter, row.lifted_at.is_(None)))) or False


def opens_a_request(session: Session, matter: MatterId) -> bool:
    """Say whether a request's texts and scans lie under the key of this matter."""
    return session.scalar(select(exists().where(ExportRequestRow.matter == matter))) or False


def seals_of(session: Session, requests: Sequence[int]) -> dict[RequestId, RequestSeal]:
    """Return the seals of those of `requests` that have one, lifted or not."""
    row, person = SealedRequestRow, SealedRequestPersonRow
    query = select(row).where(row.request_id.in_(requests)).execution_options(populate_existing=True)
    rows = {RequestId(one.request_id): one for one in session.scalars(query)}
    named: dict[RequestId, dict[PersonId, str]] = {}
    if rows:
        people = select(person.request_id, person.person_id, PersonRow.name).join(PersonRow, PersonRow.id == person.person_id)
        for request, number, called in session.execute(people.where(person.request_id.in_(sorted(rows))).order_by(PersonRow.name)):
            named.setdefault(RequestId(request), {})[PersonId(number)] = called
    return {number: RequestSeal(MatterId(one.matter), named.get(number, {}), _lifted(one)) for number, one in rows.items()}


def is_sealed() -> ColumnElement[bool]:
    """Return whether the request of the statement around this is secret now."""
    return exists().where(SealedRequestRow.request_id == ExportRequestRow.id, SealedRequestRow.lifted_at.is_(None))


def names(person: PersonId) -> ColumnElement[bool]:
    row = SealedRequestPersonRow
    return exists().where(row.request_id == ExportRequestRow.id, row.person_id == person)


def _lifted(row: SealedRequestRow) -> Lifted | None:
    if row.lifted_at is None:
        return None
    return Lifted(row.lifted_on or "", row.lifted_reason or "", row.lifted_by or "", row.lifted_by_name or "", row.lifted_at)

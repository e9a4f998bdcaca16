"""The access log: entries that are only ever added, numbered per origin. No code path changes or deletes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.orm import Session

from vms.crypto import random_bytes
from vms.domain.access import AccessEvent, Action, Purpose, body_of, event_of
from vms.domain.checkpoint import SALT_BYTES
from vms.domain.ids import BranchId, CameraId
from vms.domain.timespan import Timespan
from vms.errors import Corrupt
from vms.store.central_tables import AccessEventRow, AccessLogRow, CameraRow
from vms.store.database import insert_into

_NAME_BYTES = 8
PAGE = 1024
# Made once: building them for each entry takes ten times what the database does.
_COUNT = (
    update(AccessLogRow)
    .where(AccessLogRow.origin == bindparam("log"))
    .values(last_number=AccessLogRow.last_number + bindparam("numbers"))
    .returning(AccessLogRow.last_number)
)
_INSERT = insert(AccessEventRow)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a reader asks for; None asks for all."""

    before: int | None = None
    """Numbers below this one: the next page."""
    camera_id: CameraId | None = None
    actions: frozenset[Action] | None = None
    actor: str | None = None
    """An `Actor.label`."""
    during: Timespan | None = None
    purposes: frozenset[Purpose] | None = None


def append(session: Session, event: AccessEvent) -> AccessEvent:
    """Write `event` with the next number of its origin and return it with that number.

    The origin's counter row stays locked until the transaction ends, so numbers follow the order of the commits and one that
    is rolled back leaves no hole. Take it last: whoever holds it waits for nobody.
    """
    numbered = replace(event, number=_count(session, event.origin, 1))
    session.connection().execute(
        _INSERT, {"origin": event.origin, "number": numbered.number, "salt": random_bytes(SALT_BYTES), "body": body_of(numbered)}
    )
    return numbered


def find(session: Session, origin: str, reach: frozenset[BranchId] | None, wanted: Filter, *, limit: int) -> Sequence[AccessEvent]:
    """Return events newest first; a reader with a limited reach sees those about cameras of his branches."""
    query = select(AccessEventRow.body).where(AccessEventRow.origin == origin).order_by(AccessEventRow.number.desc()).limit(limit)
    return [event_of(body) for body in session.scalars(_narrowed(query, reach, wanted))]


def following(session: Session, origin: str, actions: frozenset[Action], *, after: int) -> Iterator[AccessEvent]:
    """Yield the events of `actions` behind number `after` in the log's order, a page in memory at a time."""
    query = select(AccessEventRow.body).where(AccessEventRow.origin == origin, AccessEventRow.action.in_(sorted(actions))).limit(PAGE)
    query = query.order_by(AccessEventRow.number)
    while page := [_readable(body) for body in session.scalars(query.where(AccessEventRow.number > after))]:
        yield from page
        after = page[-1].number


def _readable(body: str) -> AccessEvent:
    try:
        return event_of(body)
    except (ValueError, LookupError, TypeError) as err:
        raise Corrupt("An entry of the access log can't be read: it was changed. Run: vms log verify") from err


def newest(session: Session, origin: str) -> int:
    """Return the number that the newest entry has; nothing is held."""
    return session.scalar(select(AccessLogRow.last_number).where(AccessLogRow.origin == origin)) or 0


def last_before(session: Session, origin: str, at: datetime) -> int:
    """Return a number below which every entry is older than `at`, 0 when none is; found by halving, as entries follow the clock."""
    query = select(AccessEventRow.number, AccessEventRow.at).where(AccessEventRow.origin == origin).order_by(AccessEventRow.number).limit(1)
    older, newer = 0, newest(session, origin)
    while older < newer:
        middle = (older + newer) // 2
        found = session.execute(query.where(AccessEventRow.number > middle)).one_or_none()
        if found is None or found.at is None or found.at >= at:
            newer = middle
        else:
            older = found.number
    return older


def last_number(session: Session, origin: str) -> int:
    """Return the number of the newest entry, and hold the log until the transaction ends."""
    return _count(session, origin, 0)


def pad(session: Session, origin: str, numbers: int) -> None:
    """Leave so many numbers out: they are padding."""
    _count(session, origin, numbers)


def _count(session: Session, origin: str, numbers: int) -> int:
    """Go on by so many numbers and return the newest."""
    newest: int | None = session.connection().scalar(_COUNT, {"log": origin, "numbers": numbers})
    if newest is not None:
        return newest
    name = f"custodian/{random_bytes(_NAME_BYTES).hex()}/{origin}"
    session.execute(insert_into(session, AccessLogRow).values(origin=origin, name=name, last_number=0).on_conflict_do_nothing())
    return _count(session, origin, numbers)


def _narrowed(query: Select[str], reach: frozenset[BranchId] | None, wanted: Filter) -> Select[str]:
    if reach is not None:
        query = query.where(AccessEventRow.camera_id.in_(select(CameraRow.id).where(CameraRow.branch_id.in_(sorted(reach)))))
    if wanted.before is not None:
        query = query.where(AccessEventRow.number < wanted.before)
    if wanted.camera_id is not None:
        query = query.where(AccessEventRow.camera_id == wanted.camera_id)
    if wanted.actions is not None:
        query = query.where(AccessEventRow.action.in_(sorted(action.value for action in wanted.actions)))
    if wanted.actor is not None:
        query = query.where(AccessEventRow.actor == wanted.actor)
    if wanted.during is not None:
        query = query.where(AccessEventRow.at >= wanted.during.start, AccessEventRow.at < wanted.during.end)
    if wanted.purposes is not None:
        query = query.where(AccessEventRow.purpose.in_(sorted(wanted.purposes)))
    return query

"""The access log: entries that are only ever added, numbered per origin. Nothing changes or deletes one; see `access_erasing` for texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TypeAlias, TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session, aliased

from vms.crypto import random_bytes
from vms.domain.access import VIEW_DEADLINE, AccessEvent, Action, ErasedEntry, LogLine, Purpose, body_of, line_of, microseconds
from vms.domain.checkpoint import SALT_BYTES
from vms.domain.ids import CameraId
from vms.domain.log_erasure import told_in
from vms.domain.reach import Reach
from vms.domain.timespan import Timespan
from vms.store.central_tables import CameraRow
from vms.store.database import driver_of, insert_into
from vms.store.log_tables import AccessEventRow, AccessLogRow, told
from vms.store.prepared import Prepared, PreparedInsert
from vms.store.reach import cameras_within

_NAME_BYTES = 8
PAGE = 1024
Cells = TypeVarTuple("Cells")
Stored: TypeAlias = tuple[int, bytes | None, str | None, int | None]
_COUNT = Prepared(
    update(AccessLogRow)
    .where(AccessLogRow.origin == bindparam("log"))
    .values(last_number=AccessLogRow.last_number + bindparam("numbers"))
    .returning(AccessLogRow.last_number)
)
_INSERT = PreparedInsert(AccessEventRow, ("origin", "number", "salt", "body"))
_WAITING = "access_log.waiting"
"""Of a session's `info`: the events of a `together` that is not over."""
_WATCHING = sorted(action.value for action in (Action.VIEW_OPEN, Action.VIEW_EXTEND, Action.VIEW_CLOSE, Action.FOOTAGE_READ))


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
    watched: Timespan | None = None
    """Watching of this time alone: footage of it whenever, or live while it was."""


def append(session: Session, event: AccessEvent) -> int:
    """Write `event` with the next number of its origin and return that number; 0 inside `together`.

    The origin's counter row stays locked until the transaction ends, so numbers follow the order of the commits and one that
    is rolled back leaves no hole. Take it last: whoever holds it waits for nobody.
    """
    waiting: list[AccessEvent] | None = session.info.get(_WAITING)
    if waiting is None:
        return _write(session, event.origin, [event])
    waiting.append(event)
    return 0


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Write what is appended inside at the end, by two statements for all; its numbers are not known before.

    What raises inside undoes the transaction: nothing is written then.
    """
    waiting: list[AccessEvent] = []
    session.info[_WAITING] = waiting
    try:
        yield
    finally:
        del session.info[_WAITING]
    for origin in sorted({event.origin for event in waiting}):
        _write(session, origin, [event for event in waiting if event.origin == origin])


def _write(session: Session, origin: str, events: Sequence[AccessEvent]) -> int:
    """Write events and return the number of the first."""
    with driver_of(session) as driver:
        if counted := _COUNT.rows(driver, {"log": origin, "numbers": len(events)}):
            first = counted[0][0] - len(events) + 1
            salts = random_bytes(SALT_BYTES * len(events))
            rows = [
                (origin, number, salts[at : at + SALT_BYTES], body_of(event, number))
                for number, at, event in zip(count(first), range(0, len(salts), SALT_BYTES), events, strict=False)
            ]
            _INSERT.add(driver, rows)
            return first
    _begin(session, origin)
    return _write(session, origin, events)


def lines(session: Session, origin: str, reach: Reach | None, wanted: Filter, *, limit: int) -> Sequence[LogLine]:
    """Return what the log holds, newest first; a reader with a limited reach sees events about the cameras within it.

    What was erased, or can't be read, stands there by its number; a filter that asks for more than a number leaves the erased out.
    """
    query = select(AccessEventRow.number, AccessEventRow.body, AccessEventRow.erased_by).where(AccessEventRow.origin == origin)
    query = _narrowed(query, reach, wanted).order_by(AccessEventRow.number.desc()).limit(limit)
    rows = session.execute(query).all()
    told = _erasures(session, origin, {row.erased_by for row in rows if row.erased_by is not None})
    return [line_of(row.number, row.body) if row.erased_by is None else _erased(row.number, told.get(row.erased_by)) for row in rows]


def find(session: Session, origin: str, reach: Reach | None, wanted: Filter, *, limit: int) -> Sequence[AccessEvent]:
    """Return the events among `lines`."""
    return [line for line in lines(session, origin, reach, wanted, limit=limit) if isinstance(line, AccessEvent)]


def stored(session: Session, origin: str, reach: Reach | None, wanted: Filter, *, limit: int) -> Sequence[Stored]:
    """Return number, salt, text and by what they were erased of entries, newest first, as `lines` narrows them."""
    row = AccessEventRow
    query = select(row.number, row.salt, row.body, row.erased_by).where(row.origin == origin)
    found = session.execute(_narrowed(query, reach, wanted).order_by(row.number.desc()).limit(limit))
    return [(number, salt, body, erased_by) for number, salt, body, erased_by in found]


def _erasures(session: Session, origin: str, numbers: set[int]) -> dict[int, AccessEvent]:
    """Return the entries that say what was erased."""
    if not numbers:
        return {}
    query = select(AccessEventRow.number, AccessEventRow.body).where(AccessEventRow.origin == origin)
    told = [line_of(*row) for row in session.execute(query.where(AccessEventRow.number.in_(sorted(numbers)))).all()]
    return {line.number: line for line in told if isinstance(line, AccessEvent)}


def _erased(number: int, by: AccessEvent | None) -> ErasedEntry:
    told = told_in(by.detail) if by is not None else None
    return ErasedEntry(number, by.at if by is not None else None, told[0].days if told is not None else None)


def following(session: Session, origin: str, actions: frozenset[Action], *, after: int) -> Iterator[AccessEvent]:
    """Yield the events of `actions` behind number `after` in the log's order, a page in memory at a time; without what can't be read."""
    row = AccessEventRow
    query = select(row.number, row.body).where(row.origin == origin, row.action.in_(sorted(actions))).order_by(row.number).limit(PAGE)
    while page := session.execute(query.where(row.number > after)).all():
        yield from (line for line in (line_of(*found) for found in page) if isinstance(line, AccessEvent))
        after = page[-1].number


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
    if counted := _COUNT.rows(session, {"log": origin, "numbers": numbers}):
        return counted[0][0]
    _begin(session, origin)
    return _count(session, origin, numbers)


def _begin(session: Session, origin: str) -> None:
    """Begin a log, unless somebody else has meanwhile."""
    name = f"custodian/{random_bytes(_NAME_BYTES).hex()}/{origin}"
    session.execute(insert_into(session, AccessLogRow).values(origin=origin, name=name, last_number=0).on_conflict_do_nothing())


def _narrowed(query: Select[*Cells], reach: Reach | None, wanted: Filter) -> Select[*Cells]:
    if reach is not None:
        query = query.where(AccessEventRow.camera_id.in_(select(CameraRow.id).where(cameras_within(reach))))
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
    if wanted.watched is not None:
        query = query.where(_touches(wanted.watched, wanted.camera_id))
    return query


def _touches(span: Timespan, camera_id: CameraId | None) -> ColumnElement[bool]:
    """Say of an event whether it is of watching, unsealed ones too, and about footage of `span`, or about a live view that ran in it.

    An opened or extended live view runs to its close, or to its deadline; so it does not touch the span when it was closed before.
    """
    row, other = AccessEventRow, aliased(AccessEventRow)
    begin, end, view = told(row.body, "span", 0), told(row.body, "span", 1), told(row.body, "view")
    watching = row.action.in_(_WATCHING)
    unsealed = and_(row.action == Action.LOG_UNSEAL.value, told(row.body, "detail", "action").in_(_WATCHING))
    recorded = and_(or_(watching, unsealed), begin < microseconds(span.end), end > microseconds(span.start))
    closed = select(told(other.body, "view")).where(other.action == Action.VIEW_CLOSE.value, other.at <= span.start)
    closed = closed.where(other.at > span.start - VIEW_DEADLINE, told(other.body, "view").is_not(None))
    if camera_id is not None:
        closed = closed.where(other.camera_id == camera_id)
    ran = and_(row.at > span.start - VIEW_DEADLINE, row.at < span.end, view.not_in(closed))
    return or_(recorded, and_(watching, end.is_(None), ran))

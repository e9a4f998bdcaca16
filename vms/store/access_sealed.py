"""The sealed entries of the access log: they wait without a number until whoever signs gives them one that would have been padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import LargeBinary, Select, and_, bindparam, cast, func, insert, not_, or_, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import MatterId
from vms.domain.sealed_entry import rest_digest
from vms.store import access_log, access_tree
from vms.store.access_tree import Hashed, Own
from vms.store.columns import Number
from vms.store.log_tables import AccessLogRow, AccessSealedRow

_Kept: TypeAlias = tuple[bytes | None, int, bytes, bytes, bytes]
"""Commitment, position, matter, salt and what is sealed, as the driver gives them."""
_NUMBER = (
    update(AccessSealedRow)
    .where(AccessSealedRow.origin == bindparam("log"), AccessSealedRow.position == bindparam("place"))
    .values(number=bindparam("given"))
)
# Cast, since a hand at SQLite can leave cells of any type there, and a text that is no UTF-8 can't be read.
_POSITION, _GIVEN = cast(AccessSealedRow.position, Number), cast(AccessSealedRow.number, Number)
_COMMITMENT, _SEALED = cast(AccessSealedRow.commitment, LargeBinary), cast(AccessSealedRow.sealed, LargeBinary)
_KEPT = (_COMMITMENT, _POSITION, cast(AccessSealedRow.matter, LargeBinary), cast(AccessSealedRow.salt, LargeBinary), _SEALED)
_LAST_NUMBER = 2**62
"""SQLite holds a text for greater than any number."""
_TWO_OF_ONE_NUMBER = b""
"""No leaf has this hash."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    position: int
    number: int | None
    """None: it waits for a checkpoint that has room."""
    commitment: bytes | None
    """None: it is from before there were any."""
    sealed: bytes


@dataclass(frozen=True, slots=True)
class OtherType:
    """Rows with a cell that nobody wrote through the program."""

    rows: int
    first: int | None
    """The least number of one; None when none has a number."""


class _Place(NamedTuple):
    number: int
    position: int


def next_position(session: Session, origin: str) -> int:
    """Return the position of a new sealed entry. Holds the log until the transaction ends, as `access_log.append` does."""
    access_log.last_number(session, origin)
    query = update(AccessLogRow).where(AccessLogRow.origin == origin).values(last_sealed=AccessLogRow.last_sealed + 1)
    return session.scalars(query.returning(AccessLogRow.last_sealed), execution_options={"synchronize_session": False}).one()


def add(session: Session, origin: str, position: int, matter: MatterId, *, salt: bytes, commitment: bytes | None, sealed: bytes) -> None:
    """Add an entry; `commitment`: None of one as they were before there were any."""
    row = {
        "origin": origin,
        "position": position,
        "matter": bytes.fromhex(matter),
        "salt": salt,
        "commitment": commitment,
        "sealed": sealed,
    }
    session.execute(insert(AccessSealedRow).values(row))


def at(session: Session, origin: str, matter: MatterId, position: int) -> SealedEntry | None:
    """Return the entry of a matter at a position; None when another matter's or none is there."""
    return next(iter(_entries(session, _of_matter(origin, matter, position, position))), None)


def has_number(session: Session, origin: str, position: int) -> bool:
    """Say whether a checkpoint holds the entry at a position."""
    row = AccessSealedRow
    return session.scalar(select(row.number).where(row.origin == origin, row.position == position)) is not None


def rest_of(session: Session, origin: str, position: int) -> bytes:
    """Return what stands behind the commitment in an entry's leaf."""
    row = AccessSealedRow
    query = select(cast(row.salt, LargeBinary), cast(row.matter, LargeBinary), _SEALED).where(row.origin == origin)
    salt, matter, sealed = session.execute(query.where(row.position == position)).one()
    return rest_digest(salt, b"%d" % position, matter, sealed)


def of_matter(session: Session, origin: str, matter: MatterId, *, limit: int, before: int | None = None) -> Sequence[SealedEntry]:
    """Return a matter's newest entries, or the newest before a position; newest first."""
    until = _LAST_NUMBER if before is None else before - 1
    return _entries(session, _of_matter(origin, matter, 1, until).order_by(AccessSealedRow.position.desc()).limit(limit))


def page_of_matter(session: Session, origin: str, matter: MatterId, *, after: int = 0) -> Sequence[SealedEntry]:
    """Return a matter's oldest entries behind a position, in order, as many as are read at a time."""
    return _entries(session, _of_matter(origin, matter, after + 1, _LAST_NUMBER).order_by(AccessSealedRow.position).limit(access_log.PAGE))


def _of_matter(origin: str, matter: MatterId, first: int, last: int) -> Select[int, int | None, bytes | None, bytes]:
    row = AccessSealedRow
    query = select(_POSITION, _GIVEN, _COMMITMENT, _SEALED).where(row.origin == origin, row.matter == bytes.fromhex(matter))
    return query.where(row.position.between(first, last))


def _entries(session: Session, query: Select[int, int | None, bytes | None, bytes]) -> Sequence[SealedEntry]:
    return [SealedEntry(position, number or None, committed, sealed) for position, number, committed, sealed in session.execute(query)]


def number_waiting(session: Session, origin: str, numbers: Sequence[int], *, signed_to: int) -> dict[int, bytes] | None:
    """Give `numbers` to the entries that have waited longest, as far as both go; return the leaf hash of each number that was given.

    None, and nothing is given, unless the greatest number there is was signed, those that get one stand without a gap behind it and
    wait, and the newest is the one that the log's row tells of. Call it with the log held; it looks at no more rows than `numbers`.
    """
    last, newest = _last(session, origin), _newest_numbered(session, origin)
    if newest is None or newest.number > signed_to or _newest_position(session, origin) != last:
        return None
    row, first = AccessSealedRow, newest.position + 1
    query = select(row.number.is_(None), *_KEPT).where(row.origin == origin, row.position >= first)
    query = query.order_by(row.position).limit(len(numbers))
    found: Sequence[tuple[bool, *_Kept]] = session.connection().execute(query).cursor.fetchall()
    given = dict(zip(numbers, range(first, last + 1), strict=False))
    if [(waits, position) for waits, _, position, *_ in found] != [(True, position) for position in given.values()]:
        return None
    if given:
        session.connection().execute(_NUMBER, [{"log": origin, "place": place, "given": number} for number, place in given.items()])
    return {
        number: access_tree.sealed_leaf(committed, salt, position, matter, sealed)
        for number, (_, committed, position, matter, salt, sealed) in zip(given, found, strict=True)
    }


def none_is_gone(session: Session, origin: str) -> bool:
    """Say whether every entry behind the newest one with a number is there and waits, and no other: the oldest get theirs first."""
    row, last = AccessSealedRow, _last(session, origin)
    with_number = select(row.position).where(row.origin == origin, row.number.is_not(None))
    newest = session.scalar(with_number.where(row.position.between(1, _LAST_NUMBER)).order_by(row.position.desc()).limit(1)) or 0
    places = func.count().filter(row.position.between(newest + 1, last))
    waiting, in_place = session.execute(select(func.count(), places).where(row.origin == origin, row.number.is_(None))).one()
    return (waiting, in_place) == (last - newest, last - newest)


def _last(session: Session, origin: str) -> int:
    """Return the position of the newest entry, as the log's row says."""
    return session.scalar(select(AccessLogRow.last_sealed).where(AccessLogRow.origin == origin)) or 0


def _newest_numbered(session: Session, origin: str) -> _Place | None:
    """Return where the greatest number stands, number 0 at position 0 when there is none; None when no log gave such a number."""
    row = AccessSealedRow
    query = select(_GIVEN, _POSITION).where(row.origin == origin, row.number.is_not(None)).order_by(row.number.desc()).limit(1)
    found = session.execute(query).one_or_none()
    if found is None:
        return _Place(0, 0)
    return _Place(*found) if found[0] > 0 else None


def _newest_position(session: Session, origin: str) -> int:
    row = AccessSealedRow
    return session.scalar(select(_POSITION).where(row.origin == origin).order_by(row.position.desc()).limit(1)) or 0


def of_another_type(session: Session, origin: str) -> OtherType:
    """Count the rows with a cell that is not of its column's type: on SQLite a hand can leave any there."""
    if session.get_bind().dialect.name != "sqlite":
        return OtherType(0, None)
    row, whole = AccessSealedRow, func.typeof(AccessSealedRow.number) == "integer"
    fits = and_(
        func.typeof(row.position) == "integer",
        or_(row.number.is_(None), whole),
        func.typeof(row.commitment).in_(("blob", "null")),
        *(func.typeof(one) == "blob" for one in (row.matter, row.salt, row.sealed)),
    )
    query = select(func.count(), func.min(row.number).filter(whole)).where(row.origin == origin, not_(fits))
    return OtherType(*session.execute(query).one())


def numbered(session: Session, origin: str, *, until: int) -> int:
    """Count the entries that have a number up to `until`."""
    row = AccessSealedRow
    return session.scalar(select(func.count()).where(row.origin == origin, row.number.between(1, until))) or 0


def astray(session: Session, origin: str, *, signed_to: int) -> int:
    """Count the rows whose number nobody can have given: outside the tree."""
    row = AccessSealedRow
    return session.scalar(select(func.count()).where(row.origin == origin, or_(row.number < 1, row.number > signed_to))) or 0


def hashes_among(session: Session, origin: str, entries: Iterable[Hashed]) -> Iterator[Hashed]:
    """Yield the pages of `entries` with the sealed ones between them; where two have one number, a hash that no leaf has."""
    sealed = _hashes(session, origin)
    ahead = next(sealed, None)
    for numbers, own in entries:
        if ahead is None or ahead[0] > numbers[-1]:
            yield numbers, own
            continue
        page: dict[int, Own] = dict(zip(numbers, own, strict=True))
        while ahead is not None and ahead[0] <= numbers[-1]:
            page[ahead[0]] = _TWO_OF_ONE_NUMBER if ahead[0] in page else ahead[1]
            ahead = next(sealed, None)
        yield sorted(page), [page[number] for number in sorted(page)]
    while ahead is not None:
        yield [ahead[0]], [ahead[1]]
        ahead = next(sealed, None)


def _hashes(session: Session, origin: str) -> Iterator[tuple[int, bytes]]:
    """Yield number and leaf hash of the entries that have a whole number, in order; a page in memory at a time."""
    row, after = AccessSealedRow, 0
    query = select(row.number, *_KEPT).where(row.origin == origin).order_by(row.number)
    while True:
        page: Sequence[tuple[int, *_Kept]] = (
            session.connection().execute(query.where(row.number.between(after + 1, _LAST_NUMBER)).limit(access_log.PAGE)).cursor.fetchall()
        )
        if not page:
            return
        for number, committed, position, matter, salt, sealed in page:
            if type(number) is int:
                yield number, access_tree.sealed_leaf(committed, salt, position, matter, sealed)
        after = int(page[-1][0])

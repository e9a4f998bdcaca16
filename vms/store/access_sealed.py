"""The sealed entries of the access log: they wait without a number until whoever signs gives them one that would have been padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import LargeBinary, bindparam, cast, func, insert, or_, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import MatterId
from vms.store import access_log, access_tree
from vms.store.access_tree import Hashed, Own
from vms.store.log_tables import AccessLogRow, AccessSealedRow

_Kept: TypeAlias = tuple[int, bytes, bytes, bytes]
"""Position, matter, salt and what is sealed, as the driver gives them."""
_NUMBER = (
    update(AccessSealedRow)
    .where(AccessSealedRow.origin == bindparam("log"), AccessSealedRow.position == bindparam("place"))
    .values(number=bindparam("given"))
)
# Cast, since a hand at SQLite can leave text there that is no UTF-8.
_KEPT = (
    AccessSealedRow.position,
    *(cast(one, LargeBinary) for one in (AccessSealedRow.matter, AccessSealedRow.salt, AccessSealedRow.sealed)),
)
_LAST_NUMBER = 2**62
"""SQLite holds a text for greater than any number."""
_TWO_OF_ONE_NUMBER = b""
"""No leaf has this hash."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    position: int
    number: int | None
    """None: it waits for a checkpoint that has room."""
    sealed: bytes


def next_position(session: Session, origin: str) -> int:
    """Return the position of a new sealed entry. Holds the log until the transaction ends, as `access_log.append` does."""
    access_log.last_number(session, origin)
    query = update(AccessLogRow).where(AccessLogRow.origin == origin).values(last_sealed=AccessLogRow.last_sealed + 1)
    return session.scalars(query.returning(AccessLogRow.last_sealed), execution_options={"synchronize_session": False}).one()


def add(session: Session, origin: str, position: int, matter: MatterId, *, salt: bytes, sealed: bytes) -> None:
    session.execute(
        insert(AccessSealedRow).values(origin=origin, position=position, matter=bytes.fromhex(matter), salt=salt, sealed=sealed)
    )


def of_matter(session: Session, origin: str, matter: MatterId, *, limit: int) -> Sequence[SealedEntry]:
    """Return a matter's newest entries, newest first."""
    row = AccessSealedRow
    query = select(row.position, row.number, row.sealed).where(row.matter == bytes.fromhex(matter), row.origin == origin)
    return [SealedEntry(*found) for found in session.execute(query.order_by(row.position.desc()).limit(limit))]


def following(session: Session, origin: str, matter: MatterId) -> Iterator[SealedEntry]:
    """Yield a matter's entries in order, a page in memory at a time."""
    row, after = AccessSealedRow, 0
    query = (
        select(row.position, row.number, row.sealed).where(row.matter == bytes.fromhex(matter), row.origin == origin).order_by(row.position)
    )
    while page := [SealedEntry(*found) for found in session.execute(query.where(row.position > after).limit(access_log.PAGE))]:
        yield from page
        after = page[-1].position


def number_waiting(session: Session, origin: str, numbers: Sequence[int]) -> dict[int, bytes]:
    """Give `numbers` to the entries that have waited longest, as far as both go; return the leaf hash of each number that was given.

    Call it with the log held.
    """
    row = AccessSealedRow
    query = select(*_KEPT).where(row.origin == origin, row.number.is_(None))
    query = query.order_by(row.position).limit(len(numbers))
    waiting: Sequence[_Kept] = session.connection().execute(query).cursor.fetchall()
    if waiting:
        given = [{"log": origin, "place": one[0], "given": number} for one, number in zip(waiting, numbers, strict=False)]
        session.connection().execute(_NUMBER, given)
    return {
        number: access_tree.sealed_leaf(salt, position, matter, sealed)
        for (position, matter, salt, sealed), number in zip(waiting, numbers, strict=False)
    }


def none_is_gone(session: Session, origin: str) -> bool:
    """Say whether every entry behind the newest one with a number is there and waits, and no other: the oldest get theirs first."""
    row = AccessSealedRow
    last = session.scalar(select(AccessLogRow.last_sealed).where(AccessLogRow.origin == origin)) or 0
    with_number = select(row.position).where(row.origin == origin, row.number.is_not(None))
    newest = session.scalar(with_number.order_by(row.position.desc()).limit(1)) or 0
    places = func.count().filter(row.position.between(newest + 1, last))
    waiting, in_place = session.execute(select(func.count(), places).where(row.origin == origin, row.number.is_(None))).one()
    return (waiting, in_place) == (last - newest, last - newest)


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
    """Yield number and leaf hash of the entries that have a number, in order; a page in memory at a time."""
    row, after = AccessSealedRow, 0
    query = select(row.number, *_KEPT).where(row.origin == origin).order_by(row.number)
    while True:
        page: Sequence[tuple[int, *_Kept]] = (
            session.connection().execute(query.where(row.number.between(after + 1, _LAST_NUMBER)).limit(access_log.PAGE)).cursor.fetchall()
        )
        if not page:
            return
        yield from ((number, access_tree.sealed_leaf(salt, position, matter, sealed)) for number, position, matter, salt, sealed in page)
        after = page[-1][0]

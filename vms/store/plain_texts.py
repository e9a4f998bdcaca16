"""Texts that were stored before those of sealed requests and of complaints were encrypted: encrypted where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Select, and_, inspect, select, update
from sqlalchemy.orm import Session

from vms.errors import Unavailable, reason_of
from vms.store import sealed_texts
from vms.store.complaint_tables import ComplaintRow
from vms.store.database import Engines
from vms.store.request_tables import ExportRequestRow, SealedRequestRow
from vms.store.sealed_texts import ANSWER, COMPLAINT, OF_REQUESTS, Kind, TextKey


@dataclass(slots=True)
class Swept:
    """How many rows were encrypted, and what was left as it is, each with the reason."""

    rows: int = 0
    left: list[str] = field(default_factory=list)


def encrypt_plain(session: Session) -> Swept:
    """Encrypt the texts of every complaint and of every request that is sealed now; what is encrypted already stays as it is.

    A request whose key is not there is left: its texts are all that there is of them. A seal that was lifted is none.
    """
    swept = Swept()
    for request in session.scalars(_sealed_in_plain()).all():
        key = sealed_texts.key_of(session, request)
        try:
            key.source.held()
        except Unavailable as err:
            swept.left.append(reason_of(err))
            continue
        swept.rows += sum(_encrypt(session, key, kind, _of_request(kind, request.id)) for kind in OF_REQUESTS)
    swept.rows += sum(_of_complaints(session, swept))
    return swept


def forget_dead_rows(engines: Engines) -> None:
    """On PostgreSQL, write the tables anew: what an update replaced would stay readable in their files. SQLite overwrites it at once.

    Its statistics hold values of columns, so they are made and written anew, too.
    """
    if engines.write.dialect.name != "postgresql":
        return
    tables = ", ".join(sorted({kind.table for kind in (*OF_REQUESTS, COMPLAINT)}))
    with engines.write.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (f"VACUUM FULL {tables}", f"ANALYZE {tables}", "VACUUM FULL pg_statistic"):
            connection.exec_driver_sql(statement)


def _sealed_in_plain() -> Select[ExportRequestRow]:
    joined = select(ExportRequestRow).join(SealedRequestRow, SealedRequestRow.request_id == ExportRequestRow.id)
    return joined.where(SealedRequestRow.lifted_at.is_(None), ExportRequestRow.texts.is_(None)).order_by(ExportRequestRow.id)


def _of_complaints(session: Session, swept: Swept) -> Iterator[int]:
    answered = and_(ComplaintRow.answered_at.is_not(None), ComplaintRow.answer_texts.is_(None))
    for kind, plain in ((COMPLAINT, ComplaintRow.texts.is_(None)), (ANSWER, answered)):
        if session.scalar(select(ComplaintRow.id).where(plain).limit(1)) is None:
            continue
        try:
            key = sealed_texts.key_to_complain(session)
        except Unavailable as err:
            swept.left.append(reason_of(err))
            return
        yield _encrypt(session, key, kind, plain)


def _of_request(kind: Kind, request: int) -> ColumnElement[bool]:
    columns = inspect(kind.row).columns
    owner = columns["id"] if kind is sealed_texts.ENTERED else columns["request_id"]
    return and_(owner == request, columns[kind.column].is_(None))


def _encrypt(session: Session, key: TextKey, kind: Kind, which: ColumnElement[bool]) -> int:
    rows = session.scalars(select(kind.row).where(which)).all()
    for row in rows:
        values = sealed_texts.encrypted(key, kind, sealed_texts.number_of(row), sealed_texts.decrypted(key, kind, row))
        session.execute(update(kind.row).where(sealed_texts.is_row(row)).values(**values))
    return len(rows)

"""What lies under the district's key of texts, value by value and still encrypted, for whoever replaces that key."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, func, inspect, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from vms.crypto import decrypt, encrypt
from vms.errors import Unavailable
from vms.store.database import Engines
from vms.store.sealed_texts import ANSWER, OF_THE_DISTRICT, Kind, bound_to, key_of_district

_VACUUM_SECONDS = 5
"""How long writing a table anew waits for whoever reads it: whoever comes meanwhile waits behind it."""


@dataclass(frozen=True, slots=True)
class SealedText:
    """The texts of one row under one key."""

    kind: Kind
    number: int
    value: bytes

    @property
    def name(self) -> str:
        """Table and number, which tell nothing of what it says."""
        return f"{self.kind.table} {self.number}" + (" (the answer)" if self.kind is ANSWER else "")

    def opens(self, secret: bytes) -> bool:
        return self.opened(secret) is not None

    def opened(self, secret: bytes) -> bytes | None:
        """Return the plaintext under the key that is made of a key file's `secret`, None when it is another's."""
        return decrypt(key_of_district(secret), self.value, bound_to(self.kind, (self.number,)))

    def under(self, secret: bytes, plaintext: bytes) -> bytes:
        """Return what lies in the place of this value under another key."""
        return encrypt(key_of_district(secret), plaintext, bound_to(self.kind, (self.number,)))


def count(session: Session) -> int:
    return sum(session.scalar(select(func.count(_column(kind)))) or 0 for kind in OF_THE_DISTRICT)


def page(session: Session, kind: Kind, after: int, limit: int) -> list[SealedText]:
    """Return the next of a kind behind the row `after`, by number."""
    row = inspect(kind.row).columns["id"]
    query = select(row, _column(kind)).where(_column(kind).is_not(None), row > after).order_by(row).limit(limit)
    return [SealedText(kind, number, value) for number, value in session.execute(query)]


def put(session: Session, text: SealedText, value: bytes) -> None:
    """Put another value in the place of `text`, where its row is still there."""
    row = inspect(text.kind.row).columns["id"]
    session.execute(update(text.kind.row).where(row == text.number).values({_column(text.kind): value}))


def forget_old_values(engines: Engines) -> None:
    """On PostgreSQL, write the tables anew: what was replaced would stay in their files. SQLite overwrites it at once.

    Unavailable when somebody has them open for so long that the pages would wait.
    """
    if engines.write.dialect.name != "postgresql":
        return
    tables = ", ".join(sorted({kind.table for kind in OF_THE_DISTRICT}))
    with engines.write.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_VACUUM_SECONDS}s'")
        try:
            connection.exec_driver_sql(f"VACUUM FULL {tables}")
        except OperationalError as err:
            raise Unavailable(
                f"The tables {tables} can't be written anew ({' '.join(str(err.orig).split())}), so their files still have what the old "
                "key opens. Both keys stay. Wait until the backup or report that has them open has ended, then run again."
            ) from err
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _column(kind: Kind) -> Column[bytes]:
    return inspect(kind.row).columns[kind.column]

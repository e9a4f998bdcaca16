"""What the tests of sealed entries share: a matter, entries of it, a signer, and a hand at the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from tests.factories import CONSOLE, NOW
from vms.domain.access import Action
from vms.domain.checkpoint import read_note
from vms.domain.ids import MatterId
from vms.services.access_log import record
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.log_verify import LogReport, verify_log
from vms.services.sealed_log import Matter, SealedLine, read_sealed, record_sealed
from vms.store.database import Engines

KEY = LogKey(bytes(range(32)))
MATTER = Matter(MatterId("0" * 32), bytes(32))
OTHER = Matter(MatterId("1" * 32), bytes(range(32)))


def seal(engines: Engines, count: int = 1, *, matter: Matter = MATTER, **detail: str) -> None:
    with engines.writing() as session:
        for number in range(count):
            record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"n": str(number), **detail})


def sign(engines: Engines, *, entries: int = 0) -> int:
    """Write so many ordinary entries and sign; return the checkpoint's size."""
    with engines.writing() as session:
        for _ in range(entries):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        return read_note(sign_checkpoint(session, KEY, at=NOW).note)[0].size


def verify(engines: Engines) -> LogReport:
    with engines.reading() as session:
        return verify_log(session, KEY)


def read(engines: Engines, matter: Matter = MATTER, *, limit: int = 100) -> list[SealedLine]:
    """Return the matter's entries; what the reading itself writes is undone."""
    with engines.writing() as session:
        lines = list(read_sealed(session, matter, actor=CONSOLE, at=NOW, limit=limit).lines)
        session.rollback()
    return lines


def numbers(engines: Engines) -> list[int | None]:
    with engines.read.begin() as connection:
        return list(connection.scalars(text("SELECT number FROM access_sealed ORDER BY position")))


@contextmanager
def unguarded(engines: Engines) -> Iterator[Connection]:
    """A hand at the database that nothing stops."""
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for table in ("access_event", "access_sealed", "access_checkpoint"):
                for verb in ("update", "delete", "replace"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
        yield connection

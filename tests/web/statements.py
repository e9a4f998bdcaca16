"""What a piece of work asks the databases, statement by statement: a time that can be compared without a clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from vms.store.database import Engines


@contextmanager
def statements(engines: Engines) -> Iterator[list[str]]:
    """Yield the list into which go the texts of all statements that run meanwhile, in order, without their values."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    for engine in (engines.read, engines.write):
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        for engine in (engines.read, engines.write):
            event.remove(engine, "before_cursor_execute", hear)

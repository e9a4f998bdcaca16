"""What a piece of work asks the databases, statement by statement: a time that can be compared without a clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from vms.store.database import Driver, Engines

_SAVEPOINT = re.compile(r"\bsa_savepoint_\d+\b")
"""Numbered by how many there were on the connection."""


@contextmanager
def statements(engines: Engines) -> Iterator[list[str]]:
    """Yield the list into which go the texts of all statements that run meanwhile, in order, without their values."""
    said: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(_SAVEPOINT.sub("savepoint", statement))

    def heard(run: Callable[..., Any]) -> Callable[..., Any]:
        def hear_and_run(driver: Driver, statement: str, *values: object) -> object:
            if driver.dialect is engines.read.dialect or driver.dialect is engines.write.dialect:
                said.append(statement)
            return run(driver, statement, *values)

        return hear_and_run

    for engine in (engines.read, engines.write):
        event.listen(engine, "before_cursor_execute", hear)
    try:
        with pytest.MonkeyPatch.context() as patched:
            for name in ("run", "rows", "insert"):
                patched.setattr(Driver, name, heard(getattr(Driver, name)))
            yield said
    finally:
        for engine in (engines.read, engines.write):
            event.remove(engine, "before_cursor_execute", hear)

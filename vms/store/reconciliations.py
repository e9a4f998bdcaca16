"""What the newest comparison of index and files found: one row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from vms.store.retention_tables import ReconciliationRow

_ONE = 1


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Moments are milliseconds since 1970."""

    began_ms: int
    ended_ms: int
    compared: int
    """Rows of segments."""
    read: int
    """Files that were read from end to end."""
    missing: int
    damaged: int
    other: int
    """What does not agree besides: orphans, strays, volumes that are away, runs that overlap."""
    first: tuple[str, ...]
    """Sentences about the first of them."""

    @property
    def ok(self) -> bool:
        return not self.missing + self.damaged + self.other


def put(connection: Connection, found: Reconciliation) -> None:
    """Store what was found in place of the one before."""
    values = {
        "id": _ONE,
        "began_ms": found.began_ms,
        "ended_ms": found.ended_ms,
        "compared": found.compared,
        "read": found.read,
        "missing": found.missing,
        "damaged": found.damaged,
        "other": found.other,
        "first": json.dumps(found.first),
    }
    connection.execute(insert(ReconciliationRow).values(values).on_conflict_do_update(index_elements=["id"], set_=values))


def newest(connection: Connection) -> Reconciliation | None:
    """Return what was found last; None before the first comparison."""
    row = connection.execute(_NEWEST).one_or_none()
    if row is None:
        return None
    *numbers, first = row
    began_ms, ended_ms, compared, read, missing, damaged, other = numbers
    return Reconciliation(began_ms, ended_ms, compared, read, missing, damaged, other, _sentences(first))


_NEWEST = select(
    ReconciliationRow.began_ms,
    ReconciliationRow.ended_ms,
    ReconciliationRow.compared,
    ReconciliationRow.read,
    ReconciliationRow.missing,
    ReconciliationRow.damaged,
    ReconciliationRow.other,
    ReconciliationRow.first,
)


def _sentences(text: str) -> tuple[str, ...]:
    told: Sequence[object] = json.loads(text)
    return tuple(map(str, told))

"""The lease by which a node may destroy: granted by the hub together with all holds, and over when its clock says so."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from vms.domain.retention import ClockReading
from vms.store.database import Driver
from vms.store.prepared import Prepared
from vms.store.retention_tables import DeletionLeaseRow

_ONE = 1
_LEASE = Prepared(select(DeletionLeaseRow.hold_seq, DeletionLeaseRow.boot_id, DeletionLeaseRow.uptime_ms, DeletionLeaseRow.at_ms))


@dataclass(frozen=True, slots=True)
class Lease:
    """What the hub granted, and how the clocks stood just before it was asked."""

    hold_seq: int | None
    """None: it granted nothing; a person said that the clock was right."""
    asked: ClockReading


def put(connection: Connection, lease: Lease) -> None:
    """Store a lease in place of the one before, in the transaction that puts its holds into force."""
    asked = lease.asked
    values = {"id": _ONE, "hold_seq": lease.hold_seq, "boot_id": asked.boot_id, "uptime_ms": asked.uptime_ms, "at_ms": asked.at_ms}
    connection.execute(insert(DeletionLeaseRow).values(values).on_conflict_do_update(index_elements=["id"], set_=values))


def get(connection: Connection) -> Lease | None:
    with Driver(connection) as driver:
        found = _LEASE.rows(driver, {})
    return Lease(found[0][0], ClockReading(*found[0][1:])) if found else None

"""The volumes of this node, as its index knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from vms.domain.ids import VolumeId
from vms.errors import NotFound
from vms.store.database import Driver
from vms.store.index_tables import VolumeRow
from vms.store.prepared import Prepared, PreparedChange


class VolumeState(StrEnum):
    OK = "ok"
    READ_ONLY = "read_only"
    FAILED = "failed"
    """A sync failed or the disk is gone: nothing more is written there until a person says so."""


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    id: VolumeId
    path: Path
    state: VolumeState
    live_bytes: int
    """Sum of the segment files that the index holds there."""
    clean_hour: int
    """Hours since 1970 before which files and rows are known to agree."""


def register(connection: Connection, volume: VolumeId, path: Path) -> None:
    """Make `volume` known at `path`; again with another path when it was mounted elsewhere."""
    moved = connection.execute(update(VolumeRow).where(VolumeRow.uuid == volume).values(path=str(path)))
    if moved.rowcount:
        return
    number = connection.scalar(select(func.coalesce(func.max(VolumeRow.number), 0) + 1))
    row = {"number": number, "uuid": volume, "path": str(path), "state": VolumeState.OK.value, "live_bytes": 0, "clean_hour": 0}
    connection.execute(insert(VolumeRow).values(row))


def all_volumes(connection: Connection) -> list[VolumeRecord]:
    return [_record(row) for row in connection.execute(_COLUMNS.order_by(VolumeRow.number))]


def get(connection: Connection, volume: VolumeId) -> VolumeRecord:
    row = connection.execute(_COLUMNS.where(VolumeRow.uuid == volume)).one_or_none()
    if row is None:
        raise NotFound(f"volume {volume} is not in this node's index")
    return _record(row)


def set_state(connection: Connection, volume: VolumeId, state: VolumeState) -> None:
    connection.execute(update(VolumeRow).where(VolumeRow.uuid == volume).values(state=state.value))


def set_clean_hour(connection: Connection, volume: VolumeId, hour: int) -> None:
    """Say that recovery need not look at hours before `hour` (since 1970) on `volume`."""
    connection.execute(update(VolumeRow).where(VolumeRow.uuid == volume).values(clean_hour=hour))


def add_bytes(connection: Connection, number: int, size_bytes: int) -> None:
    """Count `size_bytes` more (or, negative, fewer) on the volume with the index's own `number`."""
    with Driver(connection) as driver:
        _ADD_BYTES.run(driver, {"of_number": number, "more": size_bytes})


def numbers(connection: Connection) -> dict[VolumeId, int]:
    """Return the index's own small number of each volume."""
    with Driver(connection) as driver:
        return {VolumeId(uuid): number for uuid, number in _NUMBERS.rows(driver, {})}


_NUMBERS = Prepared(select(VolumeRow.uuid, VolumeRow.number))
_ADD_BYTES = PreparedChange(
    update(VolumeRow).where(VolumeRow.number == bindparam("of_number")).values(live_bytes=VolumeRow.live_bytes + bindparam("more"))
)
_COLUMNS = select(VolumeRow.uuid, VolumeRow.path, VolumeRow.state, VolumeRow.live_bytes, VolumeRow.clean_hour)


def _record(row: Row[str, str, str, int, int]) -> VolumeRecord:
    uuid, path, state, live_bytes, clean_hour = row
    return VolumeRecord(VolumeId(uuid), Path(path), VolumeState(state), live_bytes, clean_hour)

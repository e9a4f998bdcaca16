"""The footage on the sheet is that which people know of: what only a sealed hold keeps is in no line."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from tests.factories import NOW
from tests.retention.footage import footage
from vms.domain.footage import Run
from vms.domain.ids import StreamId
from vms.domain.timespan import ms_of
from vms.services import inventory
from vms.store import runs, volumes
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.retention_tables import HoldReplicaRow, StreamRuleRow

STREAM = StreamId(1)
DAY = timedelta(days=1)
OLD, NEW = NOW - 20 * DAY, NOW - 5 * DAY


@pytest.fixture
def recorded(index: Engines, tmp_path: Path) -> Engines:
    """Two minutes of a camera from before its fourteen days, which a sealed hold keeps, and two from within them."""
    volume = Volume.create(tmp_path / "volume")
    times = {"start_ms": ms_of(OLD - DAY), "end_ms": ms_of(OLD + DAY)}
    with index.write.begin() as connection:
        volumes.register(connection, volume.id, volume.path)
        connection.execute(insert(StreamRuleRow).values(stream_id=STREAM, camera_id=11, keep_ms=14 * 86_400_000))
        connection.execute(insert(HoldReplicaRow).values(camera_id=11, hold_id=5, answered=True, sealed=True, **times))
    for start in (OLD, NEW):
        made = footage(index, volume, None, [start, start + timedelta(minutes=1)], stream=STREAM)
        with index.write.begin() as connection:
            runs.put(connection, [Run(STREAM, made[0].start_ms, made[-1].start_ms + 60_000, None)])
    return index


def _lines(index: Engines, at: datetime = NOW) -> list[str]:
    with index.read.begin() as connection:
        return inventory.footage(connection, {STREAM: "Main Street/Entrance, main"}, at)


def test_what_only_a_sealed_hold_keeps_is_on_no_line(recorded: Engines) -> None:
    new = f"Main Street/Entrance, main: {NEW:%Y-%m-%d %H:%M:%S} UTC to {NEW + timedelta(minutes=2):%Y-%m-%d %H:%M:%S} UTC"
    assert _lines(recorded) == [new]
    assert _lines(recorded, NOW + 10 * DAY) == [], "all of it is past its days"
    with recorded.write.begin() as connection:
        connection.execute(update(HoldReplicaRow).values(sealed=False))
    assert f"{OLD:%Y-%m-%d %H:%M:%S} UTC to {NEW:%Y-%m-%d}" in _lines(recorded)[0]
    (kept,) = _lines(recorded, NOW + 10 * DAY)
    assert f"{NEW:%Y-%m-%d}" not in kept

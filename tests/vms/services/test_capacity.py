"""How near the volumes are to being full, by what the index says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from tests.factories import NOW
from tests.recorder.test_health import a_stream
from tests.retention.footage import footage
from vms.domain.camera import NodeConfiguration, Pause, RecordingMode
from vms.domain.capacity import Headroom, Watermark
from vms.domain.footage import Run
from vms.domain.hold import HeldTime, HoldChange
from vms.domain.ids import CameraId, HoldId, StreamId
from vms.domain.purge import PurgeReason
from vms.domain.retention import Orders, StreamRule
from vms.domain.timespan import ms_of
from vms.services.capacity import falling_due, growth, headroom
from vms.store import hold_replica, purge_log, runs, secrecy, stream_config, volumes
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.index_tables import SegmentRow
from vms.store.retention_tables import PurgeRow

MAIN, OFF, PAUSED = StreamId(1), StreamId(2), StreamId(3)
MINUTE = timedelta(minutes=1)
MEGABYTE = 1_000_000


def _recorded(
    index: Engines, volume: Volume, stream: StreamId, minutes: int, *, ended: timedelta = timedelta(), size: int = MEGABYTE
) -> None:
    starts = [NOW - ended - number * MINUTE for number in range(minutes, 0, -1)]
    made = footage(index, volume, None, starts, stream=stream, content=b"x" * size)
    with index.write.begin() as connection:
        runs.put(connection, [Run(stream, made[0].start_ms, made[-1].start_ms + 60_000, None)])


def _erased(connection: Connection, position: int, at: datetime, size: int, reason: PurgeReason = PurgeReason.WINDOW) -> None:
    times = dict.fromkeys(("first_ms", "last_ms", "end_ms", "condemned_ms", "erased_ms"), ms_of(at))
    entry = {"number": position, "stream_id": MAIN, "camera_id": 11, "segments": 60, "size_bytes": size, "keep_ms": 1, "hold_seq": 0}
    connection.execute(insert(PurgeRow), [entry | times | {"position": position, "root": b"", "hash": b"", "reason": reason}])


@pytest.fixture
def volume(index: Engines, tmp_path: Path) -> Volume:
    made = Volume.create(tmp_path / "volume", max_bytes=100 * MEGABYTE)
    with index.write.begin() as connection:
        volumes.register(connection, made.id, made.path)
        pause = Pause(NOW + MINUTE, "works")
        streams = (a_stream(MAIN, RecordingMode.ALWAYS), a_stream(OFF, RecordingMode.OFF), a_stream(PAUSED, RecordingMode.ALWAYS, pause))
        stream_config.replace(connection, NodeConfiguration(1, streams))
    return made


def test_room_lasts_by_what_the_streams_to_be_recorded_took_when_they_were_recorded_last(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 5, ended=timedelta(hours=3))  # not recorded at the moment, and wanted
    _recorded(index, volume, OFF, 5)
    _recorded(index, volume, PAUSED, 5)
    begun, ahead = ms_of(NOW), ms_of(NOW + timedelta(days=30))
    with index.write.begin() as connection:  # it begins anew and holds nothing yet; and a leap of the clock left a run in a time to come
        runs.put(connection, [Run(MAIN, begun, begun, None), Run(MAIN, ahead, ahead + 60_000, None)])
    with index.read.begin() as connection:
        found = headroom(connection, [volume], now=NOW, growing=growth(connection, now=NOW))
    assert found.written == pytest.approx(MEGABYTE / 60, rel=0.01)
    assert found.room == volume.room_left() > 0
    assert found.hours == pytest.approx(found.room / MEGABYTE / 60, rel=0.01)


def test_what_was_erased_in_the_day_before_counts_against_what_was_written(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 120, size=10_000)
    with index.write.begin() as connection:
        for position, erased_at in enumerate((NOW - timedelta(days=2), NOW - timedelta(hours=5), NOW), 1):
            _erased(connection, position, erased_at, 600_000)
        assert purge_log.erased_since(connection, ms_of(NOW - timedelta(days=1))) == (2 * 60, 1_200_000)
        assert purge_log.erased_since(connection, ms_of(NOW + MINUTE)) == (0, 0)
    with index.read.begin() as connection:
        found = headroom(connection, [volume], now=NOW, growing=growth(connection, now=NOW))
    assert found.growth == pytest.approx(0, abs=1)
    assert found.full_in_hours > 1000


def test_what_went_before_its_day_does_not_count_as_room(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 120, size=10_000)
    with index.write.begin() as connection:
        _erased(connection, 1, NOW, 1_200_000, PurgeReason.DISK_FULL)
        assert purge_log.erased_since(connection, ms_of(NOW - timedelta(days=1))) == (0, 0)
    with index.read.begin() as connection:
        assert growth(connection, now=NOW) == pytest.approx(10_000 / 60, rel=0.01)


_A_DAY_MS = 86_400_000
_CAMERA = CameraId(11)


def _keeps_a_day(index: Engines, *held: HeldTime) -> None:
    changes = tuple(HoldChange(number, HoldId(number), _CAMERA, one) for number, one in enumerate(held, 1))
    with index.write.begin() as connection:
        assert hold_replica.apply(connection, Orders(len(held), changes, (StreamRule(MAIN, _CAMERA, _A_DAY_MS),)))


def _found(index: Engines, *volumes: Volume) -> Headroom:
    with index.read.begin() as connection:
        falling = falling_due(connection, volumes, now=NOW)
        return headroom(connection, volumes, now=NOW, growing=growth(connection, now=NOW), falling=falling)


def test_volumes_with_room_for_a_window_are_not_told_to_fill_up_before_the_first_footage_goes(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 60, size=50_000)
    assert 30 < _found(index, volume).hours < 34
    assert _found(index, volume).watermark() is Watermark.WARN, "nobody says how long it is kept"
    _keeps_a_day(index)
    assert _found(index, volume).watermark() is Watermark.ROOM


def test_volumes_without_room_for_a_window_are_told_when_they_are_full(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 60, size=75_000)
    _keeps_a_day(index)
    assert _found(index, volume).full_in_hours == pytest.approx(_found(index, volume).hours, rel=0.01)
    assert _found(index, volume).watermark() is Watermark.WARN


def test_on_the_day_after_the_first_footage_went_the_volumes_are_not_told_to_fill_up_either(index: Engines, volume: Volume) -> None:
    """An hour and a half was erased and a day written."""
    _recorded(index, volume, MAIN, 24 * 60, size=50_000)
    _keeps_a_day(index)
    with index.write.begin() as connection:
        _erased(connection, 1, NOW, 90 * 50_000)
    with index.read.begin() as connection:
        growing = growth(connection, now=NOW)
        assert headroom(connection, [volume], now=NOW, growing=growing).watermark() is Watermark.LOW
    assert _found(index, volume).watermark() is Watermark.ROOM


@pytest.mark.parametrize(("days_old", "mark"), [(0.9, Watermark.ROOM), (1.02, Watermark.ROOM), (1.1, Watermark.WARN)])
def test_who_deletes_late_is_not_counted_on(index: Engines, volume: Volume, days_old: float, mark: Watermark) -> None:
    _recorded(index, volume, MAIN, 60, size=50_000)
    footage(index, volume, None, [NOW - timedelta(days=days_old)], stream=MAIN, content=b"old")
    _keeps_a_day(index)
    assert _found(index, volume).watermark() is mark


def test_what_holds_keep_and_what_lies_on_another_disk_gives_nothing_back(index: Engines, volume: Volume, tmp_path: Path) -> None:
    other = Volume.create(tmp_path / "other", max_bytes=100 * MEGABYTE)
    with index.write.begin() as connection:
        volumes.register(connection, other.id, other.path)
    hours = [timedelta(hours=hour, minutes=30) for hour in (20, 10, 5, 3)]
    for where, ago in zip((volume, volume, other, volume), hours, strict=True):
        footage(index, where, None, [NOW - ago], stream=MAIN, content=b"x" * 1000)
    begun = ms_of(NOW - hours[1])
    _keeps_a_day(index, HeldTime(begun, begun + 60_000))
    with index.read.begin() as connection:
        falling = falling_due(connection, [volume], now=NOW)
    assert {hour: size for hour, size in enumerate(falling.by_hour) if size} == {6: _size(index, 20.5), 23: _size(index, 3.5)}


def test_the_forecast_is_the_same_with_a_sealed_hold_and_without(index: Engines, volume: Volume) -> None:
    hours = [timedelta(hours=hour, minutes=30) for hour in (30, 20, 10)]
    for ago in hours:
        footage(index, volume, None, [NOW - ago], stream=MAIN, content=b"x" * 1000)

    def foreseen() -> list[int]:
        with index.read.begin() as connection:
            return list(falling_due(connection, [volume], now=NOW).by_hour)

    _keeps_a_day(index)
    without = foreseen()
    with index.write.begin() as connection:
        changes = [HoldChange(1, HoldId(1), _CAMERA, HeldTime(ms_of(NOW - hours[0]), None), sealed=True)]
        assert hold_replica.apply(connection, Orders(1, tuple(changes), (StreamRule(MAIN, _CAMERA, _A_DAY_MS),)))
    assert (foreseen(), without[0] > 0) == (without, True), "a pass has not come yet"
    with index.write.begin() as connection:
        secrecy.note_gone(connection, _CAMERA, ms_of(NOW) - _A_DAY_MS)
    assert foreseen() == [0, *without[1:]], "for people, what only it keeps past its window is gone"


def _size(index: Engines, hours: float) -> int:
    with index.read.begin() as connection:
        query = select(SegmentRow.size_bytes).where(SegmentRow.start_ms == ms_of(NOW - timedelta(hours=hours)))
        return connection.execute(query).scalar_one()


def test_a_volume_that_is_away_takes_nothing(index: Engines, volume: Volume) -> None:
    _recorded(index, volume, MAIN, 5)
    volume.path.rename(volume.path.with_name("away"))
    with index.read.begin() as connection:
        found = headroom(connection, [volume], now=NOW, growing=growth(connection, now=NOW))
    assert (found.room, found.watermark()) == (0, Watermark.CRITICAL)


def test_before_anything_was_recorded_there_is_room(index: Engines, volume: Volume) -> None:
    with index.read.begin() as connection:
        assert headroom(connection, [volume], now=NOW, growing=growth(connection, now=NOW)).watermark() is Watermark.ROOM

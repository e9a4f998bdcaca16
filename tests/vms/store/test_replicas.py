"""What travels between node and hub: the configuration down, the coverage up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.factories import STREAM, VOLUME, a_run
from vms.domain.camera import Address, NodeConfiguration, Pause, Priority, RecordingMode, Scheme, StreamConfig, StreamRole
from vms.domain.footage import CoverageSpan
from vms.domain.hours import LocalHours, hours_of
from vms.domain.ids import CameraId, DeviceId, StreamId, VolumeId
from vms.errors import NotFound
from vms.store import outbox, stream_config, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines


def _stream(number: int = 7_001) -> StreamConfig:
    return StreamConfig(
        stream_id=StreamId(number),
        camera_id=CameraId(31),
        device_id=DeviceId(41),
        role=StreamRole.SUB,
        address=Address(Scheme.RTSPS, "10.20.1.11", 322),
        path="/stream2?profile=sub",
        username="viewer",
        password_sealed=b"\x00sealed",
        recording_mode=RecordingMode.LIVE_ONLY,
        camera_name="Children’s room",
        version=4,
        certificate_sha256=bytes(range(32)),
        priority=Priority.HIGH,
    )


def test_a_configuration_reads_back_as_it_was_stored(index: Engines) -> None:
    configuration = NodeConfiguration(9, (_stream(1), _stream(2)))
    with index.write.begin() as connection:
        stream_config.replace(connection, configuration)
    with index.read.begin() as connection:
        assert stream_config.load(connection) == configuration


def test_a_node_that_is_cut_off_goes_by_the_hours_that_it_was_told(index: Engines) -> None:
    """The rule itself is stored: weeks later, with a holiday and after the clocks were set."""
    hours = LocalHours(hours_of("Mon-Fri 09:00-17:00; Sat-Sun closed; 2026-12-25 closed"), "America/Los_Angeles")
    weekly = replace(_stream(), recording_mode=RecordingMode.WEEKLY, hours=hours)
    with index.write.begin() as connection:
        stream_config.replace(connection, NodeConfiguration(9, (weekly,)))
    with index.read.begin() as connection:
        (stored,) = stream_config.load(connection).streams
    assert stored == weekly
    asked = ("2026-10-30T16:30Z", "2026-11-02T16:30Z", "2026-11-02T17:00Z", "2026-12-25T20:00Z")
    assert [stored.is_wanted(datetime.fromisoformat(at)) for at in asked] == [True, False, True, False]
    assert not replace(stored, pause=Pause(datetime(2026, 11, 3, tzinfo=UTC), "painting")).is_wanted(datetime(2026, 11, 2, 17, tzinfo=UTC))


def test_a_new_configuration_takes_the_place_of_the_old(index: Engines) -> None:
    with index.write.begin() as connection:
        stream_config.replace(connection, NodeConfiguration(9, (_stream(1), _stream(2))))
        stream_config.replace(connection, NodeConfiguration(10, ()))
        assert stream_config.load(connection) == NodeConfiguration(10, ())


def test_a_new_node_has_nothing_to_record(index: Engines) -> None:
    with index.read.begin() as connection:
        assert stream_config.load(connection) == NodeConfiguration(0, ())


def test_every_change_of_a_run_waits_for_the_hub_once(index: Engines) -> None:
    run = a_run(0, 60)
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=(a_run(0, 30),)))
        apply_batch(connection, IndexBatch(runs=(run,)))
        assert outbox.pending(connection) == [CoverageSpan(STREAM, run.start_ms, run.end_ms)]


def test_what_the_hub_has_is_forgotten(index: Engines) -> None:
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=(a_run(0, 60), a_run(60, 90))))
        outbox.acknowledge(connection, outbox.pending(connection, limit=1))
        assert [span.start_ms for span in outbox.pending(connection)] == [a_run(60, 90).start_ms]


def test_a_run_that_grew_while_it_was_reported_is_reported_again(index: Engines) -> None:
    with index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=(a_run(0, 60),)))
        reported = outbox.pending(connection)
        apply_batch(connection, IndexBatch(runs=(a_run(0, 120),)))
        outbox.acknowledge(connection, reported)
        assert [span.end_ms for span in outbox.pending(connection)] == [a_run(0, 120).end_ms]


def test_a_volume_found_elsewhere_keeps_its_identity(index: Engines) -> None:
    with index.write.begin() as connection:
        volumes.register(connection, VOLUME, Path("/srv/old"))
        volumes.register(connection, VolumeId("second"), Path("/srv/second"))
        volumes.set_state(connection, VOLUME, volumes.VolumeState.FAILED)
        volumes.set_clean_hour(connection, VOLUME, 493_000)
        volumes.register(connection, VOLUME, Path("/srv/new"))
        assert volumes.all_volumes(connection)[0] == volumes.VolumeRecord(VOLUME, Path("/srv/new"), volumes.VolumeState.FAILED, 0, 493_000)


def test_a_volume_that_is_not_there_is_said_so(index: Engines) -> None:
    with index.read.begin() as connection, pytest.raises(NotFound):
        volumes.get(connection, VOLUME)

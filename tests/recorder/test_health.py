"""What is said of streams whose recorder is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.health import Health
from recorder.wire import StreamFigures, StreamStateChanged, VolumeChanged, WorkerFigures
from tests.recorder.test_clock import DrivenClock
from vms.domain.camera import Address, CameraState, NodeConfiguration, Pause, RecordingMode, Scheme, StreamConfig, StreamRole
from vms.domain.ids import CameraId, DeviceId, StreamId
from vms.store.files import Volume

STREAM, OFF = StreamId(5), StreamId(6)


def a_stream(stream: StreamId, mode: RecordingMode, pause: Pause | None = None) -> StreamConfig:
    return StreamConfig(
        stream_id=stream,
        camera_id=CameraId(11),
        device_id=DeviceId(12),
        role=StreamRole.MAIN,
        address=Address(Scheme.RTSP, "10.20.1.11", 554),
        path="/main",
        username="",
        password_sealed=b"",
        recording_mode=mode,
        camera_name="Entrance",
        version=1,
        pause=pause,
    )


@pytest.fixture
def health() -> Health:
    made = Health(DrivenClock())
    made.configure(NodeConfiguration(1, (a_stream(STREAM, RecordingMode.ALWAYS), a_stream(OFF, RecordingMode.OFF))))
    made.take(0, StreamStateChanged(STREAM, "recording", 0, ""))
    made.take(0, StreamStateChanged(OFF, "off", 0, "Recording of this camera is switched off."))
    return made


def states(health: Health) -> list[CameraState]:
    return [status.state for status in health.statuses()]


def test_after_a_stop_nothing_is_said_to_record(health: Health) -> None:
    health.stopped()

    assert states(health) == [CameraState.OFFLINE, CameraState.OFF]


def test_streams_of_a_worker_that_ended_do_not_record_until_it_says_so(health: Health) -> None:
    health.interrupted([STREAM])
    assert states(health) == [CameraState.CONNECTING, CameraState.OFF]

    health.take(0, StreamStateChanged(STREAM, "recording", 0, ""))
    assert states(health) == [CameraState.RECORDING, CameraState.OFF]


@pytest.mark.parametrize("state", ["silent", "paused"])
def test_a_stream_that_ends_keeps_its_picture_and_has_no_rate(health: Health, state: str) -> None:
    health.take(0, StreamFigures(STREAM, "avc1.640028", 1920, 1080, 4_000_000, 25, 0, 0, 0, 0))
    health.take(0, StreamStateChanged(STREAM, state, 0, "…"))

    shown = health.states()[0]
    assert (shown["codec"], shown["width"], shown["height"], shown["bitrate"]) == ("avc1.640028", 1920, 1080, 0)


def test_a_volume_is_as_bad_as_its_worst_worker_finds_it(tmp_path: Path) -> None:
    volume = Volume.create(tmp_path)
    health = Health(DrivenClock(), (volume,))
    health.take(0, VolumeChanged(volume.id, "full", "No room."))
    health.take(1, VolumeChanged(volume.id, "ok", ""))

    assert health.document()["volumes"] == [{"id": volume.id, "path": str(tmp_path), "condition": "full"}]


def test_each_worker_is_told_with_how_late_it_was(health: Health) -> None:
    health.take(1, WorkerFigures(20, 3))
    health.take(0, WorkerFigures(7, 110))

    assert health.document()["workers"] == [
        {"number": 0, "write_lag_ms": 7, "loop_late_ms": 110},
        {"number": 1, "write_lag_ms": 20, "loop_late_ms": 3},
    ]

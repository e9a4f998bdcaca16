"""What the supervisor holds open, where something of it is missing or the clock was set back."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from recorder.keys import KEPT_HOURS, KeyRing
from recorder.node import open_node
from recorder.supervisor import run
from tests.recorder.site import CLOCK, Site
from vms.config import VolumeSetting
from vms.domain.camera import Address, RecordingMode, Scheme, StreamConfig, StreamRole
from vms.domain.footage import Run
from vms.domain.ids import CameraId, DeviceId, StreamId, VolumeId
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, ms_of
from vms.errors import Unavailable
from vms.store import volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.volumes import VolumeState


def test_one_disk_that_is_missing_does_not_keep_the_other_from_recording(site: Site, tmp_path: Path) -> None:
    (there,) = site.settings.volumes
    missing = VolumeSetting(path=tmp_path / "not mounted")
    gone = VolumeId("6c7a3bb0-2b8e-4f0e-9c1d-0a51f2f6c001")
    with site.index.write.begin() as connection:
        volumes.register(connection, gone, missing.path)

    node = open_node(site.settings.model_copy(update={"volumes": (missing, there)}), CLOCK)
    node.close()

    assert [volume.path for volume in node.volumes] == [there.path]
    with site.index.read.begin() as connection:
        assert volumes.get(connection, gone).state is VolumeState.FAILED


def test_without_any_volume_nothing_starts(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no volume"):
        open_node(site.settings.model_copy(update={"volumes": (VolumeSetting(path=tmp_path),)}), CLOCK)


def a_stream(number: int, *, camera: int) -> StreamConfig:
    address = Address(Scheme.RTSP, "10.0.0.1", 554)
    return StreamConfig(
        StreamId(number), CameraId(camera), DeviceId(1), StreamRole.MAIN, address, "/", "", b"", RecordingMode.ALWAYS, "", 1
    )


def test_after_the_clock_was_set_back_the_keys_of_the_hours_ahead_are_due(site: Site) -> None:
    now_ms = ms_of(CLOCK.now())
    ahead = [Run(StreamId(number), now_ms, now_ms + hours * MS_PER_HOUR, None) for number, hours in ((5, 5), (6, 9))]
    with site.index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=tuple(ahead)))
    node = open_node(site.settings, CLOCK)
    due = node.hours_due([a_stream(5, camera=11), a_stream(6, camera=11)])[CameraId(11)]
    node.close()

    assert {now_ms // MS_PER_HOUR + more for more in (0, 1, 5, 6, 9, 10)} <= set(due)
    assert len(due) <= KEPT_HOURS


def test_footage_ahead_of_the_clock_takes_no_other_camera_the_key_of_now(site: Site) -> None:
    now_ms = ms_of(CLOCK.now())
    ahead = [Run(StreamId(number), now_ms, now_ms + 2 * number * MS_PER_HOUR, None) for number in range(1, 9)]
    with site.index.write.begin() as connection:
        apply_batch(connection, IndexBatch(runs=tuple(ahead)))
    node = open_node(site.settings, CLOCK)
    due = node.hours_due([a_stream(number, camera=number) for number in range(1, 10)])
    ring = KeyRing()
    for camera, hour, key in node.hour_keys(due)[CameraId(9)].keys:
        ring.add(CameraId(camera), hour, bytes.fromhex(key))
    node.close()

    assert ring.key(CameraId(9), now_ms * TICKS_PER_MS) is not None
    assert len(due[CameraId(9)]) <= 3


def test_a_data_directory_too_deep_for_a_socket_is_refused_in_words(site: Site, tmp_path: Path, log_lines: io.StringIO) -> None:
    deep = site.settings.model_copy(update={"data_dir": tmp_path / ("d" * 120)})

    assert run(deep, CLOCK) == 2
    assert "too long for a Unix socket" in log_lines.getvalue()

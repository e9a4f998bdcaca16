"""A disk that refuses one thing: its volume is given up until the recorder starts again, and the next one takes over."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.disks.machine import FaultyDisk
from tests.disks.watch import (
    PATIENCE_SECONDS,
    acknowledged,
    assert_nothing_lost,
    records_on,
    volume_states,
    wait_for_more,
    watch,
)
from tests.fakes.fault_fs import Fault
from tests.recorder.site import Cameras, Site, a_site
from tests.waiting import wait_until
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId
from vms.store.files import Volume
from vms.store.volumes import VolumeState

pytestmark = pytest.mark.slow

REFUSALS = {
    "create": Fault("create", error="EIO", folder="/create"),
    "write": Fault("write", error="EIO", folder="/write"),
    "fsync": Fault("fsync", error="EIO", folder="/fsync"),
    "fsyncdir": Fault("fsyncdir", error="EIO", folder="/fsyncdir"),
    "rename": Fault("rename", error="EIO", folder="/rename"),
    "statfs": Fault("statfs", error="EIO", folder="/statfs"),
}


def test_whatever_a_disk_refuses_its_volume_is_given_up_until_the_next_start_and_the_next_takes_over(
    tmp_path: Path, disk: FaultyDisk, cameras: Cameras
) -> None:
    paths = [*(disk.path / name for name in REFUSALS), tmp_path / "sound"]
    with a_site(tmp_path / "data", segment_seconds=1, workers=2, volumes=paths) as site:
        ids = [Volume.open(path).id for path in paths]
        streams = watch(site, cameras)
        site.start()
        for fault, volume, following in zip(REFUSALS.values(), ids, ids[1:], strict=False):
            wait_until(lambda volume=volume: records_on(site, streams) == {volume}, seconds=PATIENCE_SECONDS)  # type: ignore[misc]
            disk.fail(fault)
            wait_until(lambda following=following: records_on(site, streams) == {following}, seconds=PATIENCE_SECONDS)  # type: ignore[misc]
            disk.mend()
        os.kill(site.children("recorder.worker")[0], signal.SIGKILL)
        wait_for_more(site, streams, 2)
        assert records_on(site, streams) == {ids[-1]}, "a worker that is started again leaves them alone too"
        states = volume_states(site)
        promised = acknowledged(site, streams)
        assert site.stop() == 0

        site.start()
        wait_until(lambda: records_on(site, streams) == {ids[0]}, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0
        assert states == {**dict.fromkeys(ids, VolumeState.FAILED), ids[-1]: VolumeState.OK}
        for stream in streams:
            reasons = {gap.reason for gap in site.gaps(stream)}
            assert reasons - {GapReason.RECORDER_CRASHED} == {GapReason.DISK_ERROR, GapReason.RECORDER_STOPPED}
        assert_nothing_lost(site, streams, promised)


def disk_errors(site: Site, streams: Sequence[StreamId], *, while_watched: FaultyDisk) -> bool:
    while_watched.read_open_segments()
    return all(GapReason.DISK_ERROR in {gap.reason for gap in site.gaps(stream)} for stream in streams)


def test_what_a_failed_sync_lost_is_not_taken_for_footage_at_the_next_start(tmp_path: Path, disk: FaultyDisk, cameras: Cameras) -> None:
    with a_site(tmp_path / "data", segment_seconds=4, volumes=[disk.path]) as site:
        streams = watch(site, cameras)
        site.start(VMS_SYNC_SECONDS="60")
        wait_for_more(site, streams)
        disk.fail(Fault("fsync", error="EIO", loses=True))
        wait_until(lambda: disk_errors(site, streams, while_watched=disk), seconds=PATIENCE_SECONDS)
        promised = acknowledged(site, streams)
        disk.mend()
        wait_until(lambda: {site.state(stream) for stream in streams} == {"disk_full"}, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0

        site.start()
        wait_until(lambda: acknowledged(site, streams) > promised, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0
        disk.forget_cached()
        assert_nothing_lost(site, streams, promised)

"""A disk that is slow, or does not answer at all: no socket waits for it, memory stays bounded, and what is missing is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import unix_connect

from recorder.demo.cameras import DemoCameras
from recorder.writer import MAX_QUEUED_BYTES
from tests.disks.machine import FaultyDisk
from tests.disks.watch import PATIENCE_SECONDS, acknowledged, assert_nothing_lost, wait_for_gaps, wait_for_more, watch
from tests.fakes.cameras import heavier
from tests.fakes.fault_fs import Fault
from tests.recorder.site import Cameras, Site, a_site
from tests.waiting import wait_until
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId

pytestmark = pytest.mark.slow
BYTES_PER_PICTURE = 200_000
"""At ten pictures a second 8 MiB are reached after four seconds."""


@pytest.fixture
def heavy_and_light() -> Iterator[Cameras]:
    """Two cameras; the first sends 16 Mbit/s."""
    made = Cameras(2)
    made.do(make_first_heavy)
    yield made
    made.close()


def make_first_heavy(demo: DemoCameras) -> None:
    stream = demo.server.streams[demo.keys[0], "main"]
    stream.change_clip(heavier(stream.original, bytes_per_picture=BYTES_PER_PICTURE))


def queued_bytes(site: Site, stream: StreamId) -> int:
    queued = site.states().get(stream, {}).get("queued_bytes", 0)
    assert isinstance(queued, int)
    return queued


def test_a_disk_that_does_not_answer_stalls_no_socket_and_fills_no_memory(
    tmp_path: Path, disk: FaultyDisk, heavy_and_light: Cameras
) -> None:
    with a_site(tmp_path / "data", volumes=[disk.path]) as site:
        heavy, light = watch(site, heavy_and_light)
        site.start()
        wait_for_more(site, [heavy, light])
        wait_until(lambda: site.state(heavy) == "recording", seconds=PATIENCE_SECONDS)
        promised = acknowledged(site, [heavy, light])
        disk.fail(Fault("write", hangs=True))
        wait_for_gaps(site, [heavy], GapReason.DISK_SLOW)
        wait_until(lambda: site.state(heavy) == "disk_full", seconds=PATIENCE_SECONDS)
        with unix_connect(
            str(site.settings.node_socket), f"ws://node/v1/live/{heavy}", additional_headers=site.grant(heavy, None), compression=None
        ) as socket:
            while isinstance(socket.recv(5), str):
                pass
        wait_until(lambda: queued_bytes(site, heavy) > MAX_QUEUED_BYTES // 2, seconds=PATIENCE_SECONDS)
        assert queued_bytes(site, heavy) <= MAX_QUEUED_BYTES

        disk.mend()
        wait_for_more(site, [heavy, light], 2)
        wait_until(lambda: site.state(heavy) == "recording", seconds=PATIENCE_SECONDS)
        wait_until(lambda: queued_bytes(site, heavy) < MAX_QUEUED_BYTES // 8, seconds=PATIENCE_SECONDS)  # a stop waits 17 s for it
        assert site.stop() == 0
        assert [gap.reason for gap in site.gaps(heavy)] == [GapReason.DISK_SLOW, GapReason.RECORDER_STOPPED]
        assert len(site.runs(light)) == 1
        assert_nothing_lost(site, [heavy, light], promised)


def test_a_disk_that_is_always_too_slow_is_a_gap_again_and_again_and_never_a_hole(
    tmp_path: Path, disk: FaultyDisk, heavy_and_light: Cameras
) -> None:
    with a_site(tmp_path / "data", volumes=[disk.path]) as site:
        streams = watch(site, heavy_and_light)
        site.start()
        wait_for_more(site, streams)
        disk.fail(Fault("write", bytes_per_second=1_000_000))
        wait_for_gaps(site, streams[:1], GapReason.DISK_SLOW)
        wait_for_more(site, streams[:1], 4)
        promised = acknowledged(site, streams)
        disk.mend()
        assert site.stop() == 0
        assert_nothing_lost(site, streams, promised)

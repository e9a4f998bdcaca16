"""A disk that fills up for real, with everything of an installation on it: what is left out first, what goes on, what comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.disks.machine import loop_image
from tests.disks.watch import PATIENCE_SECONDS, acknowledged, assert_nothing_lost, wait_for_gaps, wait_for_more
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.waiting import wait_until
from vms.domain.camera import Priority, StreamRole
from vms.domain.capacity import Headroom
from vms.domain.footage import GapReason
from vms.domain.full_disk import NO_SUB_STREAMS, NOT_THIS_CAMERA
from vms.domain.ids import StreamId
from vms.services.capacity import headroom

pytestmark = pytest.mark.slow
NO_RESERVE = ("mkfs.ext4", "-q", "-F", "-m", "0")
"""ext4 keeps a twentieth for root, as whom these tests run: a disk would not be full."""


def room(site: Site) -> Headroom:
    with site.index.read.begin() as connection:
        return headroom(connection, [site.volume()], now=CLOCK.now())


def leave(site: Site, disk: Path, hours: float) -> None:
    """Take so much of the disk that its room lasts for so many hours."""
    found = room(site)
    take(disk, found.room - int(hours * 3600 * found.written))


def take(disk: Path, size_bytes: int) -> None:
    filler = disk / f"filler-{len(list(disk.glob('filler-*')))}"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size_bytes)


def give_back(disk: Path) -> None:
    for filler in disk.glob("filler-*"):
        filler.unlink()


def wait_for_mark(site: Site, event: str, watermark: str) -> None:
    told = {"event": event, "watermark": watermark}
    wait_until(lambda: any(told.items() <= line.items() for line in site.log_lines()), seconds=PATIENCE_SECONDS)


def reasons(site: Site, stream: StreamId) -> set[tuple[GapReason, str]]:
    return {(gap.reason, gap.detail) for gap in site.gaps(stream)}


def test_sub_streams_stop_before_cameras_that_matter_less_and_all_come_back_with_room(tmp_path: Path, cameras: Cameras) -> None:
    demo, (first, second) = cameras.demo, cameras.demo.keys
    with loop_image(tmp_path / "i", size_mb=1000, make=NO_RESERVE) as disk, a_site(disk / "data") as site:
        camera = site.add_camera("Entrance", demo.port, demo.path(first), sub_path=demo.path(first, "sub"), priority=Priority.HIGH)
        high, sub = stream_of(camera), stream_of(camera, StreamRole.SUB)
        low = stream_of(site.add_camera("Shelves", demo.port, demo.path(second), priority=Priority.LOW))
        site.start()
        wait_for_more(site, (high, sub, low), 2)
        assert room(site).hours > 2

        leave(site, disk, 0.75)
        wait_until(lambda: (GapReason.DISK_FULL, NO_SUB_STREAMS) in reasons(site, sub), seconds=PATIENCE_SECONDS)
        wait_for_mark(site, "volumes fill up", "critical")
        wait_for_more(site, (high, low))
        assert reasons(site, low) == set()
        wait_until(lambda: site.state(sub) == "disk_full", seconds=PATIENCE_SECONDS)

        leave(site, disk, 0.3)
        wait_until(lambda: (GapReason.DISK_FULL, NOT_THIS_CAMERA) in reasons(site, low), seconds=PATIENCE_SECONDS)
        wait_for_more(site, (high,))
        assert reasons(site, high) == set()

        take(disk, room(site).room - 200_000)
        wait_for_gaps(site, (high,), GapReason.DISK_FULL)
        promised = acknowledged(site, (high, sub, low))

        give_back(disk)
        wait_for_more(site, (high, sub, low))
        wait_for_mark(site, "volumes have more room again", "low")
        assert site.stop() == 0
        assert_nothing_lost(site, (high, sub, low), promised)

"""A disk that fills up for real, with everything of an installation on it: what is left out first, what goes on, what comes back."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.disks.machine import loop_image
from tests.disks.watch import (
    PATIENCE_SECONDS,
    acknowledged,
    assert_all_live,
    assert_nothing_lost,
    assert_time_is_accounted_for,
    wait_for_gaps,
    wait_for_more,
)
from tests.factories import CONSOLE
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.retention.footage import footage
from tests.vms.services.holding import a_hold, a_new_hold, deciders, of_cameras
from tests.waiting import wait_until
from vms.domain.camera import CameraDetails, Priority, StreamRole
from vms.domain.capacity import Headroom
from vms.domain.footage import GapReason, Segment
from vms.domain.full_disk import NO_SUB_STREAMS, NOT_THIS_CAMERA
from vms.domain.ids import StreamId
from vms.domain.policy import DISTRICT, Days, RetentionPolicy
from vms.services.capacity import headroom
from vms.store import holds, policies
from vms.store.ballast import BALLAST

pytestmark = pytest.mark.slow
NO_RESERVE = ("mkfs.ext4", "-q", "-F", "-m", "0")
"""ext4 keeps a twentieth for root, as whom these tests run: a disk would not be full."""


def room(site: Site) -> Headroom:
    with site.index.read.begin() as connection:
        return headroom(connection, [site.volume()], now=CLOCK.now(), growing=None)


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


def test_on_a_disk_without_an_octet_left_held_footage_stays_what_is_past_its_window_goes_and_recording_goes_on(
    tmp_path: Path, cameras: Cameras
) -> None:
    demo, key = cameras.demo, cameras.demo.keys[0]
    with loop_image(tmp_path / "i", size_mb=128, make=NO_RESERVE) as disk, a_site(disk / "data") as site:
        camera = site.add_camera("Entrance", demo.port, demo.path(key))
        stream = stream_of(camera)
        site.start()
        wait_for_more(site, (stream,), 2)
        assert retained(site)["paused"] is None  # the first lease, by a clock that is right
        held, free = past_its_window(site, camera, days=21), past_its_window(site, camera, days=20)
        hold(site, camera, held)
        octets = [site.volume().segment_path(one.id).read_bytes() for one in held]

        wait_until(lambda: filled(disk))  # a segment that ends gives back what it had reserved
        wait_until_full(site, stream)
        promised = acknowledged(site, (stream,))
        close_databases(site)  # the room that they had in their logs of writes goes too
        take_everything(disk)
        passed = retained(site)
        assert (passed["paused"], passed["purged"], passed["kept"]) == (None, len(free), len(held))
        assert not (site.volume().path / BALLAST).exists()
        assert [site.volume().segment_path(one.id).read_bytes() for one in held] == octets
        assert not any(site.volume().segment_path(one.id).exists() for one in free)
        assert_all_live(site, [one.id for one in held])

        site.start()
        wait_for_more(site, (stream,))
        give_back(disk)
        assert retained(site)["paused"] is None
        assert (site.volume().path / BALLAST).stat().st_size == site.volume().ballast_bytes
        wait_for_more(site, (stream,))
        assert site.stop() == 0
        assert_all_live(site, promised)
        assert_time_is_accounted_for(site, stream)


def test_where_the_policy_lets_it_the_oldest_goes_before_its_day_and_sub_streams_go_on(tmp_path: Path, cameras: Cameras) -> None:
    demo, key = cameras.demo, cameras.demo.keys[0]
    with loop_image(tmp_path / "i", size_mb=1500, make=NO_RESERVE) as disk, a_site(disk / "data") as site:
        camera = site.add_camera("Entrance", demo.port, demo.path(key), sub_path=demo.path(key, "sub"))
        main, sub = stream_of(camera), stream_of(camera, StreamRole.SUB)
        site.start()
        wait_for_more(site, (main, sub), 2)
        assert site.stop() == 0
        let_go_early(site, floor=5)
        step = int(0.35 * 3600 * room(site).written)  # two of them lead from 1.9 hours to more than 2.5
        held, *old = (past_its_window(site, camera, days=days, size_bytes=step) for days in (9, 8, 7, 6))
        young = past_its_window(site, camera, days=4)
        hold(site, camera, held)
        leave(site, disk, 1.9)

        passed = retained(site)
        assert (passed["paused"], passed["purged"], passed["early"]) == (None, 20, 20)
        assert room(site).hours >= 2.5
        assert not any(site.volume().segment_path(one.id).exists() for one in (*old[0], *old[1]))
        assert_all_live(site, [one.id for one in (*held, *old[2], *young)])
        assert retained(site)["early"] == 0

        site.start()
        wait_for_more(site, (main, sub))
        assert (GapReason.DISK_FULL, NO_SUB_STREAMS) not in reasons(site, sub)
        leave(site, disk, 1.2)
        assert retained(site)["early"] == 10
        assert site.stop() == 0
        assert_all_live(site, [one.id for one in (*held, *young)])


def let_go_early(site: Site, *, floor: int) -> None:
    with site.central.writing() as session:
        holds.lock(session)
        days, at = Days(floor, 14, 30, early=True), CLOCK.now()
        policy = RetentionPolicy(policies.next_version(session), DISTRICT, days, "", "", None, "the new matters more", "", "", at)
        policies.add(session, policy)
        policies.put_in_force(session, policy.version, by=CONSOLE, by_name="Pat", at=at)


def filled(disk: Path) -> bool:
    """Take everything; say whether not an octet more is taken."""
    take_everything(disk)
    try:
        (disk / "one more").write_bytes(bytes(4096))
    except OSError as err:
        return err.errno == errno.ENOSPC
    return False


def wait_until_full(site: Site, stream: StreamId) -> None:
    wait_until(lambda: site.state(stream) == "disk_full", seconds=PATIENCE_SECONDS)


def past_its_window(site: Site, camera: CameraDetails, *, days: int, size_bytes: int = 10_000_000) -> list[Segment]:
    """Put ten segments of an hour of that day there, so large together."""
    begun = (CLOCK.now() - timedelta(days=days)).replace(minute=10)
    starts = [begun + timedelta(minutes=number) for number in range(10)]
    return footage(
        site.index, site.volume(), None, starts, stream=stream_of(camera), camera=camera.camera.id, content=os.urandom(size_bytes // 10)
    )


def hold(site: Site, camera: CameraDetails, footage_held: list[Segment]) -> None:
    first, last = footage_held[0].span, footage_held[-1].span
    with site.central.writing() as session:
        director, _ = deciders(session)
        a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=first.start, end=last.end), at=CLOCK.now())


def close_databases(site: Site) -> None:
    site.stop()
    site.index.dispose()
    site.central.dispose()


def take_everything(disk: Path) -> None:
    for size in (1_000_000, 65_536, 4_096):
        with suppress(OSError):
            while True:
                take(disk, size)


def retained(site: Site) -> dict[str, object]:
    """Make a pass of retention in a process of its own, and return what it says."""
    command = [sys.executable, "-m", "vms", "--data", str(site.settings.data_dir), "retain", "--once", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    passed: dict[str, object] = json.loads(done.stdout)
    return passed

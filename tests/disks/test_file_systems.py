"""Real file systems that fill up, turn read-only or go away under the recorder: what comes back by itself, and what does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.disks.machine import in_memory, loop_image, mount_image, trigger_error, unmount
from tests.disks.watch import (
    PATIENCE_SECONDS,
    acknowledged,
    assert_all_live,
    assert_nothing_lost,
    records_on,
    volume_states,
    wait_for_event,
    wait_for_gaps,
    wait_for_more,
    watch,
)
from tests.recorder.site import Cameras, a_site
from tests.waiting import wait_until
from vms.domain.footage import GapReason
from vms.store.files import Volume
from vms.store.volumes import VolumeState

pytestmark = pytest.mark.slow


def fill(folder: Path) -> Path:
    """Take all the room of a file system, in one file."""
    filler = folder / "filler"
    stat = os.statvfs(folder)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, stat.f_bavail * stat.f_frsize)
    return filler


def take_all_inodes(folder: Path) -> list[Path]:
    """Make empty files until the file system has no inode for another one."""
    made: list[Path] = []
    while os.statvfs(folder).f_ffree:
        made.append(folder / f"nothing-{len(made)}")
        made[-1].touch()
    return made


def test_recording_on_a_full_disk_goes_on_by_itself_when_there_is_room(tmp_path: Path, cameras: Cameras) -> None:
    with loop_image(tmp_path / "image", size_mb=64) as path, a_site(tmp_path / "data", volumes=[path / "volume"]) as site:
        streams = watch(site, cameras)
        site.start()
        wait_for_more(site, streams)
        filler = fill(path)
        wait_for_gaps(site, streams, GapReason.DISK_FULL)
        promised = acknowledged(site, streams)
        wait_until(lambda: site.state(streams[0]) == "disk_full", seconds=PATIENCE_SECONDS)

        filler.unlink()
        wait_for_more(site, streams)
        assert site.stop() == 0
        assert_nothing_lost(site, streams, promised)


def test_a_full_volume_hands_over_to_the_next(tmp_path: Path, cameras: Cameras) -> None:
    paths = [tmp_path / "small" / "volume", tmp_path / "large"]
    with in_memory(tmp_path / "small", size_mb=16) as small, a_site(tmp_path / "data", volumes=paths) as site:
        streams = watch(site, cameras)
        site.start()
        wait_for_more(site, streams)
        fill(small)
        wait_until(lambda: records_on(site, streams) == {Volume.open(paths[1]).id}, seconds=PATIENCE_SECONDS)
        promised = acknowledged(site, streams)
        assert site.stop() == 0

        assert set(volume_states(site).values()) == {VolumeState.OK}
        assert_nothing_lost(site, streams, promised)


def test_a_disk_without_inodes_is_full_although_it_has_room(tmp_path: Path, cameras: Cameras) -> None:
    make = ("mkfs.ext4", "-q", "-F", "-N", "64")
    with loop_image(tmp_path / "image", size_mb=64, make=make) as path, a_site(tmp_path / "data", volumes=[path / "volume"]) as site:
        streams = watch(site, cameras)
        site.start()
        wait_for_more(site, streams)
        taken = take_all_inodes(path)
        wait_for_gaps(site, streams, GapReason.DISK_FULL)
        promised = acknowledged(site, streams)

        for nothing in taken:
            nothing.unlink()
        wait_for_more(site, streams)
        assert site.stop() == 0
        assert_nothing_lost(site, streams, promised)


def test_a_file_system_that_turns_read_only_is_left_for_the_next_volume_and_can_still_be_read(tmp_path: Path, cameras: Cameras) -> None:
    with loop_image(tmp_path / "image", size_mb=64, options="errors=remount-ro") as path:
        paths = [path / "volume", tmp_path / "sound"]
        with a_site(tmp_path / "data", workers=2, volumes=paths) as site:
            first, sound = (Volume.open(each).id for each in paths)
            streams = watch(site, cameras)
            site.start()
            wait_until(lambda: records_on(site, streams) == {first}, seconds=PATIENCE_SECONDS)
            trigger_error(path)
            wait_until(lambda: records_on(site, streams) == {sound}, seconds=PATIENCE_SECONDS)
            promised = acknowledged(site, streams)
            assert site.stop() == 0

            assert volume_states(site) == {first: VolumeState.READ_ONLY, sound: VolumeState.OK}
            for stream in streams:
                assert GapReason.DISK_ERROR in {gap.reason for gap in site.gaps(stream)}
            assert_all_live(site, promised)
            assert [found for found in site.check().violations if found.invariant != 2] == []

            unmount(path)
            mount_image(tmp_path / "image" / "image", path)
            site.start()
            wait_until(lambda: records_on(site, streams) == {first}, seconds=PATIENCE_SECONDS)
            assert site.stop() == 0
            assert_nothing_lost(site, streams, promised)


def test_a_volume_that_is_unmounted_takes_nothing_until_it_is_mounted_and_the_recorder_started(tmp_path: Path, cameras: Cameras) -> None:
    with loop_image(tmp_path / "image", size_mb=64) as path, a_site(tmp_path / "data", volumes=[path, tmp_path / "sound"]) as site:
        first, sound = (Volume.open(volume.path).id for volume in site.settings.volumes)
        streams = watch(site, cameras)
        site.start()
        wait_until(lambda: records_on(site, streams) == {first}, seconds=PATIENCE_SECONDS)
        promised = acknowledged(site, streams)
        unmount(path)
        wait_until(lambda: records_on(site, streams) == {sound}, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0
        assert list(path.iterdir()) == []

        site.start()
        wait_for_event(site, "volume is missing")
        wait_for_more(site, streams)
        assert site.stop() == 0

        mount_image(tmp_path / "image" / "image", path)
        site.start()
        wait_until(lambda: records_on(site, streams) == {first}, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0
        assert_nothing_lost(site, streams, promised)


def test_rows_wait_in_memory_while_the_disk_of_the_index_is_full(tmp_path: Path, cameras: Cameras) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with in_memory(tmp_path / "data" / "index", size_mb=4) as index, a_site(tmp_path / "data") as site:
        streams = watch(site, cameras)
        site.start()
        wait_for_more(site, streams)
        filler = fill(index)
        wait_for_event(site, "rows wait: the index does not take them")
        promised = acknowledged(site, streams)
        published = {path.name for path in site.volume().path.rglob("*.cseg")}

        filler.unlink()
        wait_until(lambda: published <= {f"{segment}.cseg" for segment in acknowledged(site, streams)}, seconds=PATIENCE_SECONDS)
        assert site.stop() == 0
        assert all(len(site.runs(stream)) == 1 for stream in streams)
        assert_nothing_lost(site, streams, promised)

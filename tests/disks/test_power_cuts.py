"""The power goes at any moment, with whatever the disk had in its cache: nothing that was acknowledged is lost, and all agrees.

The whole data directory is on the disk: footage, index, keys, databases. A recorder works on it while every write and flush of the
device is logged; a cut is a random moment of that log (`tests/fakes/write_log_fs.py`). Acknowledged is a segment whose row another
process has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from recorder.node import open_node
from recorder.recovery import recover
from tests.disks.machine import EXT4, XFS, XFS_MB, loop_image, mounted, needs_fuse, run, served
from tests.disks.watch import PATIENCE_SECONDS, acknowledged, an_hour_later, assert_all_live, watch
from tests.fakes.write_log_fs import Written, disk_after_power_cut, read_log
from tests.recorder.site import CLOCK, Cameras, Site, a_site
from tests.waiting import wait_until
from vms.config import load_settings
from vms.domain.ids import SegmentId, StreamId
from vms.domain.timespan import ms_of
from vms.store.database import make_engines

pytestmark = pytest.mark.slow
FILE_SYSTEMS = {"ext4": (*EXT4, "-E", "lazy_itable_init=0,lazy_journal_init=0"), "xfs": XFS}


@dataclass(slots=True)
class Session:
    """What was written to the disk while a recorder worked, and what it had acknowledged when."""

    log: Path
    samples: list[tuple[int, frozenset[SegmentId]]] = field(default_factory=list)

    def sample(self, site: Site, streams: Sequence[StreamId]) -> int:
        """Note what is acknowledged now; return how many segments that are."""
        seen = frozenset(acknowledged(site, streams))
        self.samples.append((self.log.stat().st_size, seen))
        return len(seen)

    def acknowledged_at(self, logged_bytes: int) -> frozenset[SegmentId]:
        return max((sample for sample in self.samples if sample[0] <= logged_bytes), default=(0, frozenset()))[1]


class Machine:
    """A machine with one disk, whose power can be cut: its image as it was when it was started last, and the mount point."""

    def __init__(self, folder: Path, streams: Sequence[StreamId]) -> None:
        self._folder = folder
        self._streams = streams
        self._below, self._served, self._image = folder / "below", folder / "served", folder / "image"
        self._disk = folder / "disk"
        for path in (self._below, self._served):
            path.mkdir()
        self.promised: frozenset[SegmentId] = frozenset()
        """Acknowledged before the last start."""
        self._starts = 0

    def work(self, segments: int) -> tuple[Session, list[Written]]:
        """Start the recorder from the image, let so many segments be acknowledged, and pull the plug."""
        self._starts += 1
        session = Session(self._folder / f"log-{self._starts}")
        image = self._below / "image"
        run("cp", "--sparse=always", self._image, image)
        with self._logged_disk(session.log), self._site() as site:
            site.start()
            wanted = session.sample(site, self._streams) + segments
            wait_until(lambda: session.sample(site, self._streams) >= wanted, seconds=PATIENCE_SECONDS)
            site.kill()
            until = session.log.stat().st_size
        return session, read_log(session.log, until)

    def cut(self, session: Session, written: Sequence[Written], random: Random) -> None:
        """Cut the power at a random moment, start again, and demand what was promised then."""
        moment = random.randrange(len(written))
        disk_after_power_cut(self._image, written[: moment + 1], random, cut=self._cut_image)
        promised = self.promised | session.acknowledged_at(written[moment].logged_bytes)
        with mounted(self._cut_image, self._disk), self._site() as site:
            node = open_node(site.settings, CLOCK)
            try:
                recover(node, lived_ms=ms_of(CLOCK.now()))
            finally:
                node.close()
            assert site.check(at=an_hour_later()).violations == ()
            assert_all_live(site, promised)

    def lose_power(self, session: Session, written: Sequence[Written], random: Random) -> None:
        """Cut the power for good: the next start is from what the disk holds then."""
        moment = random.randrange(len(written) // 2, len(written))
        disk_after_power_cut(self._image, written[: moment + 1], random, cut=self._cut_image)
        self._cut_image.rename(self._image)
        self.promised |= session.acknowledged_at(written[moment].logged_bytes)

    @property
    def _cut_image(self) -> Path:
        return self._folder / "cut"

    @contextmanager
    def _logged_disk(self, log: Path) -> Iterator[None]:
        logging = served("tests.fakes.write_log_fs", self._below, self._served, log)
        with logging, mounted(self._served / "image", self._disk):
            yield

    @contextmanager
    def _site(self) -> Iterator[Site]:
        settings = load_settings(self._disk / "data")
        site = Site(settings, make_engines(settings.index_path), make_engines(settings.central_where))
        try:
            yield site
        finally:
            site.close()


def a_machine(folder: Path, cameras: Cameras, make: Sequence[str]) -> Machine:
    """Install everything on one disk."""
    needs_fuse()
    with loop_image(folder, size_mb=XFS_MB, make=make) as disk, a_site(disk / "data", segment_seconds=1) as site:
        streams = watch(site, cameras)
    return Machine(folder, streams)


def work_and_cut(machine: Machine, random: Random, *, cuts: int, segments: int) -> None:
    session, written = machine.work(segments)
    for _ in range(cuts):
        machine.cut(session, written, random)
    machine.lose_power(session, written, random)


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, cameras: Cameras) -> None:
    machine = a_machine(tmp_path / "m", cameras, FILE_SYSTEMS["ext4"])  # short: the path of a Unix socket has 107 octets
    work_and_cut(machine, Random(1), cuts=3, segments=8)


@pytest.mark.long
@pytest.mark.parametrize("make", FILE_SYSTEMS.values(), ids=FILE_SYSTEMS.keys())
def test_thirty_power_cuts_and_starts_from_what_they_left(tmp_path: Path, cameras: Cameras, make: Sequence[str]) -> None:
    machine = a_machine(tmp_path / "m", cameras, make)
    random = Random(2)
    for _ in range(5):
        work_and_cut(machine, random, cuts=6, segments=16)

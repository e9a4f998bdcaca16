"""The power goes while footage is destroyed and holds keep some: what is promised is there, and nothing comes back.

Index, key store, files and central database are on one disk, whose writes and flushes are logged (`test_power_cuts.py`). Promised is what a
pass has answered to a hold, until somebody begins to end that hold; destroyed is what a pass has said that it purged.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from random import Random

import pytest

from recorder.node import open_node
from recorder.recovery import recover
from retention.deletion import Deletion
from retention.node import RetentionNode
from retention.protection import protect
from tests.disks.machine import EXT4, loop_image, mounted, needs_fuse, run, served
from tests.disks.watch import an_hour_later, assert_all_live
from tests.factories import NOW, a_segment, after
from tests.fakes.write_log_fs import disk_after_power_cut, read_log
from tests.recorder.site import Site, a_site
from tests.retention.world import DAY, DAYS_KEPT, DrivenClock, ToldHub
from tests.vms.media.segment_samples import CAMERA, STREAM, made_segment
from vms.config import load_settings
from vms.domain.footage import Segment
from vms.domain.ids import NodeId, SegmentId
from vms.domain.purge import FIRST_HASH
from vms.domain.timespan import ms_of, ticks_of
from vms.store import purge_log, segments
from vms.store.database import make_engines
from vms.store.files import OpenPart, Volume
from vms.store.layout import protected_file

pytestmark = pytest.mark.slow
_DISK_MB = 96
_HOUR = 3600.0
_FIRST = -DAYS_KEPT * DAY - 300 * _HOUR


@dataclass(slots=True)
class Promise:
    """Of some segments, from when to when it stood, by the octets logged."""

    segments: frozenset[SegmentId]
    since: int
    until: float = inf

    def stands(self, logged: int) -> bool:
        return self.since <= logged < self.until


@dataclass(slots=True)
class Told:
    """What was promised and what was said to be destroyed while the disk was written."""

    kept: dict[int, Promise] = field(default_factory=dict)
    """By the number of the hold."""
    made: list[Segment] = field(default_factory=list)
    gone: list[Promise] = field(default_factory=list)
    placed: list[Promise] = field(default_factory=list)
    """What has a second place."""

    def kept_at(self, logged: int) -> set[SegmentId]:
        return {one for promise in self.kept.values() if promise.stands(logged) for one in promise.segments}

    def placed_at(self, logged: int) -> set[SegmentId]:
        return {one for promise in self.placed if promise.stands(logged) for one in promise.segments}

    def gone_at(self, logged: int) -> set[SegmentId]:
        return {one for promise in self.gone if promise.stands(logged) for one in promise.segments}


class Machine:
    """A machine with one disk, on which retention works."""

    def __init__(self, folder: Path) -> None:
        needs_fuse()
        self._disk, self._image, self._cut_image = folder / "disk", folder / "image", folder / "cut"
        self._below, self._served, self._log = folder / "below", folder / "served", folder / "log"
        for path in (self._below, self._served):
            path.mkdir(parents=True)
        made = loop_image(folder, size_mb=_DISK_MB, make=(*EXT4, "-E", "lazy_itable_init=0,lazy_journal_init=0"))
        self.clock, self.hub, self.told = DrivenClock(), ToldHub(streams={STREAM: CAMERA}), Told()
        with made as disk, a_site(disk / "data") as site, closing(open_node(site.settings, self.clock)), self._node(site) as node:
            assert Deletion(node, lambda _seconds: False).run().paused is None  # the clock is known from here on

    def work(self, rounds: int, random: Random) -> None:
        """Record, hold, destroy and end holds, and log what reaches the disk."""
        run("cp", "--sparse=always", self._image, self._below / "image")
        logging = served("tests.fakes.write_log_fs", self._below, self._served, self._log)
        with logging, mounted(self._served / "image", self._disk), self._site() as site, self._node(site) as node:
            for number in range(rounds):
                made = [_recorded(node, site.volume(), _FIRST + number * _HOUR + 60 * minute) for minute in range(9)]
                self.told.made += made
                self.hub.place(number, _FIRST + number * _HOUR + 240, _FIRST + number * _HOUR + 300, CAMERA)
                self._pass(node, made, hold=number)
                self._protect(node, site.volume(), hold=number)
                standing = [hold for hold, promise in self.told.kept.items() if promise.until == inf]
                if random.random() < 0.5:
                    self._end(node, random.choice(standing))
            self._until = self._log.stat().st_size
        self.written = read_log(self._log, self._until)

    def cut(self, random: Random) -> None:
        """Cut the power at a random moment, start again, and demand what was promised and destroyed by then."""
        moment = random.randrange(len(self.written))
        logged = self.written[moment].logged_bytes
        kept, gone = self.told.kept_at(logged), self.told.gone_at(logged)
        disk_after_power_cut(self._image, self.written[: moment + 1], random, cut=self._cut_image)
        with mounted(self._cut_image, self._disk), self._site() as site:
            with closing(open_node(site.settings, self.clock)) as recorder:
                recover(recorder, lived_ms=ms_of(NOW))
            _demand(site, kept, gone | self._purged(site))
            _demand_second_places(site, kept & self.told.placed_at(logged), gone | self._purged(site))
            with self._node(site) as node:
                passed = Deletion(node, lambda _seconds: False).run()
                assert passed.paused is None
                with node.index.read.begin() as connection:
                    assert purge_log.open_batches(connection) == []
                    before = FIRST_HASH
                    for entry, stored in purge_log.purges(connection):
                        before = entry.hash_after(before)
                        assert stored == before
                assert protect(node, [site.volume()]).refused is None
            still = kept & self.told.kept_at(self._until)
            _demand(site, still, gone | self._purged(site))
            _demand_second_places(site, still, gone | self._purged(site))

    def _purged(self, site: Site) -> set[SegmentId]:
        """Return what was recorded in the times that the purge log says were destroyed."""
        with site.index.read.begin() as connection:
            times = [(entry.batch.first_ms, entry.batch.last_ms) for entry, _ in purge_log.purges(connection)]
        return {one.id for one in self.told.made if any(first <= one.start_ms <= last for first, last in times)}

    def _pass(self, node: RetentionNode, made: list[Segment], *, hold: int) -> None:
        passed = Deletion(node, lambda _seconds: False).run()
        assert passed.paused is None
        with node.index.read.begin() as connection:
            there = frozenset(segments.states(connection, [one.id for one in made]))
        logged = self._log.stat().st_size
        assert (len(there), self.hub.answers[-1].kept_segments) == (5, 5)  # the minute held, and what the clock's error and a roll add
        self.told.kept[hold] = Promise(there, logged)
        self.told.gone.append(Promise(frozenset(one.id for one in made) - there, logged))

    def _protect(self, node: RetentionNode, volume: Volume, *, hold: int) -> None:
        assert protect(node, [volume]).linked == 5
        self.told.placed.append(Promise(self.told.kept[hold].segments, self._log.stat().st_size))

    def _end(self, node: RetentionNode, hold: int) -> None:
        self.told.kept[hold].until = self._log.stat().st_size
        self.hub.release(hold, CAMERA)
        assert Deletion(node, lambda _seconds: False).run().paused is None
        self.told.gone.append(Promise(self.told.kept[hold].segments, self._log.stat().st_size))

    @contextmanager
    def _node(self, site: Site) -> Iterator[RetentionNode]:
        with closing(site.keys()) as keys:
            yield RetentionNode(self.clock, site.index, site.central, keys, NodeId(5), self.hub)

    @contextmanager
    def _site(self) -> Iterator[Site]:
        settings = load_settings(self._disk / "data")
        site = Site(settings, make_engines(settings.index_path), make_engines(settings.central_where))
        try:
            yield site
        finally:
            site.close()


def _recorded(node: RetentionNode, volume: Volume, at: float) -> Segment:
    """Publish a minute of footage as the recorder does: file, then row."""
    start_ticks, hour = ticks_of(after(at)), ms_of(after(at)) // 3_600_000
    made = made_segment(start_ticks=start_ticks, salt=secrets.token_bytes(16), hour_key=node.keys.ensure(CAMERA, [hour])[hour])
    row = replace(a_segment(after(at), 60, stream=STREAM, volume=volume.id), size_bytes=len(made.file), fragments=made.fragments)
    row = replace(row, media_sha256=made.media_sha256, file_digest=made.file_digest)
    part = OpenPart.create(volume, row.id, 1_000_000)
    part.writev([made.file])
    part.publish()
    with node.index.write.begin() as connection:
        segments.put(connection, [row])
    return row


def _demand(site: Site, kept: set[SegmentId], gone: set[SegmentId]) -> None:
    assert site.check(at=an_hour_later()).violations == ()
    assert_all_live(site, kept)
    with site.index.read.begin() as connection:
        assert segments.states(connection, sorted(gone)) == {}
    assert [one for one in gone if site.volume().segment_path(one).exists()] == []


def _demand_second_places(site: Site, kept: set[SegmentId], gone: set[SegmentId]) -> None:
    """Each is the very file that is published, and of what is destroyed none is left."""
    volume = site.volume()
    for one in kept:
        assert (volume.path / protected_file(one)).samefile(volume.segment_path(one)), one
    assert [one for one in gone if (volume.path / protected_file(one)).exists()] == []


def _cuts(folder: Path, *, cuts: int, rounds: int, random: Random) -> None:
    machine = Machine(folder)
    machine.work(rounds, random)
    for _ in range(cuts):
        machine.cut(random)


def test_a_power_cut_loses_nothing_that_is_held_and_brings_nothing_back(tmp_path: Path) -> None:
    _cuts(tmp_path / "m", cuts=3, rounds=4, random=Random(1))


@pytest.mark.long
def test_sixty_power_cuts_lose_nothing_that_is_held_and_bring_nothing_back(tmp_path: Path) -> None:
    _cuts(tmp_path / "m", cuts=60, rounds=12, random=Random(2))

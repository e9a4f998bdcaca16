"""What holds and deletion cost on a node's index of millions of segments, beside the same changes made without the product.

    python -m tests.bench.bench_retention [--days 1] [--cameras 500] [--rounds 2] [--folder FOLDER]

The index is of both streams of each camera, with digests and fragment tables; thirty cameras have a week. A day of 500 cameras, with what
is due, are 2.4 million rows, 4 days 6.5 million, 45 days 65 million: each million takes a minute to make, and more where others work too.
Rows alone are condemned and purged; what erasing files takes is measured apart, over a part of them.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from json import loads
from pathlib import Path, PurePosixPath

import pysqlite3.dbapi2
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.deletion import Deletion
from retention.node import RetentionNode
from retention.orders import take_orders
from tests.bench.report import Row, percentile, publish
from tests.bench.retention_index import DAY_MS, HOUR_MS, MINUTE_MS, Driver, Recorded, make_index, size_of
from tests.factories import CONSOLE, FixedKeys, a_branch, a_camera, a_node, a_person, done
from tests.vms.services.holding import a_new_hold, of_cameras
from vms.domain.hold import HeldTime, HoldKind
from vms.domain.ids import CameraId, HoldId, new_number, segment_id
from vms.domain.legal_hold import LegalHold
from vms.domain.people import Role
from vms.domain.retention import StreamRule
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.services.district import District, save_district
from vms.services.holds import place_hold
from vms.services.hub_link import LocalHub
from vms.store import deletion_lease, holds, leases, nodes, purging, stream_rules, volumes
from vms.store.database import make_engines
from vms.store.deletion_lease import Lease
from vms.store.erase import erase_published
from vms.store.files import Volume
from vms.store.index_tables import RunRow, SegmentRow, SegmentSideRow
from vms.store.keys import KeyStore
from vms.store.layout import segment_file
from vms.store.migrate import Which, migrate

START_MS = 1_772_323_200_000
"""1 March 2026: the first segments of most cameras."""
HELD_CAMERAS, HELD_DAYS = 30, 7
SPARE_HOURS = 8
"""So much more was recorded than is kept: an hour for each measurement."""
HOLDS = 5000
SEGMENT_OCTETS, ALL_OCTETS = 45.0, 450.0
CONDEMN_S, PURGE_S, HOLD_S, P99_MS = 1.0, 2.0, 1.0, 20.0
ERASED_STREAMS, FILE_BYTES = 20, 4096
PUBLISH_EVERY, ALONE_SECONDS, PASS_HOURS = 0.1, 20.0, 3
"""A commit ten times as often as a recorder makes one, for ten times as many figures."""
SYNCS = 500
COUNT = "SELECT count(*), sum(size_bytes) FROM segment WHERE stream_id = ? AND start_ms BETWEEN ? AND ?"


@dataclass
class DrivenClock:
    """Both clocks go on together; the wall clock only when it is told to."""

    wall: datetime
    uptime: float = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.uptime + time.monotonic()

    def advance(self, by: timedelta) -> None:
        self.wall += by
        self.uptime += by.total_seconds()


@dataclass
class World:
    """A node with its hub; what it recorded, and its clock, which says that nothing is past its window yet."""

    node: RetentionNode
    clock: DrivenClock
    index_path: Path
    volume: Volume

    def next_hour(self, hours: int = 1) -> None:
        """Have so many hours more come past their window, and take a new lease."""
        self.clock.advance(timedelta(hours=hours))
        take_orders(self.node)

    def streams(self) -> list[StreamRule]:
        with self.node.index.read.begin() as connection:
            return stream_rules.rules(connection)


@dataclass
class Took:
    """The milliseconds of transactions, each with its commit, and how many segments they were about."""

    ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0
    """What this process had of a processor meanwhile: all else is waiting for a disk, or for others on a machine that is shared."""
    segments: int = 0

    @property
    def seconds(self) -> float:
        return sum(self.ms) / 1000

    @contextmanager
    def one(self) -> Iterator[None]:
        began, spent = time.perf_counter(), time.process_time()
        yield
        self.ms.append((time.perf_counter() - began) * 1000)
        self.cpu_ms += (time.process_time() - spent) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench_retention", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=1, help="that footage is kept")
    parser.add_argument("--cameras", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the index is made and stays, to be copied by the next run")
    wanted = parser.parse_args()
    with _folder(wanted.folder) as folder:
        made = folder / f"{wanted.cameras}x{wanted.days}-{wanted.rounds}"
        if not made.exists():
            began = time.perf_counter()
            _make(made, wanted.days, wanted.cameras, 1 + 2 * wanted.rounds + PASS_HOURS)
            sys.stdout.write(f"index made in {time.perf_counter() - began:.0f} s\n")
        shutil.rmtree(folder / "work", ignore_errors=True)  # of a run that was ended
        work = Path(shutil.copytree(made, folder / "work"))
        try:
            return publish("retention", _measured(work, wanted.days, wanted.rounds))
        finally:
            shutil.rmtree(work)


def _measured(folder: Path, days: int, rounds: int) -> list[Row]:
    with _opened(folder, days) as world:
        rows = _sizes(world)
        rows += _synced(folder)
        rows += _an_hour(world, rounds)
        rows += _erased(world)
        rows += _holds(world, rounds)
        rows += _publishing(world)
    return rows


def _sizes(world: World) -> list[Row]:
    sizes = {table: size_of(world.node.index, world.index_path, table) for table in (SegmentRow, SegmentSideRow, RunRow)}
    rows = sizes[SegmentRow].rows
    measured = {
        "the segment table": (sizes[SegmentRow].octets, SEGMENT_OCTETS),
        "the whole index": (world.index_path.stat().st_size / rows, ALL_OCTETS),
    }
    side: Row = {"what": "octets a segment: digests and fragment tables", "n": rows, "octets": sizes[SegmentSideRow].octets}
    return [*(_size(what, rows, *figures) for what, figures in measured.items()), side]


def _size(what: str, rows: int, octets: float, most: float) -> Row:
    return {"what": f"octets a segment: {what}", "n": rows, "octets": octets, "ratio_to_limit": octets / most}


def _synced(folder: Path) -> list[Row]:
    """The least that a commit can take."""
    took = Took()
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(SYNCS):
            with took.one():
                os.write(file.fileno(), bytes(4096))
                os.fdatasync(file.fileno())
    return [_transactions("floor: 4 KiB written and synced", took)]


def _an_hour(world: World, rounds: int) -> list[Row]:
    """Condemn and purge an hour, beside a bare UPDATE and a bare DELETE of the hour that follows, in as many transactions."""
    condemned, purged, checkpoints, updated, deleted = [], [], [], [], []
    world.next_hour()
    _destroy(world)  # the first time everything is read from the disk
    for _ in range(rounds):
        world.next_hour()
        ours = _destroy(world)
        condemned.append(ours[0])
        purged.append(ours[1])
        checkpoints.append(ours[2])
        world.next_hour()
        with _bare(world.index_path) as connection:
            first_ms = ms_of(world.clock.wall) - world.streams()[0].keep_ms - HOUR_MS
            updated.append(_bare_each(world, connection, ["UPDATE segment SET state = 2"], first_ms))
            deleted.append(_bare_each(world, connection, ["DELETE FROM segment_side", "DELETE FROM segment"], first_ms))
    return [
        *_beside("an hour condemned", condemned, updated, "bare UPDATE of an hour", CONDEMN_S),
        *_beside("an hour purged, rows", purged, deleted, "bare DELETE of an hour", PURGE_S),
        _transactions("checkpoints between the transactions of a purge", *checkpoints),
    ]


def _beside(what: str, ours: Sequence[Took], bare: Sequence[Took], floor: str, limit: float) -> list[Row]:
    floor_seconds, seconds = (statistics.median(took.seconds / took.segments for took in many) for many in (bare, ours))
    rate = seconds / floor_seconds
    rows = [_transactions(f"floor: {floor}", *bare), _transactions(what, *ours)]
    total = statistics.median(took.seconds for took in ours)
    for row, many in zip(rows, (bare, ours), strict=True):
        row |= {
            "seconds": statistics.median(took.seconds for took in many),
            "cpu_s": statistics.median(took.cpu_ms / 1000 for took in many),
        }
    rows[1] |= {"ratio_to_floor": rate, "ratio_to_limit": total / limit}
    each: Row = {"what": f"{what}: transactions' p99", "ratio_to_limit": float(rows[1]["p99_ms"]) / P99_MS}
    return [*rows, each]


def _transactions(what: str, *many: Took) -> Row:
    ms = [one for took in many for one in took.ms]
    segments = many[0].segments
    return {"what": what, "n": segments or len(ms), "p50_ms": percentile(ms, 0.5), "p99_ms": percentile(ms, 0.99), "max_ms": max(ms)}


def _destroy(world: World) -> tuple[Took, Took, Took]:
    """Condemn and purge what is due, some streams at a time as a pass does; what lies behind a hold is a batch of its own."""
    condemned, purged, checkpoints = Took(), Took(), Took()
    index, streams, now = world.node.index, world.streams(), world.node.reading()
    for at in range(0, len(streams), purging.STREAMS_AT_ONCE):
        some = streams[at : at + purging.STREAMS_AT_ONCE]
        while _any_due(world, some):
            with condemned.one(), index.write.begin() as connection:
                batches = purging.condemn_each(connection, [rule.stream_id for rule in some], now, [world.volume.id])
            assert batches, "nothing is condemned although it is due: is there a lease, and is the clock believed?"
            with purged.one(), index.write.begin() as connection:
                for batch in batches:
                    purging.purge(connection, batch, erased_ms=now.at_ms)
            with checkpoints.one():
                index.checkpoint()
            for took in (condemned, purged):
                took.segments += sum(batch.segments for batch in batches)
    return condemned, purged, checkpoints


def _any_due(world: World, rules: Sequence[StreamRule]) -> bool:
    with world.node.index.read.begin() as connection:
        return purging.any_due(connection, rules, ms_of(world.clock.wall), [world.volume.id])


def _bare_each(world: World, connection: Driver, changes: Sequence[str], first_ms: int) -> Took:
    """Make changes to an hour of each stream, a transaction for each."""
    took, rows = Took(), 0
    for rule in world.streams():
        with took.one():
            connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                named = "WHERE stream_id = ? AND start_ms BETWEEN ? AND ?"
                rows = connection.execute(f"{change} {named}", (rule.stream_id, first_ms, first_ms + HOUR_MS - 1)).rowcount
            connection.execute("COMMIT")
        took.segments += rows
    return took


@contextmanager
def _bare(path: Path) -> Iterator[Driver]:
    """Open the index by the driver alone, as durable as the product does."""
    with closing(pysqlite3.dbapi2.connect(str(path), isolation_level=None)) as connection:
        for pragma in ("synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def _erased(world: World) -> list[Row]:
    """Erase real small files: a folder of an hour for each stream, and as many by the system's calls alone."""
    ours, bare = Took(), Took()
    for rule in world.streams()[:ERASED_STREAMS]:
        for took, erase in ((ours, _erase), (bare, _unlink_and_sync)):
            files = [segment_file(segment_id(rule.stream_id, START_MS + minute * MINUTE_MS)) for minute in range(60)]
            folder = world.volume.path / files[0].parent
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                (folder / file.name).write_bytes(bytes(FILE_BYTES))
            with took.one():
                erase(world.volume.path, folder, files)
            took.segments += len(files)
    rows = [_transactions("floor: 60 files unlinked, folder synced", bare), _transactions("60 files erased, part: of 20 streams", ours)]
    rows[1] |= {"ratio_to_floor": statistics.median(ours.ms) / statistics.median(bare.ms)}
    return rows


def _erase(volume: Path, _folder: Path, files: Sequence[PurePosixPath]) -> None:
    erase_published(volume, files)


def _unlink_and_sync(_volume: Path, folder: Path, files: Sequence[PurePosixPath]) -> None:
    for file in files:
        (folder / file.name).unlink()
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _holds(world: World, rounds: int) -> list[Row]:
    """Place a hold at the hub, have the node put it into force, and count what it keeps until the hub has the answer."""
    node, took, floor, kept = world.node, Took(), Took(), 0
    cameras = _held_cameras(world)
    end = datetime_of_ms(START_MS) + timedelta(days=1)
    with node.central.writing() as session:
        director = a_person(session, Role.DIRECTOR)
    for _ in range(rounds):
        new = a_new_hold(of_cameras(*cameras), start=end - timedelta(days=HELD_DAYS), end=end)
        with took.one():
            with node.central.writing() as session:
                hold = done(place_hold(session, director, new, at=world.clock.wall))
            take_orders(node)
        with node.central.reading() as session:
            answers = [one.answer for one in leases.answers_of(session, hold.id)]
        assert len(answers) == len(cameras), answers
        kept = sum(answer.kept_segments for answer in answers)
        with floor.one(), _bare(world.index_path) as connection:
            for rule in world.streams():
                if rule.camera_id in cameras:
                    named = (rule.stream_id, ms_of(new.start), ms_of(end))
                    connection.execute(
                        "SELECT count(*), sum(size_bytes) FROM segment WHERE stream_id = ? AND start_ms BETWEEN ? AND ?", named
                    )
    rows = [
        _transactions("floor: bare count of what a hold names", floor),
        _transactions("a hold of 30 cameras for a week: placed to answered", took),
    ]
    seconds = statistics.median(took.ms) / 1000
    rows[1] |= {
        "n": kept,
        "seconds": seconds,
        "cpu_s": took.cpu_ms / rounds / 1000,
        "ratio_to_floor": 1000 * seconds / statistics.median(floor.ms),
        "ratio_to_limit": seconds / HOLD_S,
    }
    return rows


def _held_cameras(world: World) -> list[CameraId]:
    """Return the cameras that have a week."""
    with world.node.index.read.begin() as connection:
        first = select(SegmentRow.stream_id).where(SegmentRow.start_ms < START_MS).distinct()
        old = set(connection.scalars(first)) if HELD_CAMERAS else set()
    return sorted({rule.camera_id for rule in world.streams() if rule.stream_id in old})[:HELD_CAMERAS]


def _publishing(world: World) -> list[Row]:
    """Commit a recorder's batches with nothing beside them, and while a pass makes its way through some hours."""
    with _publisher(world.index_path) as alone:
        time.sleep(ALONE_SECONDS)
    world.next_hour(PASS_HOURS)
    began = time.perf_counter()
    with _publisher(world.index_path) as beside:
        passed = Deletion(world.node, threading.Event().wait).run()
    assert passed.paused is None, passed.paused
    seconds = time.perf_counter() - began
    rows = [_transactions("a recorder's commit, no pass", alone), _transactions("a recorder's commit beside a pass", beside)]
    rows[1] |= {"ratio_to_floor": float(rows[1]["p99_ms"]) / float(rows[0]["p99_ms"])}
    return [*rows, {"what": f"that pass: {PASS_HOURS} hours, with its pauses", "n": passed.purged, "seconds": seconds}]


@contextmanager
def _publisher(index_path: Path) -> Iterator[Took]:
    """Have a process commit batches while the block runs; when it is left, what is given says how long each took."""
    took = Took()
    command = [sys.executable, "-m", "tests.bench.retention_publisher", str(index_path), str(PUBLISH_EVERY)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        yield took
        told, _ = child.communicate("\n")
    took.ms += loads(told)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted
    else:
        with tempfile.TemporaryDirectory(prefix="bench-retention-") as made:
            yield Path(made)


def _make(folder: Path, days: int, cameras: int, spare_hours: int) -> None:
    """Make hub, index and holds in a new folder. As the footage begins and ends, `spare_hours` of it come past their window one by one."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    central, drawn = make_engines(part / "central.db"), random.Random(4)
    migrate(central, Which.CENTRAL)
    with central.writing() as session:
        save_district(session, CONSOLE, District("District", "UTC", days, "Ana"), at=datetime_of_ms(START_MS))
        a_node(session)
        branch = a_branch(session)
        made = [
            a_camera(session, branch, f"Camera {number}", host=f"10.{number // 250}.{number % 250}.11").camera for number in range(cameras)
        ]
    minutes = days * 1440 + spare_hours * 60
    older = max(0, (HELD_DAYS - days) * 1440)
    recorded = []
    for number, camera in enumerate(made):
        more = older if number < HELD_CAMERAS else 0
        for at, stream in enumerate(camera.streams):
            first_ms = START_MS - more * MINUTE_MS + drawn.randrange(MINUTE_MS)
            recorded.append(Recorded(stream.id, camera.id, at == 0, first_ms, minutes + more))
    with central.writing() as session:
        holds.lock(session)
        for under, held in _held([camera.id for camera in made], minutes, spare_hours, drawn):
            _place(session, under, held)
        for camera in made[:HELD_CAMERAS] if older else ():
            _place(session, camera.id, HeldTime(START_MS - older * MINUTE_MS - 1, START_MS - 2 * MINUTE_MS))
    central.dispose()
    volume = Volume.create(part / "volume", max_bytes=100_000_000)
    make_index(part / "index.db", recorded, volume.id, volume.path)
    part.rename(folder)


def _held(cameras: Sequence[CameraId], minutes: int, spare_hours: int, drawn: random.Random) -> Iterator[tuple[CameraId, HeldTime]]:
    """Yield as many holds for each camera: two and two overlap, and the first two lie in the hours that come past their window here."""
    for camera in cameras:
        for pair in range(HOLDS // len(cameras) // 2):
            start_ms = START_MS + drawn.randrange(minutes if pair else spare_hours * 60) * MINUTE_MS
            for more_ms in (0, 10 * MINUTE_MS):
                yield camera, HeldTime(start_ms + more_ms, start_ms + more_ms + 20 * MINUTE_MS)


def _place(session: Session, camera: CameraId, held: HeldTime) -> None:
    at, scope = datetime_of_ms(START_MS), of_cameras(camera)
    number = HoldId(new_number())
    holds.add(
        session,
        LegalHold(number, "Smith v. District", HoldKind.LITIGATION, "letter of counsel", "", scope, held, at, None, "person:1", "Ana", at),
    )
    holds.cover(session, [(number, camera)])


@contextmanager
def _opened(folder: Path, days: int) -> Iterator[World]:
    """Open the node in a folder; its clock stands where the oldest segments of most cameras are about to come past their window."""
    clock = DrivenClock(datetime_of_ms(START_MS + days * DAY_MS))
    volume = Volume.open(folder / "volume")
    index, central = make_engines(folder / "index.db", checkpoint_pages=0), make_engines(folder / "central.db")
    with index.write.begin() as connection:
        volumes.register(connection, volume.id, volume.path)
    with central.reading() as session:
        (node,) = nodes.find(session)
    keys = KeyStore.open(folder / "keys1.db", folder / "keys2.db", FixedKeys((bytes(range(32)),)))
    opened = RetentionNode(clock, index, central, keys, node.id, LocalHub(central))
    with index.write.begin() as connection:
        deletion_lease.put(connection, Lease(None, opened.reading()))  # somebody looked: the clock is right
    try:
        yield World(opened, clock, folder / "index.db", volume)
    finally:
        keys.close()
        index.dispose()
        central.dispose()


if __name__ == "__main__":
    sys.exit(main())

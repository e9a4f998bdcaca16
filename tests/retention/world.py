"""A node with real files, index and keys, whose hub says what a test tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from retention.deletion import Deletion, Passed
from retention.node import RetentionNode
from tests.factories import NOW, STREAM, FixedKeys, after
from tests.retention.footage import CAMERA, footage
from vms.domain.day_proof import DayProof
from vms.domain.deletion_certificate import PurgeMonth
from vms.domain.footage import Segment, SegmentState
from vms.domain.hold import HeldTime, HoldAnswer, HoldChange
from vms.domain.ids import CameraId, HoldId, NodeId, SpotCheckId, StreamId
from vms.domain.purge import PurgeHead
from vms.domain.retention import Orders, StreamRule
from vms.domain.spot_check import AskedDay
from vms.domain.timespan import ms_of
from vms.errors import Conflict, Corrupt, Unavailable
from vms.store import purge_log, segments, volumes
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.keys import KeyStore

DAY = 86_400
DAYS_KEPT = 14
KEK = bytes(range(32))


class DrivenClock:
    """Both clocks go on together, unless a test moves the wall clock alone."""

    def __init__(self) -> None:
        self.wall = NOW
        self.uptime = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.uptime

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.uptime += seconds


@dataclass
class ToldHub:
    """The hub's part of `OrdersLink`, in memory."""

    days: int = DAYS_KEPT
    floor_days: int | None = None
    """So old footage may go when there is no room; None: none may before its day."""
    changes: list[HoldChange] = field(default_factory=list)
    streams: dict[StreamId, CameraId] = field(default_factory=lambda: {STREAM: CAMERA})
    away: bool = False
    damaged: bool = False
    answers: list[HoldAnswer] = field(default_factory=list)
    applied: int = 0
    sure: list[bool] = field(default_factory=list)
    heads: list[PurgeHead] = field(default_factory=list)
    months: list[PurgeMonth] = field(default_factory=list)
    asked: list[AskedDay] = field(default_factory=list)
    proofs: dict[SpotCheckId, DayProof] = field(default_factory=dict)

    @property
    def seq(self) -> int:
        return len(self.changes)

    def place(self, hold: int, start_s: float, end_s: float | None, camera: CameraId = CAMERA, *, sealed: bool = False) -> None:
        held = HeldTime(ms_of(after(start_s)), None if end_s is None else ms_of(after(end_s)))
        self.changes.append(HoldChange(self.seq + 1, HoldId(hold), camera, held, sealed=sealed))

    def release(self, hold: int, camera: CameraId = CAMERA) -> None:
        self.changes.append(HoldChange(self.seq + 1, HoldId(hold), camera, None))

    def orders(self, _node: NodeId, applied_seq: int, *, at: datetime, sure: bool = True) -> Orders:
        assert at.tzinfo is not None
        self.sure.append(sure)
        if self.away:
            raise Unavailable("The hub does not answer.")
        if applied_seq > self.seq:
            raise Conflict("The hub knows fewer holds than this node.")
        floor_ms = None if self.floor_days is None else self.floor_days * DAY * 1000
        rules = [StreamRule(stream, camera, self.days * DAY * 1000, floor_ms) for stream, camera in self.streams.items()]
        return Orders(self.seq, tuple(self.changes[applied_seq:]), tuple(rules))

    def answer_holds(self, _node: NodeId, applied_seq: int, answers: Sequence[HoldAnswer], *, at: datetime) -> None:
        assert at.tzinfo is not None
        if self.away:
            raise Unavailable("The hub does not answer.")
        self.applied = applied_seq
        self.answers += answers

    def note_purges(self, _node: NodeId, head: PurgeHead, *, at: datetime) -> None:
        assert at.tzinfo is not None
        if self.away:
            raise Unavailable("The hub does not answer.")
        self.heads.append(head)

    def noted_purges(self, _node: NodeId) -> dict[int, str]:
        return {head.position: head.hash.hex() for head in self.heads}

    def spot_checks(self, _node: NodeId) -> list[AskedDay]:
        if self.away:
            raise Unavailable("The hub does not answer.")
        if self.damaged:
            raise Corrupt("The central database can't be read as a database.")
        return [one for one in self.asked if one.id not in self.proofs]

    def answer_spot_check(self, _node: NodeId, number: SpotCheckId, proof: DayProof, *, at: datetime) -> None:
        assert at.tzinfo is not None
        self.proofs[number] = proof

    def tell_month(self, _node: NodeId, told: PurgeMonth) -> None:
        if self.away:
            raise Unavailable("The hub does not answer.")
        self.months.append(told)

    def hold_seq(self, _node: NodeId) -> int:
        if self.away:
            raise Unavailable("The hub does not answer.")
        return self.seq


class World:
    """Segments are minutes of footage; `at` is in seconds after `NOW`, where the clock stands first."""

    def __init__(self, index: Engines, folder: Path) -> None:
        self.clock, self.hub = DrivenClock(), ToldHub()
        self.is_short: Callable[[], bool] = lambda: False
        self.volume = Volume.create(folder / "volume")
        with index.write.begin() as connection:
            volumes.register(connection, self.volume.id, self.volume.path)
        self._index, self._folder = index, folder
        self.start()

    def start(self) -> None:
        """Begin as the process does: it opens the key store. Whoever starts it again closes the one before."""
        keys = KeyStore.open(self._folder / "keys1.db", self._folder / "keys2.db", FixedKeys((KEK,)))
        self.node = RetentionNode(self.clock, self._index, self._index, keys, NodeId(5), self.hub)
        self.deletion = Deletion(self.node, lambda _seconds: False, self._is_short)

    def _is_short(self) -> bool:
        return self.is_short()

    def record(
        self, *at: float, stream: StreamId = STREAM, camera: CameraId = CAMERA, seconds: float = 60, keys: bool = True
    ) -> list[Segment]:
        store = self.node.keys if keys else None
        return footage(self.node.index, self.volume, store, map(after, at), stream=stream, camera=camera, seconds=seconds)

    def make_pass(self) -> Passed:
        return self.deletion.run()

    def left(self, made: Sequence[Segment]) -> list[bool]:
        """Say of each whether it is there: live, with its file. What is neither there nor wholly gone fails."""
        with self.node.index.read.begin() as connection:
            states = segments.states(connection, [one.id for one in made])
        found = []
        for one in made:
            file = self.volume.segment_path(one.id).exists()
            assert file == (states.get(one.id) is SegmentState.LIVE), (one, file, states.get(one.id))
            assert one.id in states or not file
            found.append(file)
        return found

    def open_batches(self) -> int:
        with self.node.index.read.begin() as connection:
            return len(purge_log.open_batches(connection))

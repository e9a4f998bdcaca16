"""`vms retain`: one scheduler that takes orders within a second of a change and makes a pass every few minutes. It needs no recorder."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from retention import proof
from retention.deletion import Deletion, Due, Passed, due
from retention.disks import Disks
from retention.node import RetentionNode, opened_node
from retention.orders import holds_changed, take_orders
from retention.proof import Standing
from retention.protection import protect
from retention.reconcile import Stopped, is_due, reconcile
from retention.repair import repair
from vms.clock import Clock
from vms.config import Settings
from vms.domain.day_proof import DayProof
from vms.domain.ids import CameraId, SegmentId
from vms.domain.people import Actor
from vms.domain.timespan import Timespan
from vms.errors import Conflict, Unavailable, VmsError
from vms.log import get_logger
from vms.services.nodes import note_clock_trusted
from vms.store import deletion_lease
from vms.store.deletion_lease import Lease
from vms.store.failpoints import arm

PASS_MINUTES = 60
"""Within so long footage past its window is gone: an hour of each stream is one entry of the purge log."""
AGAIN_MINUTES = 5
"""After a pass that was paused or broken off, and while room is low."""
PROTECT_MINUTES = 1
"""After a hold was acknowledged, until second places of what it keeps are being made."""
DISKS_SECONDS = 10
LOOK_SECONDS = 1
"""A hold is in force within so long where node and hub are one machine."""
SPOT_CHECK_SECONDS = 2
"""Somebody waits for it, at a page."""
RECONCILE_AFTER_START = timedelta(minutes=2)
"""The recorder, started at the same moment, first takes in what a crash left."""
RECONCILE_HOUR = 10
"""UTC: of the night in all of the United States' mainland."""
CANT_START = 2

log = get_logger(__name__)


def run(settings: Settings, clock: Clock) -> int:
    """Delete until SIGTERM or SIGINT; return the exit code: 1 when a database does not answer yet, 2 when something is missing."""
    arm(settings.failpoint)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    disks = Disks.of(settings)
    disks.mind_ballast()  # before databases are opened, which may write
    try:
        with opened_node(settings, clock) as node:
            _work(node, _lock_path(settings), disks, stopping)
    except VmsError as err:
        log.error("retention can't start", reason=str(err))
        return 1 if isinstance(err, Unavailable) else CANT_START
    return 0


def once(settings: Settings, clock: Clock) -> Passed:
    """Make one pass now; while `vms retain` is in the middle of one, wait for its end."""
    arm(settings.failpoint)
    disks = Disks.of(settings)
    disks.mind_ballast()
    with opened_node(settings, clock) as node, _alone(_lock_path(settings), wait=True), node.index.answering():
        return Deletion(node, threading.Event().wait, lambda: disks.is_short(node.index, now=clock.now())).run()


def dry_run(settings: Settings, clock: Clock) -> tuple[list[Due], str | None]:
    """Return what a pass would destroy, and why none would be made now; holds and rules are taken over from the hub first."""
    with opened_node(settings, clock) as node, node.index.answering():
        paused = Deletion(node, threading.Event().wait).why_paused()
        return due(node), paused


def prove_day(settings: Settings, clock: Clock, camera_id: CameraId, day: Timespan) -> DayProof:
    """Return what became of a camera's footage of a day on this machine."""
    with opened_node(settings, clock) as node, node.index.answering():
        return proof.prove_day(node, camera_id, day)


def standings(settings: Settings, clock: Clock) -> list[Standing]:
    """Return of each camera how old its oldest footage is, and whether any of it should be gone."""
    with opened_node(settings, clock) as node, node.index.answering():
        return proof.standings(node)


def trust_clock(settings: Settings, clock: Clock, actor: Actor) -> None:
    """Take the clock as it stands for right: `actor` has looked. The access log says so first."""
    with opened_node(settings, clock) as node, node.index.answering():
        with node.central.answering(), node.central.writing() as session:
            note_clock_trusted(session, actor, node.node_id, at=clock.now())
        with node.index.write.begin() as connection:
            deletion_lease.put(connection, Lease(None, node.reading()))


class _Jobs:
    """What the scheduler calls; each leaves behind whatever the next call needs, in the index."""

    def __init__(self, node: RetentionNode, lock_path: Path, disks: Disks, stopping: threading.Event) -> None:
        self._node = node
        self._lock_path = lock_path
        self._stopping = stopping
        self._disks = disks
        self._low = False
        self._deletion = Deletion(node, stopping.wait, lambda: disks.is_short(node.index, now=node.clock.now()))
        self._paused: str | None = None
        self._next = node.clock.monotonic()
        self._hub_away = False
        self._turn = threading.Lock()
        """Second places are made between passes, and files given back: this process waits where another one is left alone."""

    def look(self) -> None:
        """Take what changed at the hub, then see that there is room to write it down."""
        try:
            with self._node.index.answering():
                if holds_changed(self._node):
                    take_orders(self._node)
        except VmsError as err:
            if not self._hub_away:
                log.warning("holds not taken over", reason=str(err))
            self._hub_away = True
        else:
            self._hub_away = False
        self._disks.mind_ballast()  # last: a disk that hangs keeps no hold waiting

    def look_at_disks(self) -> None:
        """Begin a pass at once when room becomes low, and let the next ones follow each other sooner for as long as it is."""
        try:
            with self._node.index.answering():
                before, self._low = self._low, self._disks.is_low(self._node.index, now=self._node.clock.now())
        except VmsError:
            return  # the pass says what is wrong with the index
        if self._low and not before:
            log.info("room is low: what is past its window goes at once")
            self._next = self._node.clock.monotonic()
            self.make_pass()

    def make_pass(self) -> None:
        """Destroy what is due, when it is time for it, unless somebody does so by hand at this moment."""
        began = self._node.clock.monotonic()
        if began < self._next:
            return
        try:
            with self._alone(), self._node.index.answering():
                passed = self._deletion.run()
        except Conflict:
            return
        except VmsError as err:
            passed = Passed(paused=str(err))
        self._next = began + 60 * (PASS_MINUTES if passed.paused is None and not self._low else AGAIN_MINUTES)
        self._tell(passed)

    def answer_spot_checks(self) -> None:
        """Look into what people want to know of a camera's day."""
        try:
            with self._node.index.answering():
                for asked in self._node.hub.spot_checks(self._node.node_id):
                    found = proof.prove_day(self._node, asked.camera_id, asked.day)
                    self._node.hub.answer_spot_check(self._node.node_id, asked.id, found, at=self._node.clock.now())
        except Unavailable:
            return  # `look` says so
        except VmsError as err:
            log.error("spot check not answered", reason=str(err))

    def protect(self) -> None:
        """Make second places of what holds keep, and give copies up whose room is needed."""
        try:
            with self._node.index.answering():
                protect(self._node, list(self._disks.there()), self._stopping.wait, self._alone)
        except Conflict:
            return
        except (VmsError, OSError) as err:
            log.error("second places not made", reason=str(err))
            return

    def reconcile(self) -> None:
        """Compare index and files, unless that was done just now."""
        try:
            with self._node.index.answering():
                if is_due(self._node):
                    reconcile(self._node, self._stopping.is_set, self._alone_at_last)
        except Stopped:
            return
        except (VmsError, OSError) as err:  # a disk that can't be listed
            log.error("index and files not compared", reason=str(err))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn, _alone(self._lock_path, wait=False):
            yield

    @contextmanager
    def _alone_at_last(self) -> Iterator[None]:
        with self._turn, _alone(self._lock_path, wait=True):
            yield

    def _tell(self, passed: Passed) -> None:
        if passed.paused is not None and passed.paused != self._paused:
            log.error("deletion paused", reason=passed.paused)
        elif passed.paused is None and self._paused is not None:
            log.info("deletion goes on")
        self._paused = passed.paused
        if passed.purged:
            log.info("footage purged", segments=passed.purged, kept=passed.kept, keys=passed.keys_destroyed)


def repair_found(settings: Settings, clock: Clock, broken: Sequence[SegmentId]) -> dict[SegmentId, bool]:
    """Give those of `broken` that a hold keeps their file back from their second place; return them as `repair` does.

    Unavailable for another account than the data's: the service could not read what that one writes.
    """
    if os.geteuid() != settings.data_dir.stat().st_uid:
        raise Unavailable(f"Files are given back by the account that owns {settings.data_dir}. Run vms check as that account.")
    with opened_node(settings, clock) as node, _alone(_lock_path(settings), wait=True), node.index.answering():
        return repair(node, list(Disks.of(settings).there()), broken)


def _work(node: RetentionNode, lock_path: Path, disks: Disks, stopping: threading.Event) -> None:
    jobs = _Jobs(node, lock_path, disks, stopping)
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1})
    now = node.clock.now()
    scheduler.add_job(jobs.look, IntervalTrigger(seconds=LOOK_SECONDS, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.look_at_disks, IntervalTrigger(seconds=DISKS_SECONDS, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.answer_spot_checks, IntervalTrigger(seconds=SPOT_CHECK_SECONDS, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.make_pass, IntervalTrigger(minutes=AGAIN_MINUTES, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.protect, IntervalTrigger(minutes=PROTECT_MINUTES, timezone=UTC), next_run_time=now)
    scheduler.add_job(jobs.reconcile, CronTrigger(hour=RECONCILE_HOUR, minute=40, timezone=UTC), next_run_time=now + RECONCILE_AFTER_START)
    scheduler.start()
    try:
        while not stopping.wait(LOOK_SECONDS):
            before, now = now, node.clock.now()
            if now < before:  # the scheduler waits by the wall clock: it would wait until that has caught up
                for job in scheduler.get_jobs():
                    job.modify(next_run_time=now)
    finally:
        scheduler.shutdown()  # waits for the batch in hand


def _lock_path(settings: Settings) -> Path:
    settings.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.retention_lock_path


@contextmanager
def _alone(path: Path, *, wait: bool) -> Iterator[None]:
    """Make the only pass in this data directory; Conflict when another runs and `wait` is False."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as err:
            raise Conflict("Another pass of retention is at work.") from err
        yield
    finally:
        os.close(lock)

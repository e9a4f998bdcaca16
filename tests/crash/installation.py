"""A running `vms up` for kills: cameras of the demo's size, its processes, what it wrote, and what its pages show."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import chain
from pathlib import Path

import httpx

from recorder.demo.stream import Start
from tests.crash.continuity import Told, breaks
from tests.factories import an_account, done
from tests.processes import children_of, is_running
from tests.product import CameraProcess, Product, Running, free_port
from tests.recorder.site import CLOCK, DAY, Site, a_site
from tests.waiting import wait_until
from tests.web.world import OWN_PAGE, cookie
from vms.domain.ids import SegmentId, StreamId, split_segment_id
from vms.domain.people import Proof, Role
from vms.domain.timespan import MS_PER_HOUR, Timespan, ms_of
from vms.media.segment_layout import whole_places
from vms.services.check import Depth, check
from vms.services.sessions import open_session
from vms.store import gaps, runs, segments, stream_config
from vms.store.files import iter_parts, iter_published
from vms.store.layout import StoredFile

CAMERAS = 4
WORKERS = 2
BACK_SECONDS = 90.0
"""The longest pause before a process that keeps dying is started again is 30 s; a busy machine does the rest."""


class Victim(StrEnum):
    WORKER = "worker"
    SUPERVISOR = "supervisor"
    NODE_API = "node API"
    WEB = "web"
    UP = "vms up"


@dataclass(frozen=True, slots=True)
class Kill:
    """What was the case when a process was killed."""

    at_ms: int
    written: dict[SegmentId, int]
    """Whole records of each file that was open."""


class Installation:
    """Use `an_installation`."""

    def __init__(self, product: Product, site: Site, listen: str, token: str) -> None:
        self.product = product
        self.site = site
        self._listen = listen
        self._token = token
        self._up: Running | None = None

    def start(self) -> None:
        """Start `vms up`, and again while what the one before left still holds the port, as a service manager does."""
        self._up = wait_until(self._started, seconds=BACK_SECONDS)

    def faults_when_stopped(self) -> list[str]:
        """Stop, and say what `vms check --deep` finds when no file and no row can be on its way any more."""
        assert self._up is not None
        assert self._up.stop() == 0
        found = check(self.site.index, [self.site.volume()], at=CLOCK.now() + timedelta(hours=1), depth=Depth.DEEP)
        return [str(violation) for violation in found.violations]

    def close(self) -> None:
        if self._up is not None:
            self._up.stop()

    @property
    def streams(self) -> frozenset[StreamId]:
        with self.site.index.read.begin() as connection:
            return frozenset(stream.stream_id for stream in stream_config.load(connection).streams)

    def pids(self, victim: Victim) -> list[int]:
        """Return the processes that run of this kind."""
        assert self._up is not None
        if victim is Victim.UP:
            return [self._up.process.pid]
        if victim is Victim.WEB:
            return children_of(self._up.process.pid, "serve")
        recorders = children_of(self._up.process.pid, "record")
        if victim is Victim.SUPERVISOR:
            return recorders
        module = "recorder.worker" if victim is Victim.WORKER else "recorder.node_api"
        return [pid for recorder in recorders for pid in children_of(recorder, module)]

    def kill(self, victim: Victim, *, number: int = 0) -> Kill:
        """Kill a process of this kind; `vms up`, which nothing starts again, is started."""
        killed = wait_until(lambda: self.pids(victim)[number:], seconds=BACK_SECONDS)[0]
        written = self.written()
        kill = Kill(ms_of(CLOCK.now()), written)
        os.kill(killed, signal.SIGKILL)
        if victim is Victim.UP:
            self._start_after_a_kill()
        wait_until(lambda: not is_running(killed))
        return kill

    def wait_until_back(self) -> None:
        """Wait until every process is there, each stream was written after that, and the pages show it."""
        wait_until(lambda: [len(self.pids(victim)) for victim in Victim] == [WORKERS, 1, 1, 1, 1], seconds=BACK_SECONDS)
        there_ms = ms_of(CLOCK.now())
        wait_until(lambda: self._written_since(there_ms) >= self.streams, seconds=BACK_SECONDS)
        wait_until(self._pages_show_recording, seconds=BACK_SECONDS)

    def written(self) -> dict[SegmentId, int]:
        """Return how many records are whole in each file that is open."""
        return {file.segment: _records(file) for file in iter_parts(self.site.volume())}

    def lost_ms(self, kill: Kill) -> int:
        """Return the most that a stream lacks before a kill, when everything is back; 0 when the kill ended no run."""
        return max(kill.at_ms - self._reached(stream, kill.at_ms) for stream in self.streams)

    def forgotten(self, kill: Kill) -> list[SegmentId]:
        """Return the files that were open when the kill came and that hold less now, or have no row."""
        with suppress(AssertionError):
            wait_until(lambda: not self._shrunk(kill.written))
        return self._shrunk(kill.written)

    def faults(self) -> list[str]:
        """Say what the index or `vms check --deep` finds wrong."""
        told = [f"stream {stream}: {sentence}" for stream in sorted(self.streams) for sentence in breaks(self.told(stream))]
        return told + [str(violation) for violation in self.product.vms("check", "--deep", "--json").document()["violations"]]

    def told(self, stream: StreamId) -> Told:
        now = CLOCK.now()
        window = Timespan(now - DAY, now + DAY)
        with self.site.index.read.begin() as connection:
            found = segments.find(connection, stream, window)
            return Told(found, runs.find(connection, stream, window), gaps.find(connection, stream, window))

    def _start_after_a_kill(self) -> None:
        """Start at once, while the processes that were left behind still end."""
        before = self._up
        assert before is not None
        before.process.wait(10)
        self.start()
        before.stop()

    def _started(self) -> Running | None:
        up = Running(self.product.command("up", "--listen", self._listen), self.product.environment)
        up.__enter__()
        try:
            up.line("Custodian runs at")
        except AssertionError:
            up.stop()
            return None
        return up

    def _reached(self, stream: StreamId, at_ms: int) -> int:
        """Return how far the run that went on at a moment reached, at most that moment.

        What died has been ended in the index before it is started again: a run without an end goes on.
        """
        run = [run for run in self.told(stream).runs if run.start_ms <= at_ms][-1]
        return at_ms if run.end_reason is None else min(run.end_ms, at_ms)

    def _shrunk(self, written: dict[SegmentId, int]) -> list[SegmentId]:
        now = self.written()
        with self.site.index.read.begin() as connection:
            rows = {segment: segments.get(connection, segment) for segment in written}
        kept = {segment: len(row.fragments) for segment, row in rows.items() if row is not None}
        return [segment for segment, records in written.items() if records > max(1, now.get(segment, 0), kept.get(segment, 0))]

    def _written_since(self, since_ms: int) -> set[StreamId]:
        """Return the streams of which something was written after a moment."""
        files = chain(iter_published(self.site.volume(), since_ms // MS_PER_HOUR - 1), iter_parts(self.site.volume()))
        return {split_segment_id(file.segment)[0] for file in files if _written_ms(file) > since_ms and _records(file) > 1}

    def _pages_show_recording(self) -> bool:
        try:
            with httpx.Client(base_url=f"http://{self._listen}", headers={**OWN_PAGE, **cookie(self._token)}, trust_env=False) as client:
                answer = client.get("/api/v1/cameras")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and {camera["state"] for camera in answer.json()["cameras"]} == {"recording"}


@contextmanager
def an_installation(folder: Path) -> Iterator[Installation]:
    """Record four demo cameras of production size, main and sub-stream, in short segments so that kills hit publishing too."""
    # A camera that sends what it had in store would hide how much a kill had cost.
    with (
        CameraProcess(folder, count=CAMERAS, start=Start.NEXT_KEYFRAME) as cameras,
        a_site(folder / "data", segment_seconds=4, workers=WORKERS) as site,
    ):
        for camera in cameras.cameras:
            site.add_camera(camera["name"], cameras.port, camera["main"], sub_path=camera["sub"])
        product = Product(site.settings.data_dir, VMS_LOG_FORMAT="json")
        installation = Installation(product, site, f"127.0.0.1:{free_port()}", _sign_in(site))
        try:
            installation.start()
            wait_until(lambda: len(installation.streams) == 2 * CAMERAS, seconds=BACK_SECONDS)
            installation.wait_until_back()
            yield installation
        finally:
            installation.close()


def _sign_in(site: Site) -> str:
    with site.central.writing() as session:
        account = an_account(session, Role.DESK)
        return done(open_session(session, person_id=account.id, at=CLOCK.now(), proof=Proof.TOTP)).token


def _records(file: StoredFile) -> int:
    """Return how many records of a file are whole, the init segment among them; 0 when it was renamed meanwhile."""
    try:
        with file.path.open("rb") as opened:
            return len(whole_places(opened.fileno()))
    except FileNotFoundError:
        return 0


def _written_ms(file: StoredFile) -> int:
    """Return when a file was last written; 0 when it was renamed meanwhile."""
    try:
        return file.path.stat().st_mtime_ns // 1_000_000
    except FileNotFoundError:
        return 0

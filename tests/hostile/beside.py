"""Runs hostile cameras on the worker of a good camera, and watches what they are called and what they cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.catalog import HostileCamera
from tests.recorder.site import Cameras, Site, stream_of
from tests.waiting import wait_until
from vms.domain.footage import GapReason
from vms.domain.ids import StreamId

VERDICT_SECONDS = 90
"""The longest that a machine under load takes to find out that a camera is silent (10 s) or stalled (15 s)."""
_RESET_PEAK = "5"
"""proc(5): clear_refs sets the peak of the resident set back to what it is now."""


@contextmanager
def hostile_ports(pause: float) -> Iterator[dict[str, int]]:
    """Serve all hostile cameras, with so many seconds between two batches of a flood; yields their ports by name."""
    command = [sys.executable, "-m", "tests.hostile", str(pause)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


@dataclass(slots=True)
class Seen:
    """What the recorder said of one hostile camera."""

    camera: HostileCamera
    stream: StreamId
    states: dict[str, str] = field(default_factory=dict)
    """State and its sentence."""
    reasons: set[GapReason] = field(default_factory=set)
    most_buffered_bytes: int = 0

    @property
    def judged(self) -> bool:
        verdict = self.camera.verdict
        return verdict.state in self.states and (verdict.reason is None or verdict.reason in self.reasons)

    def take(self, site: Site, state: dict[str, object]) -> None:
        self.states[str(state["state"])] = str(state["detail"])
        self.most_buffered_bytes = max(self.most_buffered_bytes, int(str(state["buffered_bytes"])))
        if not self.judged:
            self.reasons = {gap.reason for gap in site.gaps(self.stream)}


class Worker:
    """The recorder's one capture worker as the kernel sees it."""

    def __init__(self, site: Site) -> None:
        (self.pid,) = site.children("recorder.worker")
        Path(f"/proc/{self.pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        self._before = self._kilobytes("VmRSS")

    @property
    def grown_megabytes(self) -> float:
        """Return how far the resident set ever was above what it was at first."""
        return (self._kilobytes("VmHWM") - self._before) / 1024

    def _kilobytes(self, field: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


@dataclass(slots=True)
class Beside:
    """A recorder with one worker that records a good camera, and hostile ones beside it."""

    site: Site
    ports: dict[str, int]
    good: StreamId
    worker: Worker

    @classmethod
    def start(cls, site: Site, cameras: Cameras, ports: dict[str, int]) -> Beside:
        good = stream_of(site.add_camera("Good", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0])))
        site.start()
        site.wait_for_segments(good, 1)
        return cls(site, ports, good, Worker(site))

    def judge(self, hostile: Iterable[HostileCamera]) -> list[Seen]:
        """Have the recorder record `hostile` until it has said of each what it is, or the time is up."""
        seen = [Seen(camera, self._add(camera)) for camera in hostile]
        wait_until(lambda: self._look(seen), seconds=VERDICT_SECONDS)
        return seen

    def _add(self, camera: HostileCamera) -> StreamId:
        return stream_of(self.site.add_camera(camera.name, self.ports[camera.name], "/live"))

    def _look(self, seen: list[Seen]) -> bool:
        states = self.site.states()
        for each in seen:
            if (state := states.get(each.stream)) is not None:
                each.take(self.site, state)
        return all(each.judged for each in seen)

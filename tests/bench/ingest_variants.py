"""What the ingest benchmark compares: the recorder, and four other ways to put the same cameras on the same disk.

Every variant writes segments of 10 s, so that each closes about one file a camera in a window of that length.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from recorder.drain import TICK_SECONDS
from tests.bench.build import built
from tests.bench.clip import PacketClip
from tests.bench.process_tree import pss_bytes, tree
from tests.factories import CONSOLE
from tests.product import free_port
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.outcome import Refused
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store.database import make_engines

SEGMENT_SECONDS = 10
READY_SECONDS = 120.0
STOP_SECONDS = 40.0
PACES = {"bursts": 12_500, "trickle": 1_400}
"""Bytes a millisecond of each camera's link: 100 Mbit/s, or a packet at a time."""
SETTINGS = {"VMS_ALLOW_LOOPBACK_CAMERAS": "1", "VMS_LOG_LEVEL": "warning"}
FFMPEG_INPUT = (
    "-rtsp_transport tcp -timeout 10000000 -use_wallclock_as_timestamps 1 -avoid_negative_ts make_zero -fflags +genpts+discardcorrupt"
)
FFMPEG_OUTPUT = f"-c copy -an -f segment -segment_time {SEGMENT_SECONDS} -segment_format mp4 -reset_timestamps 1"
"""The flags that Frigate documents as its defaults for recording."""

Counters: TypeAlias = dict[str, float]
"""What a variant tells of itself; all of it grows but the `LEVELS`."""
LEVELS = frozenset({"loop_late_ms", "worker_mb"})


@dataclass(slots=True)
class Running:
    """A variant that records."""

    roots: list[int]
    counters: Callable[[], Counters] = field(default=dict)

    def pids(self) -> list[int]:
        return [pid for root in self.roots for pid in tree(root)]


@dataclass(frozen=True, slots=True)
class Scene:
    """The cameras that a variant is to record, and where."""

    port: int
    cameras: int
    directory: Path


@dataclass(slots=True)
class Source:
    """The cameras; `said` is there when they have stopped."""

    port: int
    said: dict[str, int] = field(default_factory=dict)


@contextmanager
def cameras(clip: PacketClip, pace: str) -> Iterator[Source]:
    """Run the cameras' process."""
    source = Source(free_port())
    command = [str(built("camera_source")), str(source.port), str(clip.path), clip.format_parameters, str(PACES[pace])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield source
        finally:
            process.terminate()
            source.said = json.loads(process.stdout.readline())


@contextmanager
def ours_plain(scene: Scene) -> Iterator[Running]:
    with _ours(scene, "tests.bench.plain_vms") as running:
        yield running


@contextmanager
def ours_encrypted(scene: Scene) -> Iterator[Running]:
    with _ours(scene, "vms") as running:
        yield running


@contextmanager
def ffmpeg(scene: Scene) -> Iterator[Running]:
    """One process per camera, as Frigate and others record."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "fatal", "-nostdin", *FFMPEG_INPUT.split()]
    commands = [
        [*command, "-i", f"rtsp://127.0.0.1:{scene.port}/cam/{number}", *FFMPEG_OUTPUT.split(), str(scene.directory / f"{number}-%05d.mp4")]
        for number in range(scene.cameras)
    ]
    with _processes(commands, scene) as running:
        yield running


@contextmanager
def pyav(scene: Scene) -> Iterator[Running]:
    """One process, one thread per camera."""
    command = [sys.executable, "-m", "tests.bench.pyav_threads", str(scene.port), str(scene.cameras), str(scene.directory)]
    with _processes([command], scene) as running:
        yield running


@contextmanager
def floor(scene: Scene) -> Iterator[Running]:
    """Receive and write the same bytes, in C, and drain the sockets as often as the recorder."""
    tick_ms = str(round(TICK_SECONDS * 1000))
    command = [str(built("receive_floor")), str(scene.port), str(scene.cameras), str(scene.directory), tick_ms]
    with _processes([command], scene) as running:
        yield running


Variant: TypeAlias = Callable[[Scene], Any]
VARIANTS: dict[str, Variant] = {
    "ours plain": ours_plain,
    "ours with digests and encryption": ours_encrypted,
    "ffmpeg": ffmpeg,
    "PyAV threads": pyav,
    "floor": floor,
}


@contextmanager
def _processes(commands: Sequence[Sequence[str]], scene: Scene) -> Iterator[Running]:
    """Run `commands` until each camera has a file that grows."""
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]

    def all_write() -> bool:
        assert all(process.poll() is None for process in processes), "a process of this variant ended"
        written = {path.name.partition("-")[0] for path in scene.directory.iterdir() if path.stat().st_size}
        return len(written) == scene.cameras

    try:
        wait_until(all_write, seconds=READY_SECONDS)
        yield Running([process.pid for process in processes])
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            reap(process)


@contextmanager
def _ours(scene: Scene, module: str) -> Iterator[Running]:
    """Run the whole recorder, with one worker: supervisor, worker, node API."""
    settings = install_cameras(scene)
    command = [sys.executable, "-m", module, "--data", str(settings.data_dir), "record"]
    recorder = subprocess.Popen(command, env={**os.environ, **SETTINGS})

    def all_record() -> bool:
        assert recorder.poll() is None, "the recorder ended"
        try:
            streams = _ask(settings)["states"]
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return len(streams) == scene.cameras and all(stream["state"] == "recording" and stream["pictures"] for stream in streams)

    try:
        wait_until(all_record, seconds=READY_SECONDS)
        yield Running([recorder.pid], lambda: _figures(settings, _workers(recorder.pid)))
    finally:
        recorder.send_signal(signal.SIGTERM)
        reap(recorder)


def reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that was told to end."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def install_cameras(scene: Scene) -> Settings:
    """Make an installation that records the scene's cameras."""
    clock = SystemClock()
    extra = (("segment_seconds", SEGMENT_SECONDS), ("capture_workers", 1))
    installation = Installation(District("Benchmark", "America/Los_Angeles", 14, "Dana Reyes"), None, extra)
    settings = install(scene.directory / "data", installation, actor=CONSOLE, clock=clock)
    central = make_engines(settings.central_where)
    with central.writing() as session:
        branch = add_branch(session, CONSOLE, name="Central", timezone="America/Los_Angeles", at=clock.now())
        assert not isinstance(branch, Refused), branch
        for number in range(scene.cameras):
            new = NewCamera(name=f"Camera {number}", branch_id=branch.id, host="127.0.0.1", port=scene.port, main_path=f"/cam/{number}")
            added = add_camera(session, CONSOLE, new, at=clock.now(), allow_loopback=True)
            assert not isinstance(added, Refused), added
    central.dispose()
    return settings


def _workers(supervisor: int) -> list[int]:
    return [pid for pid in tree(supervisor) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _figures(settings: Settings, worker_pids: Sequence[int]) -> Counters:
    told = _ask(settings)
    streams, workers = told["states"], told["workers"]
    return {
        "pictures": sum(stream["pictures"] for stream in streams),
        "lost": sum(stream["lost_packets"] + stream["damaged_pictures"] for stream in streams),
        "worker_mb": pss_bytes(worker_pids) / 1e6,
        "loop_late_ms": max((worker["loop_late_ms"] for worker in workers), default=0),
    }


def _ask(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(settings.supervisor_socket))
        asking.sendall(b'{"ask": "states"}\n')
        answer: dict[str, list[dict[str, Any]]] = json.loads(asking.makefile().readline())
    return answer

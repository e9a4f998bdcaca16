"""A whole recorder for tests: a data directory, cameras on loopback, the real processes, and ways to look at what they made."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from recorder.demo.cameras import DemoCameras
from recorder.demo.certificate import DemoCertificate
from recorder.demo.encode import Profile
from tests.factories import CONSOLE
from tests.fakes.cameras import PASSWORD, TINY, USERNAME, tiny_cameras
from tests.processes import children_of
from tests.recorder.rtsp.scripted_camera import ScriptedCamera, camera
from tests.waiting import is_listening, wait_until
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.access import Grant
from vms.domain.camera import CameraDetails, Priority, RecordingMode, StreamRole
from vms.domain.footage import Gap, Run, Segment
from vms.domain.ids import StreamId, ViewId
from vms.domain.outcome import Refused
from vms.domain.timespan import Timespan
from vms.media.segment_file import SegmentReader
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.services.check import CheckReport, Depth, check
from vms.services.district import District
from vms.services.grants import issue, service_grant
from vms.services.installation import Installation, install
from vms.store import gaps, runs, segments
from vms.store.database import Engines, make_engines
from vms.store.files import Volume
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore

Result = TypeVar("Result")
CLOCK = SystemClock()
DAY = timedelta(days=1)


class OwnLoop:
    """An event loop in a thread of its own, so that tests can wait without holding up the cameras on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cameras")
        self._thread.start()

    def wait_for(self, what: Coroutine[None, None, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def scripted_camera(scripted: ScriptedCamera) -> Iterator[ScriptedCamera]:
    """Serve a scripted camera to a recorder."""
    loop, serving = OwnLoop(), camera(scripted)
    try:
        yield loop.wait_for(serving.__aenter__())
        loop.wait_for(serving.__aexit__(None, None, None))
    finally:
        loop.close()


class Cameras:
    """Tiny cameras on an event loop of their own."""

    def __init__(self, count: int, *, profiles: Mapping[str, Profile] = TINY, certificate: DemoCertificate | None = None) -> None:
        self._loop = OwnLoop()
        self._manager = tiny_cameras(count, profiles=profiles, certificate=certificate)
        self.demo: DemoCameras = self._loop.wait_for(self._manager.__aenter__())

    def do(self, order: Callable[[DemoCameras], None]) -> None:
        """Carry out `order` on the cameras' loop."""

        async def carry_out() -> None:
            order(self.demo)

        self._loop.wait_for(carry_out())

    def change_certificate(self) -> DemoCertificate:
        """Show another certificate from now on, and drop who plays."""
        changed: list[DemoCertificate] = []
        self.do(lambda demo: changed.append(demo.script.change_certificate()))
        self.do(lambda demo: demo.script.drop())
        return changed[0]

    def resume(self) -> None:
        self._loop.wait_for(self.demo.script.resume())

    def close(self) -> None:
        self._loop.wait_for(self._manager.__aexit__(None, None, None))
        self._loop.close()


@dataclass(slots=True)
class Site:
    """One installation and, while it runs, its recorder."""

    settings: Settings
    index: Engines
    central: Engines
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log_path(self) -> Path:
        return self.settings.data_dir / "recorder.log"

    def add_camera(
        self,
        name: str,
        port: int,
        path: str,
        *,
        sub_path: str | None = None,
        password: str = PASSWORD,
        mode: RecordingMode = RecordingMode.ALWAYS,
        certificate: DemoCertificate | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> CameraDetails:
        with self.central.writing() as session:
            found = add_branch(session, CONSOLE, name=f"Branch of {name}", timezone="America/Los_Angeles", at=CLOCK.now())
            assert not isinstance(found, Refused), found
            new = NewCamera(
                name=name,
                branch_id=found.id,
                host="127.0.0.1",
                port=port,
                main_path=path,
                sub_path=sub_path,
                username=USERNAME,
                password=password,
                recording_mode=mode,
                priority=priority,
                scheme="rtsps" if certificate else "rtsp",
                certificate_sha256=certificate.sha256 if certificate else None,
            )
            added = add_camera(session, CONSOLE, new, at=CLOCK.now(), allow_loopback=True)
        assert not isinstance(added, Refused), added
        return added

    def start(self, **settings: str) -> None:
        environment = {**os.environ, "VMS_ALLOW_LOOPBACK_CAMERAS": "1", "VMS_LOG_FORMAT": "json", **self.environment, **settings}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vms", "--data", str(self.settings.data_dir), "record"], env=environment, stderr=log, stdout=log
            )

    def stop(self) -> int:
        """Ask the recorder to stop and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        return code

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def close(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(25)
            self.process.kill()
            self.process.wait(10)
        self.index.dispose()
        self.central.dispose()

    def children(self, module: str) -> list[int]:
        """Return the pids of this recorder's children that run `module`."""
        assert self.process is not None
        return children_of(self.process.pid, module)

    def segments(self, stream: StreamId) -> list[Segment]:
        now = CLOCK.now()
        with self.index.read.begin() as connection:
            return segments.find(connection, stream, Timespan(now - DAY, now + DAY))

    def runs(self, stream: StreamId) -> list[Run]:
        now = CLOCK.now()
        with self.index.read.begin() as connection:
            return runs.find(connection, stream, Timespan(now - DAY, now + DAY))

    def gaps(self, stream: StreamId) -> list[Gap]:
        now = CLOCK.now()
        with self.index.read.begin() as connection:
            return gaps.find(connection, stream, Timespan(now - DAY, now + DAY))

    def wait_for_segments(self, stream: StreamId, count: int, *, seconds: float = 40) -> list[Segment]:
        return wait_until(lambda: found if len(found := self.segments(stream)) >= count else None, seconds=seconds) or []

    def check(self, *, at: datetime | None = None) -> CheckReport:
        opened = [Volume.open(volume.path) for volume in self.settings.volumes]
        with contextlib.closing(self.keys()) as keys:
            return check(self.index, opened, at=at or CLOCK.now(), depth=Depth.DEEP, keys=keys)

    def volume(self) -> Volume:
        return Volume.open(self.settings.volumes[0].path)

    def keys(self) -> KeyStore:
        return KeyStore.open(self.settings.keys1_path, self.settings.keys2_path, KeyFiles(self.settings.kek_path))

    def plaintext(self, segment: Segment) -> bytes:
        """Return a published segment as the MP4 it is."""
        keys = self.keys()
        try:
            with self.volume().segment_path(segment.id).open("rb") as file:
                return b"".join(SegmentReader(file, keys, segment.fragments).records())
        finally:
            keys.close()

    def states(self) -> dict[StreamId, dict[str, object]]:
        """Return the node API's states by stream; {} while it does not answer."""
        if not is_listening(self.settings.node_socket):  # httpx would leave the socket of a refused connection to the garbage collector
            return {}
        try:
            with self.api() as api:
                answer = api.get("/v1/states", headers=self.service())
        except httpx.TransportError:
            return {}
        return {StreamId(state["stream_id"]): state for state in answer.json()["states"]} if answer.status_code == 200 else {}

    def state(self, stream: StreamId) -> str:
        return str(self.states().get(stream, {}).get("state"))

    def api(self) -> httpx.Client:
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.settings.node_socket)), base_url="http://node", timeout=10)

    def service(self) -> dict[str, str]:
        return self._header(service_grant(CLOCK.now()))

    def grant(self, stream: StreamId, span: Timespan | None) -> dict[str, str]:
        return self._header(Grant(ViewId("v" * 22), frozenset({stream}), span, CLOCK.now() + timedelta(minutes=5)))

    def log_lines(self) -> list[dict[str, object]]:
        lines = self.log_path.read_text(encoding="utf-8").splitlines() if self.log_path.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _header(self, grant: Grant) -> dict[str, str]:
        return {"Authorization": f"Grant {issue(grant, self.settings.grant_key_path.read_bytes())}"}


def stream_of(camera: CameraDetails, role: StreamRole = StreamRole.MAIN) -> StreamId:
    stream = camera.camera.stream(role)
    assert stream is not None
    return stream.id


@contextlib.contextmanager
def a_site(
    data_dir: Path, *, segment_seconds: int = 2, max_bytes: int | None = None, workers: int = 1, volumes: Sequence[Path] = ()
) -> Iterator[Site]:
    """Make an installation with short segments, on `volumes` or the one default volume; its recorder is stopped at the end."""
    extra = (("segment_seconds", segment_seconds), ("sync_seconds", 1), ("capture_workers", workers))
    installation = Installation(District("Test Library", "America/Los_Angeles", 14, "Dana Reyes"), max_bytes, extra)
    environment = {"VMS_VOLUMES": json.dumps([{"path": str(path)} for path in volumes])} if volumes else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = install(data_dir, installation, actor=CONSOLE, clock=CLOCK)
    site = Site(settings, make_engines(settings.index_path), make_engines(settings.central_where), environment)
    try:
        yield site
    finally:
        site.close()

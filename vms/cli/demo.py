"""`vms demo`: the same processes as `vms up`, plus demo cameras, two sample branches and sample people.

Nothing here is reachable from `vms up`; the sign-in code exists only in the processes that this module starts.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import disk_usage
from typing import Protocol
from zoneinfo import available_timezones

import httpx
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from recorder.demo.cameras import prepare_clips
from recorder.demo.encode import LOOP_SECONDS
from recorder.demo.settings import SPARING, DemoSettings
from vms.cli import demo_data
from vms.cli.children import Child, Children
from vms.cli.context import Cli
from vms.cli.output import Exit, err, sentences
from vms.cli.ports import bind_next_free, free_port
from vms.cli.run import processes, say, url, where
from vms.cli.size import days_kept
from vms.config import CONFIG_NAME, Settings, load_settings
from vms.domain.camera import CameraState
from vms.domain.capacity import SECONDS_A_DAY, bytes_needed
from vms.domain.ids import CameraId
from vms.errors import ConfigError
from vms.services.district import District
from vms.services.installation import Installation, install, migrate_all
from vms.services.status import status_document
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.private_files import write_private

DAYS_KEPT = 1
MOST_BYTES = 20_000_000_000
"""Four demo cameras take two thirds of it until the first footage is a day old and goes."""
SHARE_OF_FREE = 3, 4
"""Of what the disk has free the footage takes no more at the first start: the rest is the visitor's."""
CAMERA_PORT = 8554
READY_SECONDS = 90.0
_GB = 1e9


@dataclass(frozen=True, slots=True)
class _DemoCameras:
    """Where the demo cameras listen and what opens them."""

    port: int
    password_file: Path
    cache: Path
    count: int

    @property
    def password(self) -> str:
        return self.password_file.read_text(encoding="utf-8").strip()

    @property
    def child(self) -> Child:
        listen = ("--listen", f"{demo_data.CAMERA_HOST}:{self.port}")
        scenes = ("--cameras", str(self.count), "--cache", str(self.cache), "--sparing")
        credential = ("--user", demo_data.CAMERA_USER, "--password-file", str(self.password_file))
        return Child("the demo cameras", (sys.executable, "-m", "recorder.demo", *listen, *scenes, *credential))


def demo(cli: Cli, *, cameras: int, listen: str) -> int:
    """Run the demo until Ctrl-C; returns the exit code."""
    with sentences(), demo_data.claimed(cli.data_dir):
        children = Children(cli.clock, say)
        with _progress() as step:
            greeting = _start(cli, children, step, cameras=cameras, listen=listen)
        for line in greeting:
            say(line)
        code = children.run()
    say("Stopped. What was recorded stays; make demo goes on where it was.")
    return code if greeting else Exit.NOT_DONE


def _start(cli: Cli, children: Children, step: _Step, *, cameras: int, listen: str) -> list[str]:
    """Start everything and return what to say when all records; nothing when that did not come."""
    settings = _installed(cli, step)
    with cli.reading(settings) as session:
        shown = demo_data.scenes_needed(demo_data.own_cameras(session, cli), wanted=cameras)
    cache = settings.data_dir / demo_data.CLIPS
    clips = prepare_clips(shown, cache, DemoSettings(profiles=SPARING), lambda share, text: step(text, share))
    # After the drawing, which takes a minute: in that time another demo may take a port.
    served = _DemoCameras(free_port(CAMERA_PORT), _camera_password(settings), cache, shown)
    step("Adding the sample branches, people and cameras")
    own = demo_data.make_sample_rows(cli, settings, demo_data.Source(served.port, cameras, served.password))
    sock = bind_next_free(settings, *where(listen))
    code_file, code = _sign_in_code(settings)
    children.stop_on_signals()
    children.start([served.child, *processes(cli, sock, serve_with=("demo-serve", "--code-file", str(code_file)))])
    step("Waiting for the first pictures")
    page = url(settings, sock)
    ready = _wait_until_recording(cli, settings, children, page, {details.camera.id for details in own})
    if not ready:
        return []
    a_second = sum(clip.stat().st_size for _, clip in clips) / LOOP_SECONDS
    return _greeting(f"{page}#code={code}", settings, len(own), a_day=a_second * SECONDS_A_DAY, days=days_kept(cli, settings))


def serve(cli: Cli, *, listen_fd: int, code_file: Path) -> int:
    """Run the web server of the demo: the ordinary pages, and the one-time sign-in."""
    from web import demo as web_demo  # noqa: PLC0415 - only this process loads the web server

    with sentences():
        made = demo_data.Made.read(cli.data_dir)
        code, settings = web_demo.OneTimeCode.kept_in(code_file), cli.service_settings()
        return web_demo.run(settings, cli.clock, socket.socket(fileno=listen_fd), code=code, made=made.people)


class _Step(Protocol):
    def __call__(self, text: str, fraction: float | None = None) -> None:
        """Say what is under way and, where it is known, how far."""
        ...


class _Bar:
    """Steps on a terminal: one line with a bar, gone at the end."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Starting", total=None)

    def __call__(self, text: str, fraction: float | None = None) -> None:
        total, done = (None, 0) if fraction is None else (1.0, fraction)
        self._progress.update(self._task, description=text, total=total, completed=done)


class Lines:
    """Steps into a file or a pipe: a line for each, without the shares between."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, set[str]()

    def __call__(self, text: str, fraction: float | None = None) -> None:  # noqa: ARG002 - a bar's
        if text not in self._said:
            self._said.add(text)
            self._say(text)


@contextmanager
def _progress() -> Iterator[_Step]:
    if not err.is_terminal:
        yield Lines(say)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield _Bar(progress)


def _installed(cli: Cli, step: _Step) -> Settings:
    if load_settings(cli.data_dir).database_url is not None:
        raise ConfigError("The demo keeps its people in its own directory, never in the database that database_url names. Unset it first.")
    if not (cli.data_dir / CONFIG_NAME).exists():
        step("Making the data directory")
        district = District(name="Alder County Library District", timezone=_local_timezone(), days=DAYS_KEPT, director="Helen Marsh")
        extra = (("allow_loopback_cameras", True), ("log_level", "warning"))
        room = most_bytes(disk_usage(cli.data_dir).free)
        install(cli.data_dir, Installation(district, max_bytes=room, extra_settings=extra), actor=cli.actor, clock=cli.clock)
    settings = cli.settings()
    migrate_all(settings)
    return settings


def _local_timezone() -> str:
    """Return this machine's IANA zone, so that the demo's times are the visitor's; UTC when the machine does not say."""
    linked = Path("/etc/localtime").resolve().as_posix().partition("zoneinfo/")[2]
    return linked if linked in available_timezones() else "Etc/UTC"


def _camera_password(settings: Settings) -> Path:
    path = settings.secrets_dir / "demo_camera_password"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(18).encode())
    return path


def _sign_in_code(settings: Settings) -> tuple[Path, str]:
    """Return the file that holds the digest of this start's one-time code, and the code."""
    code, path = secrets.token_urlsafe(16), settings.run_dir / "demo-code"
    write_private(path, hashlib.sha256(code.encode()).hexdigest().encode())
    return path, code


def _wait_until_recording(cli: Cli, settings: Settings, children: Children, page: str, own: Collection[CameraId]) -> bool:
    """Wait until the pages answer and each of the `own` cameras records; False, with the children told to stop, when that does not come."""
    until = cli.clock.monotonic() + READY_SECONDS
    with cli.central(settings) as central, cli.index(settings) as index:
        while not children.stopping and not (_answers(page) and _all_recording(cli, central, index, own)):
            if cli.clock.monotonic() > until:
                say(f"The demo did not begin to record within {READY_SECONDS:g} s. To see why: vms --data {cli.data_dir} status")
                children.stop()
            children.look()
            time.sleep(0.1)
    return not children.stopping


def _answers(page: str) -> bool:
    try:
        return httpx.get(f"{page}healthz", timeout=1.0, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _all_recording(cli: Cli, central: Engines, index: Engines, own: Collection[CameraId]) -> bool:
    with central.reading() as session, index.read.begin() as connection:
        document = status_document(session, connection, actor=cli.actor, now=cli.clock.now(), window=timedelta(minutes=1))
    usual = (CameraState.RECORDING, CameraState.DISK_FULL)
    return all(camera["state"] in usual for camera in document["cameras"] if camera["id"] in own)


def most_bytes(free: int) -> int:
    """Return how much footage may take on a disk that has `free` octets."""
    part, whole = SHARE_OF_FREE
    return min(MOST_BYTES, free * part // whole)


def footage_sentence(*, used: int, left: int, a_day: float, days: int) -> str:
    """Say how much footage will take, and when recording ends where the room is full before the first footage is old enough to go."""
    total, needed, older = used + left, bytes_needed(a_day, days), "a day" if days == 1 else f"{days} days"
    if needed <= total:
        return f"What is older than {older} is deleted, so footage takes {_short(needed / _GB)} GB."
    room, hours = _short(total / _GB), _short(left / a_day * 24)
    return f"Footage takes at most {room} GB, room for {hours} hours more. Then nothing more is recorded, and live pictures go on."


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _greeting(page: str, settings: Settings, count: int, *, a_day: float, days: int) -> list[str]:
    cameras = "one demo camera" if count == 1 else f"{count} demo cameras"
    setting = settings.volumes[0]
    volume = Volume.open(setting.path, max_bytes=setting.max_bytes)
    return [
        "",
        f"Custodian's demo is ready. Open this once: {page}",
        f"It records {cameras} into {settings.data_dir}. Ctrl-C ends it.",
        footage_sentence(used=volume.used_bytes(), left=volume.room_left(), a_day=a_day, days=days),
    ]

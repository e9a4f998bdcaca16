"""`vms demo`: the same processes as `vms up`, plus demo cameras, one sample branch and sample people.

Nothing here is reachable from `vms up`; the sign-in code exists only in the processes that this module starts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import available_timezones

import httpx
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.orm import Session

from recorder.demo.cameras import places, prepare_clips
from recorder.demo.settings import DemoSettings
from vms.cli.children import Child, Children
from vms.cli.context import DEFAULT_DATA, DEMO_DATA, Cli, allowed
from vms.cli.output import Exit, err, sentences
from vms.cli.run import bind, processes, say, url, where
from vms.config import Settings
from vms.domain.camera import CameraState
from vms.domain.ids import BranchId
from vms.domain.people import Role
from vms.errors import ConfigError
from vms.services import cameras
from vms.services.branches import add_branch, list_branches
from vms.services.cameras import CameraDetails, CameraEdit, NewCamera
from vms.services.district import District
from vms.services.installation import Installation, install, migrate_all
from vms.services.people import add_person, hash_password, list_people
from vms.services.status import status_document
from vms.store.database import Engines

MAX_BYTES = 2_000_000_000
CAMERA_USER = "demo"
CAMERA_PORT = 8554
PORTS_TRIED = 50
READY_SECONDS = 90.0
PEOPLE = (("d.nakamura", Role.DESK), ("h.marsh", Role.DIRECTOR), ("t.okafor", Role.IT), ("p.lindqvist", Role.AUDITOR))
BRANCH = "Central"


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
        arguments = ("--listen", f"127.0.0.1:{self.port}", "--cameras", str(self.count), "--cache", str(self.cache))
        credential = ("--user", CAMERA_USER, "--password-file", str(self.password_file))
        return Child("the demo cameras", (sys.executable, "-m", "recorder.demo", *arguments, *credential))


def demo(cli: Cli, *, cameras: int, listen: str) -> int:
    """Run the demo until Ctrl-C; returns the exit code."""
    if cli.data_dir == Path(DEFAULT_DATA).absolute():
        cli = Cli(Path(DEMO_DATA).absolute(), cli.clock)
    with sentences(), _progress() as step:
        settings = _installed(cli, step)
        served = _DemoCameras(_free_port(CAMERA_PORT), _camera_password(settings), settings.data_dir / "demo-cameras", cameras)
        prepare_clips(cameras, served.cache, DemoSettings(), lambda share, text: step(text, share))
        step("Adding the sample branch, people and cameras")
        _sample_rows(cli, settings, served)
        sock = _bind_next_free(settings, *where(listen))
        code_file, code = _sign_in_code(settings)
        children = Children(cli.clock, say)
        children.stop_on_signals()
        children.start([served.child, *processes(cli, sock, serve_with=("demo-serve", "--code-file", str(code_file)))])
        step("Waiting for the first pictures")
        ready = _wait_until_recording(cli, settings, children, url(settings, sock))
    if ready:
        _greet(f"{url(settings, sock)}#code={code}", settings)
    children.run()
    say("Stopped. What was recorded stays; make demo goes on where it was.")
    return Exit.DONE if ready else Exit.NOT_DONE


def serve(cli: Cli, *, listen_fd: int, code_file: Path) -> int:
    """Run the web server of the demo: the ordinary pages, and the one-time sign-in."""
    from web import demo as web_demo  # noqa: PLC0415 - only this process loads the web server

    with sentences():
        return web_demo.run(
            cli.service_settings(),
            cli.clock,
            socket.socket(fileno=listen_fd),
            code_sha256=bytes.fromhex(code_file.read_text(encoding="ascii")),
        )


def forgettable(cli: Cli) -> int:
    """Return 0 when nothing runs on the data directory and it holds no camera but the demo's own: `make clean` may remove it."""
    if not (cli.data_dir / "config.toml").exists():
        return Exit.WRONG if any(cli.data_dir.iterdir()) else Exit.DONE
    with sentences():
        settings = cli.settings()
        if _recording(settings.run_dir / "recorder.lock"):
            say(f"Something records into {cli.data_dir}: it stays. Stop the demo first.")
            return Exit.WRONG
        with cli.reading(settings) as session:
            theirs = [d.camera.name for d in cameras.list_cameras(session, cli.actor, removed=cameras.Removed.INCLUDED) if not _is_demo(d)]
    if theirs:
        say(f"{cli.data_dir} holds cameras that a person added ({', '.join(theirs)}): it stays.")
    return Exit.WRONG if theirs else Exit.DONE


def _recording(lock: Path) -> bool:
    """Say whether a recorder holds its lock."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class _Step:
    """Says what is under way; the bar shows how far where that is known."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("Starting", total=None)

    def __call__(self, text: str, fraction: float | None = None) -> None:
        total, done = (None, 0) if fraction is None else (1.0, fraction)
        self._progress.update(self._task, description=text, total=total, completed=done)


@contextmanager
def _progress() -> Iterator[_Step]:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        yield _Step(progress)


def _installed(cli: Cli, step: _Step) -> Settings:
    if not (cli.data_dir / "config.toml").exists():
        step("Making the data directory")
        district = District(name="Alder County Library District", timezone=_local_timezone(), days=14, director="Helen Marsh")
        extra = (("allow_loopback_cameras", True), ("log_level", "warning"))
        install(cli.data_dir, Installation(district, max_bytes=MAX_BYTES, extra_settings=extra), actor=cli.actor, clock=cli.clock)
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
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(18))
    return path


def _sign_in_code(settings: Settings) -> tuple[Path, str]:
    """Return the file that holds the digest of this start's one-time code, and the code."""
    code, path = secrets.token_urlsafe(16), settings.run_dir / "demo-code"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(hashlib.sha256(code.encode()).hexdigest())
    return path, code


def _sample_rows(cli: Cli, settings: Settings, served: _DemoCameras) -> None:
    with cli.reading(settings) as session:
        branches, people = list_branches(session, cli.actor), allowed(list_people(session, cli.actor))
        present = [d for d in cameras.list_cameras(session, cli.actor) if _is_demo(d)]
    hashes = [] if people else [(name, role, hash_password(secrets.token_urlsafe(24))) for name, role in PEOPLE]
    with cli.writing(settings) as session:
        at = cli.clock.now()
        branch = branches[0].id if branches else allowed(add_branch(session, cli.actor, name=BRANCH, timezone=None, at=at)).id
        for name, role, hashed in hashes:
            allowed(add_person(session, cli.actor, name=name, role=role, branches=None, password_hash=hashed, at=at))
        for details in present:
            _follow_port(cli, session, details, served)
        for name, key in places(served.count) if not present else ():
            allowed(cameras.add_camera(session, cli.actor, _new_camera(branch, name, key, served), at=at, allow_loopback=True))


def _new_camera(branch: BranchId, name: str, key: str, served: _DemoCameras) -> NewCamera:
    return NewCamera(
        name=name,
        branch_id=branch,
        host="127.0.0.1",
        port=served.port,
        main_path=f"/{key}/main",
        sub_path=f"/{key}/sub",
        username=CAMERA_USER,
        password=served.password,
    )


def _follow_port(cli: Cli, session: Session, details: CameraDetails, served: _DemoCameras) -> None:
    """Point a demo camera at the port of this start, when the last one's is taken."""
    if details.device.address.port == served.port:
        return
    edit = CameraEdit(version=details.camera.version, port=served.port, password=served.password)
    allowed(cameras.edit_camera(session, cli.actor, details.camera.id, edit, at=cli.clock.now(), allow_loopback=True))


def _is_demo(details: CameraDetails) -> bool:
    return details.device.username == CAMERA_USER and details.device.address.host == "127.0.0.1"


def _free_port(first: int) -> int:
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                if port != first:
                    say(f"Port {first} is taken; the demo cameras listen on {port}.")
                return port
    raise ConfigError(
        f"No port from {first} to {first + PORTS_TRIED - 1} is free for the demo cameras. End what uses them and start again."
    )


def _bind_next_free(settings: Settings, host: str, port: int) -> socket.socket:
    for candidate in range(port, port + PORTS_TRIED):
        try:
            sock = bind(settings, host, candidate)
        except ConfigError:
            continue
        if candidate != port:
            say(f"Port {port} is taken; the pages are on {candidate}.")
        return sock
    raise ConfigError(
        f"No port from {port} to {port + PORTS_TRIED - 1} is free for the pages. Give another: make demo LISTEN=127.0.0.1:9000"
    )


def _wait_until_recording(cli: Cli, settings: Settings, children: Children, page: str) -> bool:
    """Wait until the pages answer and every camera records; False, with the children told to stop, when that does not come."""
    until = cli.clock.monotonic() + READY_SECONDS
    with cli.central(settings) as central, cli.index(settings) as index:
        while not children.stopping and not (_answers(page) and _all_recording(cli, central, index)):
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


def _all_recording(cli: Cli, central: Engines, index: Engines) -> bool:
    with central.reading() as session, index.read.begin() as connection:
        document = status_document(session, connection, actor=cli.actor, now=cli.clock.now(), window=timedelta(minutes=1))
    usual = (CameraState.RECORDING, CameraState.DISK_FULL)
    return all(camera["state"] in usual for camera in document["cameras"])


def _greet(page: str, settings: Settings) -> None:
    say("")
    say(f"Custodian's demo is ready. Open this once: {page}")
    say(f"It records four demo cameras into {settings.data_dir} and stops at 2 GB, since this version deletes nothing yet. Ctrl-C ends it.")

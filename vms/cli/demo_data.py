"""What the demo keeps in its data directory: the marker that makes it the demo's, the sample rows, and whether it may be removed.

The marker names every camera and account that the demo made. Nothing here acts on a directory without one, so that an
installation of real people is never taken for a demo.
"""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from recorder.demo.cameras import MAX_CAMERAS, places
from vms.cli.context import Cli, allowed
from vms.cli.output import Exit, sentences
from vms.cli.run import say
from vms.config import Settings
from vms.domain.camera import StreamRole
from vms.domain.ids import BranchId, CameraId, PersonId
from vms.domain.names import name_key
from vms.domain.people import MAX_DELEGATION, Role
from vms.errors import ConfigError, Conflict, NotFound, VmsError
from vms.services import cameras
from vms.services.branches import add_branch, list_branches
from vms.services.cameras import CameraDetails, CameraEdit, NewCamera
from vms.services.installation import make_private
from vms.services.passwords import PasswordHash, hash_password
from vms.services.people import NewAccount, add_person, list_people
from vms.store.private_files import write_private

MARKER = "demo.json"
CLIPS = "demo-cameras"
"""Drawn pictures."""
CAMERA_USER = "demo"
CAMERA_HOST = "127.0.0.1"
PEOPLE = (
    ("d.nakamura", Role.DESK),
    ("s.ferreira", Role.SUPERVISOR),
    ("m.adeyemi", Role.BRANCH_MANAGER),
    ("h.marsh", Role.DIRECTOR),
    ("r.castellanos", Role.DELEGATE),
    ("c.brandt", Role.COUNSEL),
    ("t.okafor", Role.IT),
    ("p.lindqvist", Role.AUDITOR),
)
BRANCH = "Central"
FAR_BRANCH = "West"
AREAS = {"Main entrance": "Ground floor", "Returns desk": "Ground floor", "Children's room": "Upper floor"}
FAR_FROM = 3
"""Cameras after so many stand in the second branch, which the branch manager sees in an emergency only."""
_LOCK = "demo.lock"
_FIRST = frozenset({CLIPS, _LOCK, f"{MARKER}.tmp"})
"""What stands there when the marker doesn't yet: the clips, and what a start that was cut short leaves."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the marker names; it may name a row that was never committed, and lacks none that was."""

    cameras: frozenset[CameraId] = frozenset()
    people: frozenset[PersonId] = frozenset()

    @classmethod
    def read(cls, data_dir: Path) -> Made:
        """Return what the demo made in `data_dir`; ConfigError when it is not the demo's directory."""
        try:
            document = json.loads((data_dir / MARKER).read_text(encoding="utf-8"))
            return cls(frozenset(map(CameraId, document["cameras"])), frozenset(map(PersonId, document["people"])))
        except FileNotFoundError as error:
            raise ConfigError(
                f"{data_dir} was not set up by vms demo (it has no {MARKER}): it stays as it is. Name another: vms --data DIR demo"
            ) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{data_dir / MARKER} can't be read ({error}), so {data_dir} stays as it is.") from error

    def write(self, data_dir: Path) -> None:
        document = {"cameras": sorted(self.cameras), "people": sorted(self.people)}
        write_private(data_dir / MARKER, json.dumps(document).encode())

    def owns(self, details: CameraDetails) -> bool:
        """Say whether a camera is the demo's; one that a person pointed at hardware of their own no longer is.

        One that was removed has no user name any more.
        """
        user = CAMERA_USER if details.camera.removed_at is None else ""
        return details.camera.id in self.cameras and (details.device.username, details.device.address.host) == (user, CAMERA_HOST)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the demo cameras of this start listen, how many at least, and what opens them."""

    port: int
    wanted: int
    password: str


@contextmanager
def claimed(data_dir: Path) -> Iterator[None]:
    """Take a directory for the demo, alone: one that holds nothing yet or that it made; ConfigError for any other."""
    if not _is_new(data_dir):
        Made.read(data_dir)
    make_private(data_dir)
    with (data_dir / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"The demo runs on {data_dir} already. Stop it first, or name another directory: vms --data DIR demo") from error
        if not (data_dir / MARKER).exists():
            Made().write(data_dir)
        yield


def forgettable(cli: Cli) -> int:
    """Return 0 when nothing runs on the demo's directory and it never held a camera but the demo's own: it may be removed."""
    with sentences():
        if not cli.data_dir.is_dir():
            raise NotFound(f"There is no directory {cli.data_dir}.")
        Made.read(cli.data_dir)
        reason = _why_it_stays(cli)
    if reason:
        say(f"{cli.data_dir} stays: {reason}")
    return Exit.WRONG if reason else Exit.DONE


def own_cameras(session: Session, cli: Cli) -> list[CameraDetails]:
    """Return the demo's cameras in use."""
    made = Made.read(cli.data_dir)
    return [details for details in cameras.list_cameras(session, cli.actor) if made.owns(details)]


def scenes_needed(own: Iterable[CameraDetails], *, wanted: int) -> int:
    """Return how many of the demo's scenes must be served: those wanted, and those that its cameras show already."""
    shown = {_main_path(details) for details in own}
    return max([wanted, *(number for number, (_, key) in enumerate(places(MAX_CAMERAS), 1) if f"/{key}/main" in shown)])


def make_sample_rows(cli: Cli, settings: Settings, source: Source) -> list[CameraDetails]:
    """Add what is missing of branch, people and cameras, point the cameras at `source`, and return those in use."""
    made = Made.read(cli.data_dir)
    with cli.reading(settings) as session:
        known = {account.id for account in allowed(list_people(session, cli.actor))}
    hashes = [] if made.people & known else [(name, role, hash_password(secrets.token_urlsafe(24))) for name, role in PEOPLE]
    with cli.writing(settings) as session:
        people = _add_people(session, cli, hashes)
        added = _fit_cameras(session, cli, source)
        # Before the commit: a camera that is in the database and not in the marker would count as a person's.
        Made(made.cameras | added, made.people | people).write(cli.data_dir)
    with cli.reading(settings) as session:
        return own_cameras(session, cli)


def _is_new(data_dir: Path) -> bool:
    return not data_dir.is_dir() or {path.name for path in data_dir.iterdir()} <= _FIRST


def _why_it_stays(cli: Cli) -> str:
    """Say what stands against removing the demo's directory; nothing when it may go."""
    if _held(cli.data_dir / _LOCK):
        return "the demo runs. Stop it first."
    if not (cli.data_dir / "central.db").exists():
        return ""  # the first start was cut short before there was anything that a person could have added to
    settings = cli.settings()
    if _held(settings.run_dir / "recorder.lock"):
        return "something records into it. Stop that first."
    made = Made.read(cli.data_dir)
    try:
        with cli.reading(settings) as session:
            known = cameras.list_cameras(session, cli.actor, removed=cameras.Removed.INCLUDED)
    except VmsError as error:
        return f"nobody can tell whether a person added a camera. {error}"
    theirs = [details.camera.name for details in known if not made.owns(details)]
    return f"it holds cameras that a person added ({', '.join(theirs)})." if theirs else ""


def _held(lock: Path) -> bool:
    """Say whether a process holds a lock file."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _add_people(session: Session, cli: Cli, hashes: Sequence[tuple[str, Role, PasswordHash]]) -> frozenset[PersonId]:
    at, branch = cli.clock.now(), _branch(session, cli)
    return frozenset(
        allowed(add_person(session, cli.actor, _sample(name, role, branch, at), at=at, password_hash=hashed)).id
        for name, role, hashed in hashes
    )


def _sample(name: str, role: Role, branch: BranchId, at: datetime) -> NewAccount:
    return NewAccount(
        name,
        role,
        frozenset({branch}) if role is Role.BRANCH_MANAGER else None,
        ends_at=at + MAX_DELEGATION if role is Role.DELEGATE else None,
    )


def _fit_cameras(session: Session, cli: Cli, source: Source) -> frozenset[CameraId]:
    """Point the demo's cameras at this start's port and add those that are missing; return the new ones."""
    at, own = cli.clock.now(), own_cameras(session, cli)
    for details in own:
        _follow_port(session, cli, details, source)
    shown = {_main_path(details) for details in own}
    names = {name_key(details.camera.name) for details in cameras.list_cameras(session, cli.actor)}
    wanted = [(number, name, key) for number, (name, key) in enumerate(places(source.wanted))]
    missing = [
        _new_camera(_branch_of(session, cli, number), name, key, source)
        for number, name, key in wanted
        if f"/{key}/main" not in shown and name_key(name) not in names
    ]
    return frozenset(allowed(cameras.add_camera(session, cli.actor, new, at=at, allow_loopback=True)).camera.id for new in missing)


def _branch(session: Session, cli: Cli) -> BranchId:
    """Return the first branch, whatever it is called by now."""
    branches = list_branches(session, cli.actor)
    return branches[0].id if branches else _added(session, cli, BRANCH)


def _branch_of(session: Session, cli: Cli, number: int) -> BranchId:
    if number < FAR_FROM:
        return _branch(session, cli)
    far = next((branch.id for branch in list_branches(session, cli.actor) if branch.name == FAR_BRANCH), None)
    return far or _added(session, cli, FAR_BRANCH)


def _added(session: Session, cli: Cli, name: str) -> BranchId:
    return allowed(add_branch(session, cli.actor, name=name, timezone=None, at=cli.clock.now())).id


def _new_camera(branch: BranchId, name: str, key: str, source: Source) -> NewCamera:
    return NewCamera(
        name=name,
        branch_id=branch,
        host=CAMERA_HOST,
        port=source.port,
        main_path=f"/{key}/main",
        sub_path=f"/{key}/sub",
        username=CAMERA_USER,
        password=source.password,
        area=AREAS.get(name, ""),
    )


def _follow_port(session: Session, cli: Cli, details: CameraDetails, source: Source) -> None:
    """Point a demo camera at the port of this start, when the last one's is taken."""
    if details.device.address.port == source.port:
        return
    edit = CameraEdit(version=details.camera.version, port=source.port, password=source.password)
    allowed(cameras.edit_camera(session, cli.actor, details.camera.id, edit, at=cli.clock.now(), allow_loopback=True))


def _main_path(details: CameraDetails) -> str:
    main = details.camera.stream(StreamRole.MAIN)
    return main.path if main else ""

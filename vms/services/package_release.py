"""A package leaves by hand: written down first, then copied onto a new medium, then read back from it octet for octet.

It runs transactions of its own: what leaves is in the access log before the first octet is written, and that it came back whole after the
last was read. A copying that was cut short leaves no folder that looks like a package, and may be begun again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import ReleaseId, RequestId, new_number
from vms.domain.made_package import MadePackage, PackageState
from vms.domain.outcome import Refusal, Refused
from vms.domain.package_release import MAX_MEDIUM_CHARS, Medium, PackageRelease
from vms.domain.people import Actor, Person
from vms.domain.request import ExportRequest, RequestState, askers
from vms.errors import Conflict, Corrupt, InvalidInput, Unavailable
from vms.services.access_log import name_of
from vms.services.approvals import disclose
from vms.services.names import checked_words
from vms.services.package_jobs import folder_of, tell
from vms.services.packages import folder_lock, unfinished
from vms.services.request_acts import begun
from vms.services.request_steps import not_from, refuse_about
from vms.services.requests import line_of
from vms.store import holds, made_packages, package_releases, requests
from vms.store.database import Engines
from vms.store.failpoints import failpoint
from vms.store.files import fsync_dir

_BLOCK_BYTES = 1 << 20
_SPARE_BYTES = 16 << 20
"""For what a file system needs itself."""
_FOR_OTHERS = 0o755


@dataclass(frozen=True, slots=True)
class Handover:
    """Where a package goes, and who takes it."""

    to: Path
    """The folder where the medium is mounted."""
    medium: Medium
    taken_by: str


def release_by_hand(
    central: Engines, settings: Settings, actor: Actor, number: RequestId, handover: Handover, *, clock: Clock
) -> tuple[PackageRelease, Path] | Refused:
    """Copy the package of a request into a new folder on a medium, and return the release and the folder once the medium was read back.

    InvalidInput and Conflict, with nothing written down, where the medium can't take it; Unavailable where it refused on the way;
    Corrupt when it did not give back what was written, and nothing is left there then.
    """
    handover = _checked(handover)
    with central.reading() as session:
        package = made_packages.newest_of(session, number)
    if package is not None and package.state is PackageState.READY:
        _require_room(handover.to, folder_of(settings, package))
    with _not_twice(settings, package):
        with central.writing() as session:
            begun_now = _begin(session, settings, actor, number, package, handover, at=clock.now())
        if isinstance(begun_now, Refused):
            return begun_now
        release, package = begun_now
        failpoint("release:begun")
        copied = _copy(folder_of(settings, package), handover.to, package)
        with central.writing() as session:
            return _finish(session, settings, actor, release, at=clock.now()), copied


@contextmanager
def _not_twice(settings: Settings, package: MadePackage | None) -> Iterator[None]:
    """Keep a package to this copying; a kill lets it go. Conflict while another process copies it."""
    with ExitStack() as kept:
        if package is not None and package.state is PackageState.READY:
            try:
                kept.enter_context(folder_lock(folder_of(settings, package).parent, fcntl.LOCK_NB))
            except BlockingIOError as err:
                raise Conflict("The package is being copied now, by another process. It leaves once.") from err
        yield


def medium_at(path: Path, sys: Path = Path("/sys")) -> Medium:
    """Return what Linux knows of the disk that `path` lies on: maker, model, serial number, each as far as it tells."""
    try:
        device = path.stat().st_dev
        disk = (sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except OSError:
        return Medium("", "")
    above = [one for one in (disk, *disk.parents) if one.is_relative_to(sys)]
    model = next((told for one in above if (told := _told(one / "device" / "model"))), "")
    maker = next((told for one in above if (told := _told(one / "device" / "vendor"))), "")
    serial = next((told for one in above for name in ("device/serial", "serial") if (told := _told(one / name))), "")
    return Medium(f"{maker} {model}".strip(), serial)


def _begin(
    session: Session, settings: Settings, actor: Actor, number: RequestId, known: MadePackage | None, handover: Handover, *, at: datetime
) -> tuple[PackageRelease, MadePackage] | Refused:
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if isinstance(refused := _may_release(session, actor, request, at=at), Refused):
        return refuse_about(session, settings, actor, request, refused, at=at, what=Action.EXPORT_RELEASE)
    package = None if known is None else made_packages.get(session, known.id)
    if package is None or package.state is not PackageState.READY or request.approval is None or package.approval != request.approval.id:
        return Refused(Refusal.NOT_ALLOWED, f"There is no package of request {request.number} that may leave. Have it made first.")
    if package.leaves_until(request.scope.terms) <= at:
        return Refused(
            Refusal.NOT_ALLOWED, "It was to leave earlier, and is deleted now. Take the request up again to have it approved anew."
        )
    last = package_releases.newest_of(session, number)
    again = request.state is RequestState.DISCLOSED and last is not None and last.package == package.id and last.read_back_at is None
    if request.state is not RequestState.READY and not again:
        return not_from(request, "handed over")
    release = PackageRelease(
        ReleaseId(new_number()), package.id, request.id, handover.medium, handover.taken_by, actor.label, name_of(actor), at
    )
    if not again:
        left = disclose(
            session, settings, actor, number, package.sha256, f"By hand, on {handover.medium}; taken by {handover.taken_by}.", at=at
        )
        if isinstance(left, Refused):
            return left
    package_releases.add(session, release)
    tell(session, settings, actor, request, Action.EXPORT_RELEASE, at=at, step="begun", **_in_log(release, package))
    return release, package


def _may_release(session: Session, actor: Actor, request: ExportRequest, *, at: datetime) -> Refused | None:
    if not isinstance(actor, Person) or not actor.proved_lately(at):
        return Refused(Refusal.PROVE, "Show again that it is you. For this, that may be at most five minutes ago.")
    if actor.label in askers(request, requests.history(session, request.id)):
        sentence = (
            "Who entered a request never hands its package over, nor who let it ask for something else. Somebody else who decides does."
        )
        return Refused(Refusal.NOT_ALLOWED, sentence)
    if request.scope.terms.delivery is not Delivery.BY_HAND:
        sentence = f"It was approved to leave as {request.scope.terms.delivery}, not by hand. Change the terms and have them approved."
        return Refused(Refusal.NOT_ALLOWED, sentence)
    return None


def _finish(session: Session, settings: Settings, actor: Actor, release: PackageRelease, *, at: datetime) -> PackageRelease:
    holds.lock(session)
    package_releases.put_read_back(session, release.id, at=at)
    request, package = requests.get(session, requests.EVERYBODYS, release.request), made_packages.get(session, release.package)
    if request is not None and package is not None:
        tell(session, settings, actor, request, Action.EXPORT_RELEASE, at=at, step="read back", **_in_log(release, package))
    return replace(release, read_back_at=at)


def _in_log(release: PackageRelease, package: MadePackage) -> dict[str, str]:
    """Return what the log says of a release; who took it is in the request's history alone."""
    return {"medium": str(release.medium), "manifest": package.manifest}


def _copy(package: Path, to: Path, made: MadePackage) -> Path:
    """Copy the package, read the copy back past every cache, and only then give it its name."""
    folder = to / package.name
    with _medium_speaks(to), unfinished(folder) as making:
        digests = dict(_copied(package, making))
        _require_as_made(package, made, digests)
        for path, digest in digests.items():
            if _read_back(making / path) != digest:
                raise Corrupt(f"{to} did not give back what was written of {path}. Take another medium; nothing of it is left on this one.")
        failpoint("release:read")
        making.chmod(_FOR_OTHERS)
        making.rename(folder)
        fsync_dir(to)
    return folder


def _copied(package: Path, making: Path) -> Iterator[tuple[str, bytes]]:
    """Write each file durably, and yield its path with the digest of what was read."""
    for source in sorted(package.rglob("*")):
        path = source.relative_to(package)
        if source.is_dir():
            (making / path).mkdir()
            continue
        digest = sha256()
        (making / path).parent.mkdir(exist_ok=True)
        with source.open("rb") as read, (making / path).open("xb") as written:
            while block := read.read(_BLOCK_BYTES):
                digest.update(block)
                written.write(block)
            written.flush()
            os.fsync(written.fileno())
        failpoint("release:file")
        yield path.as_posix(), digest.digest()


def _require_as_made(package: Path, made: MadePackage, digests: dict[str, bytes]) -> None:
    """Corrupt unless all that was read is what passed the gate: the manifest by what is stored of it, and each file by the manifest."""
    listed = {}
    if digests.get("manifest.json", b"").hex() == made.manifest:
        listed = json.loads((package / "manifest.json").read_bytes())["files"]
    wrong = [path for path, told in listed.items() if digests.get(path, b"").hex() != told["sha256"]]
    if not listed or wrong:
        what = wrong[0] if wrong else "its manifest"
        raise Corrupt(
            f"The package on the server is not as it passed its gate: {what}. Nothing left. Have the approval taken back, and ask why."
        )


def _read_back(path: Path) -> bytes:
    """Return the digest of what the medium has, not of what memory still holds of it."""
    digest = sha256()
    with path.open("rb") as file:
        with suppress(AttributeError, OSError):  # not everywhere
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


@contextmanager
def _medium_speaks(to: Path) -> Iterator[None]:
    """Say what a medium refuses as Unavailable, with its name."""
    try:
        yield
    except OSError as err:
        sentence = f"{to} does not take the package ({err.strerror}). That it was begun is written down: try again, with another medium."
        raise Unavailable(sentence) from err


def _require_room(to: Path, package: Path) -> None:
    if not to.is_dir():
        raise InvalidInput(f"{to} is no folder. Mount the medium, and name the folder where it is mounted.")
    if (to / package.name).exists():
        raise Conflict(f"{to / package.name} is there already. Take a new medium: a package leaves on one of its own.")
    needed, free = sum(one.stat().st_size for one in package.rglob("*") if one.is_file()) + _SPARE_BYTES, shutil.disk_usage(to).free
    if free < needed:
        raise InvalidInput(f"{to} has room for {free / 1e6:,.0f} MB, and the package needs {needed / 1e6:,.0f} MB. Take a larger medium.")


def _checked(handover: Handover) -> Handover:
    label, serial = (_part(one) for one in (handover.medium.label, handover.medium.serial))
    if not label and not serial:
        raise InvalidInput("Say which medium it is: its serial number, or what is written on it.")
    taken_by = line_of(handover.taken_by, "who takes it")
    if not taken_by:
        raise InvalidInput("Say who takes the package.")
    return Handover(handover.to, Medium(label, serial), taken_by)


def _part(text: str) -> str:
    return checked_words(text, MAX_MEDIUM_CHARS, f"A medium is told in up to {MAX_MEDIUM_CHARS} characters.") if text.strip() else ""


def _told(path: Path) -> str:
    try:
        return " ".join(path.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return ""

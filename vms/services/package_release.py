"""A package leaves by hand: written down first, then copied onto a new medium, then read back from it octet for octet.

As its approval says: a plain folder, or one encrypted file beside the key that opens it, which a passphrase opens or who has an age key.

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
from dataclasses import dataclass, field, replace
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
from vms.domain.people import Actor
from vms.domain.request import ExportRequest, RequestState
from vms.errors import Conflict, Corrupt, InvalidInput, Unavailable
from vms.services.access_log import name_of
from vms.services.approvals import disclose, may_let_go
from vms.services.names import checked_words
from vms.services.package_gate import UNSIGNED, unsigned
from vms.services.package_jobs import folder_of, tell
from vms.services.package_sealing import SUFFIX, for_recipient, identity_of, open_into, under_passphrase
from vms.services.packages import folder_lock, unfinished
from vms.services.request_acts import begun
from vms.services.request_steps import not_from, refuse_about
from vms.services.requests import line_of
from vms.store import holds, made_packages, package_releases, requests
from vms.store.database import Engines
from vms.store.failpoints import failpoint
from vms.store.files import fsync_dir
from vms.store.mounts import MOUNTINFO, file_system_of

_BLOCK_BYTES = 1 << 20
_SPARE_BYTES = 16 << 20
"""For what a file system needs itself."""
_FAT = frozenset({"vfat", "msdos"})
_FAT_FILE_BYTES = (1 << 32) - 1
"""What is as large, or larger, FAT32 refuses after the 4 GB that it took. Files of a plain package are below that."""
_FOR_OTHERS = 0o755
_MAKE_ANOTHER = "Have the approval taken back, ask why, and have it made anew"
_BY_HAND = frozenset({Delivery.BY_HAND, Delivery.ENCRYPTED_FILE})
_HOW = """{file} is encrypted with age (https://age-encryption.org/v1), a free program for Windows, macOS and Linux.
{name}.key.age is the key that opens it, and is encrypted itself.

"""
_END = """
Then unpack {name}.zip, and open START.html in its folder.
"""
_HOW_BY_PASSPHRASE = f"""{_HOW}With the passphrase that you were told another way:

    age -d -i {{name}}.key.age -o {{name}}.zip {{file}}
{_END}"""
_HOW_BY_KEY = f"""{_HOW}With your own age key, here in key.txt:

    age -d -i key.txt -o opened.txt {{name}}.key.age
    age -d -i opened.txt -o {{name}}.zip {{file}}

and delete opened.txt.
{_END}"""


@dataclass(frozen=True, slots=True)
class Handover:
    """Where a package goes, and who takes it."""

    to: Path
    """The folder where the medium is mounted."""
    medium: Medium
    taken_by: str
    passphrase: str = field(default="", repr=False)
    """That opens the key of an encrypted file; it is kept nowhere."""
    recipient_key: str = ""
    """In its stead: the age key (`age1…`) of who is to open it."""


def release_by_hand(
    central: Engines, settings: Settings, actor: Actor, number: RequestId, handover: Handover, *, clock: Clock
) -> tuple[PackageRelease, Path] | Refused:
    """Copy the package of a request into a new folder on a medium, and return the release and the folder once the medium was read back.

    InvalidInput and Conflict, with nothing written down, where the medium can't take it; Unavailable where it refused on the way;
    Corrupt when the package is not the one that passed its gate, or the medium did not give back what was written: nothing is left there.
    """
    handover = _checked(handover)
    with central.reading() as session:
        package = made_packages.newest_of(session, number)
        request = requests.get(session, requests.EVERYBODYS, number)
    lies = _lies(settings, package)
    if package is not None and lies is not None:
        _require_medium(handover.to, settings)
        _require_room(handover.to, lies, package)
    encrypted = None if package is None or request is None or lies is None else _encrypted(settings, request, package, handover)
    with _not_twice(lies):
        if package is not None and lies is not None and lies.exists():
            _require_complete(lies, package)
        with central.writing() as session:
            begun_now = _begin(session, settings, actor, number, package, handover, at=clock.now())
        if isinstance(begun_now, Refused):
            return begun_now
        release, package = begun_now
        failpoint("release:begun")
        copied = _copy(folder_of(settings, package), handover.to, package, encrypted)
        with central.writing() as session:
            return _finish(session, settings, actor, release, at=clock.now()), copied


def _lies(settings: Settings, package: MadePackage | None) -> Path | None:
    """Return where a package that is ready lies; None when it isn't or is gone: `_begin` says why."""
    if package is None or package.state is not PackageState.READY:
        return None
    found = folder_of(settings, package)
    return found if found.exists() else None


@contextmanager
def _not_twice(lies: Path | None) -> Iterator[None]:
    """Keep a package to this copying; a kill lets it go. Conflict while another process copies it."""
    with ExitStack() as kept:
        if lies is not None:
            try:
                kept.enter_context(folder_lock(lies.parent, fcntl.LOCK_NB))
            except FileNotFoundError:  # deleted since
                pass
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


def leaving(
    session: Session,
    settings: Settings,
    actor: Actor,
    number: RequestId,
    known: MadePackage | None,
    ways: frozenset[Delivery],
    *,
    at: datetime,
) -> tuple[ExportRequest, MadePackage] | Refused:
    """Return a request and its package that `actor` may let go now, in one of these ways; locked to the commit."""
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if isinstance(refused := may_let_go(session, actor, request, ways, at=at), Refused):
        return refuse_about(session, settings, actor, request, refused, at=at, what=Action.EXPORT_RELEASE)
    package = None if known is None else made_packages.get(session, known.id)
    if package is None or package.state is not PackageState.READY or request.approval is None or package.approval != request.approval.id:
        none = Refused(Refusal.NOT_ALLOWED, f"There is no package of request {request.number} that may leave. Have it made first.")
        return refuse_about(session, settings, actor, request, none, at=at)
    if package.leaves_until(request.scope.terms) <= at:
        late = Refused(
            Refusal.NOT_ALLOWED, "It was to leave earlier, and is deleted now. Take the request up again to have it approved anew."
        )
        return refuse_about(session, settings, actor, request, late, at=at)
    return request, package


def _begin(
    session: Session, settings: Settings, actor: Actor, number: RequestId, known: MadePackage | None, handover: Handover, *, at: datetime
) -> tuple[PackageRelease, MadePackage] | Refused:
    found = leaving(session, settings, actor, number, known, _BY_HAND, at=at)
    if isinstance(found, Refused):
        return found
    request, package = found
    if not folder_of(settings, package).exists():
        raise _not_as_made("it is gone", _MAKE_ANOTHER)
    last = package_releases.newest_of(session, number)
    again = request.state is RequestState.DISCLOSED and last is not None and last.package == package.id and last.read_back_at is None
    if request.state is not RequestState.READY and not again:
        return refuse_about(session, settings, actor, request, not_from(request, "handed over"), at=at)
    release = PackageRelease(
        ReleaseId(new_number()), package.id, request.id, handover.medium, handover.taken_by, actor.label, name_of(actor), at
    )
    if not again:
        what = ", encrypted" if package.identity else ""
        said = f"By hand, on {handover.medium}{what}; taken by {handover.taken_by}."
        left = disclose(session, settings, actor, number, package.sha256, said, at=at)
        if isinstance(left, Refused):
            return left
    package_releases.add(session, release)
    tell(session, settings, actor, request, Action.EXPORT_RELEASE, at=at, step="begun", **_in_log(release, package))
    return release, package


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


@dataclass(frozen=True, slots=True)
class _Encrypted:
    """What goes beside an encrypted file, and what opens it, to see that the medium has it whole."""

    identity: bytes = field(repr=False)
    beside: dict[str, bytes]


def _encrypted(settings: Settings, request: ExportRequest, package: MadePackage, handover: Handover) -> _Encrypted | None:
    """Return what an encrypted package leaves with; None for a plain folder. InvalidInput when nothing is to open it."""
    if not package.identity:
        return None
    if not handover.passphrase and not handover.recipient_key:
        raise InvalidInput("Say what opens the encrypted file: a passphrase, or the age key of who is to open it.")
    identity = identity_of(settings, request, package)
    key = for_recipient(identity, handover.recipient_key) if handover.recipient_key else under_passphrase(identity, handover.passphrase)
    name = package.folder.removesuffix(SUFFIX)
    how = _HOW_BY_KEY if handover.recipient_key else _HOW_BY_PASSPHRASE
    return _Encrypted(identity, {f"{name}.key.age": key, "HOW-TO-OPEN.txt": how.format(name=name, file=package.folder).encode()})


def _copy(package: Path, to: Path, made: MadePackage, encrypted: _Encrypted | None) -> Path:
    """Copy the package, read the copy back past every cache, and only then give it its name."""
    folder = to / made.folder.removesuffix(SUFFIX)
    with _medium_speaks(to), unfinished(folder) as making:
        if encrypted is None:
            digests = dict(_copied(package, making))
            _require_as_made(package, made, digests)
        else:
            digests = dict(_one_copied(package, making / package.name))
            for path, content in encrypted.beside.items():
                digests[path] = _written(making / path, content)
        for path, digest in digests.items():
            if _read_back(making / path) != digest:
                raise Corrupt(f"{to} did not give back what was written of {path}. Take another medium; nothing of it is left on this one.")
        if encrypted is not None:
            _require_opens(making / package.name, encrypted.identity)
        failpoint("release:read")
        for made_there in (*(one for one in making.rglob("*") if one.is_dir()), making):
            fsync_dir(made_there)
        making.chmod(_FOR_OTHERS)
        making.rename(folder)
        fsync_dir(to)
    return folder


def _require_opens(sealed: Path, identity: bytes) -> None:
    """Corrupt unless all of the file on the medium is what was sealed when it passed its gate."""
    with sealed.open("rb") as file:
        open_into(file, identity, _Nowhere())


class _Nowhere:
    def write(self, octets: bytes, /) -> int:
        return len(octets)


def _copied(package: Path, making: Path) -> Iterator[tuple[str, bytes]]:
    """Write each file durably, and yield its path with the digest of what was read."""
    for source in sorted(package.rglob("*")):
        path = source.relative_to(package)
        if source.is_dir():
            (making / path).mkdir()
            continue
        (making / path).parent.mkdir(exist_ok=True)
        ((_, digest),) = _one_copied(source, making / path)
        yield path.as_posix(), digest


def _one_copied(source: Path, to: Path) -> Iterator[tuple[str, bytes]]:
    digest = sha256()
    with source.open("rb") as read, to.open("xb") as written:
        while block := read.read(_BLOCK_BYTES):
            digest.update(block)
            written.write(block)
        written.flush()
        os.fsync(written.fileno())
    failpoint("release:file")
    yield to.name, digest.digest()


def _written(to: Path, content: bytes) -> bytes:
    with to.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return sha256(content).digest()


def _require_as_made(package: Path, made: MadePackage, digests: dict[str, bytes]) -> None:
    """Corrupt unless all that was read is what passed the gate: the manifest by what is stored of it, and each file by the manifest."""
    listed = {}
    if digests.get("manifest.json", b"").hex() == made.manifest:
        listed = json.loads((package / "manifest.json").read_bytes())["files"]
    wrong = [path for path, told in listed.items() if digests.get(path, b"").hex() != told["sha256"]]
    if not listed or wrong:
        raise _not_as_made(wrong[0] if wrong else "its manifest", "Close the request, ask why, and enter another")


def _require_complete(package: Path, made: MadePackage) -> None:
    """Corrupt unless the folder has what its manifest lists and no more, and signature and log name that: before anything is written down.

    `_require_as_made` sees what is in the files, while they are read.
    """
    if made.identity:
        return  # the encrypted file gives all of it back, or nothing
    manifest = package / "manifest.json"
    if not manifest.is_file() or sha256(content := manifest.read_bytes()).hexdigest() != made.manifest:
        raise _not_as_made("its manifest", _MAKE_ANOTHER)
    wanted = {Path(path) for path in (*json.loads(content)["files"], *UNSIGNED)}
    wanted |= {folder for path in wanted for folder in path.parents if folder != Path()}
    if changed := sorted({one.relative_to(package) for one in package.rglob("*")} ^ wanted):
        raise _not_as_made(changed[0].as_posix(), _MAKE_ANOTHER)
    if wrong := unsigned(package):
        raise _not_as_made(" ".join(wrong).rstrip("."), _MAKE_ANOTHER)


def _not_as_made(what: str, then: str) -> Corrupt:
    return Corrupt(f"The package on the server is not as it passed its gate: {what}. Nothing left. {then}.")


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
    """Say what a medium refuses as Unavailable, with its name; of one that was pulled out meanwhile nothing could be taken away again."""
    device = _device(to)
    try:
        yield
    except OSError as err:
        sentence = f"{to} does not take the package ({err.strerror}). That it was begun is written down: try again, with another medium."
        left = " It was unmounted on the way, and what was written of the package is still on it: delete it."
        raise Unavailable(sentence if _device(to) == device else sentence + left) from err


def _device(to: Path) -> int | None:
    try:
        return to.stat().st_dev
    except OSError:
        return None


def _require_medium(to: Path, settings: Settings) -> None:
    if not to.is_dir():
        raise InvalidInput(f"{to} is no folder. Mount the medium, and name the folder where it is mounted.")
    if to.resolve().is_relative_to(settings.packages_dir.resolve()):
        raise InvalidInput(f"{to} is where packages are made, and what is no package is deleted there. Name the folder of a medium.")
    if not os.access(to, os.W_OK):
        raise InvalidInput(f"{to} can't be written to. Mount the medium so that it can, or take one without a write protection.")


def _require_room(to: Path, package: Path, made: MadePackage) -> None:
    if (there := to / made.folder.removesuffix(SUFFIX)).exists():
        raise Conflict(f"{there} is there already. Take a new medium: a package leaves on one of its own.")
    files = [package] if made.identity else [one for one in package.rglob("*") if one.is_file()]
    if max(one.stat().st_size for one in files) >= _FAT_FILE_BYTES and _is_fat(to):
        sentence = f"{to} is formatted as FAT32, which takes files below 4.3 GB, and the package has a larger one. Format it as exFAT."
        raise InvalidInput(sentence)
    needed, free = sum(one.stat().st_size for one in files) + _SPARE_BYTES, shutil.disk_usage(to).free
    if free < needed:
        raise InvalidInput(f"{to} has room for {free / 1e6:,.0f} MB, and the package needs {needed / 1e6:,.0f} MB. Take a larger medium.")


def _is_fat(to: Path) -> bool:
    known = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape") if MOUNTINFO.exists() else ""
    return file_system_of(to.resolve(), known) in _FAT


def _checked(handover: Handover) -> Handover:
    label, serial = (_part(one) for one in (handover.medium.label, handover.medium.serial))
    if not label and not serial:
        raise InvalidInput("Say which medium it is: its serial number, or what is written on it.")
    taken_by = line_of(handover.taken_by, "who takes it")
    if not taken_by:
        raise InvalidInput("Say who takes the package.")
    return replace(handover, medium=Medium(label, serial), taken_by=taken_by)


def _part(text: str) -> str:
    return checked_words(text, MAX_MEDIUM_CHARS, f"A medium is told in up to {MAX_MEDIUM_CHARS} characters.") if text.strip() else ""


def _told(path: Path) -> str:
    try:
        return " ".join(path.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return ""

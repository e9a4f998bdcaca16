"""Make a package of footage: everything that a court or a person needs to watch an approved request's footage and to check it.

It decides nothing: whoever calls has an approval of exactly this order. It runs transactions of its own, since what is read has to be
in the access log before the first octet, and the package's digest in a signed checkpoint before the package is whole.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from vms.crypto import sign
from vms.domain.access import Action, Purpose
from vms.domain.checkpoint import signed_note, verifier_key
from vms.domain.export_scope import CameraSpan
from vms.domain.footage import Gap, Segment
from vms.domain.ids import CameraId
from vms.domain.package import (
    CameraScope,
    ClockRecord,
    Missing,
    Order,
    Part,
    PictureCopy,
    Video,
    folder_name,
    manifest_of,
    missing_of,
    signed_text,
    video_name,
)
from vms.domain.people import System
from vms.domain.redaction import misfit
from vms.domain.timespan import ms_of
from vms.errors import Conflict, Corrupt, InvalidInput, NotFound, Unavailable
from vms.log import get_logger
from vms.media.assembly import assemble
from vms.media.plain_mp4 import MAX_FILE_BYTES
from vms.services.access_log import DISTRICT, record
from vms.services.footage import record_read
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry
from vms.services.package_contents import Contents
from vms.services.package_copies import ORIGINAL, KeepSheet, redacted_copies, stills, viewing_copy
from vms.services.package_footage import FootageSource
from vms.services.package_gate import pass_gate, require_verified
from vms.services.package_papers import papers
from vms.services.sealed_log import Matter, open_entry, record_sealed
from vms.store import access_tree
from vms.store.database import Engines
from vms.store.files import fsync_dir

JOB = System("packages")
SETTLED = timedelta(minutes=5)
"""Footage younger than this may still be in a segment that is being written."""
_UNFINISHED = ".EXPORT-*.part"
_PROOFS = ("log/entry.json", "log/entry.tlog-proof")
_NEEDS_PROOF = frozenset({"log"})
"""Checks of the gate that wait for it."""
_BLOCK_BYTES = 1 << 20
_OWNER_ONLY = 0o700

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hub:
    """The district's side of a package: its database, its log's key, and what has the log signed up to now."""

    central: Engines
    key: LogKey
    sign_log: Callable[[], None]
    """Signs what the log holds so far: the hub's own job, so that two never sign beside each other."""
    matter: Matter | None = None
    """Of a sealed request: what is written about its package is an entry of it (`request_steps.matter_of`), and waits for the
    checkpoint that comes anyway: one out of turn would tell of it."""


@dataclass(frozen=True, slots=True)
class Built:
    """A package that passed its gate; where it waits for its entry in the log, all of the gate but that."""

    folder: Path
    manifest_sha256: bytes
    log_entry: int | None
    """None: it is sealed, and has no number yet; `prove_sealed` ends the package."""
    log_position: int | None
    """Of a sealed entry, among what is sealed."""
    videos: tuple[Video, ...]
    copies: tuple[PictureCopy, ...]
    missing: tuple[Missing, ...]
    fingerprint: str


def build_package(
    order: Order,
    source: FootageSource,
    into: Path,
    *,
    hub: Hub,
    at: datetime,
    max_bytes: int = MAX_FILE_BYTES,
    keep_sheet: KeepSheet | None = None,
) -> Built:
    """Make the folder of the package below `into`, and return it once it has passed its gate; on any failure nothing is left there.

    Of a sealed request it lacks the log's proof, which `prove_sealed` puts in. `keep_sheet` takes the review sheets of what the order has
    redacted, for who approves it. InvalidInput when the order can't be carried out, Conflict when the folder is there already, Corrupt,
    with its name, for a segment that is not as it was recorded.
    """
    _require_possible(order, at)
    if order.redaction is not None and keep_sheet is None:
        raise InvalidInput("A redaction is looked over before it is released. Nobody takes its review sheets here.")
    folder = into / folder_name(order.request)
    with unfinished(folder) as making:
        _write_reads_down(order, hub, at)
        reading = _Reading(order, source, making, at, max_bytes, keep_sheet)
        videos = reading.videos()
        built = _finish(order, making, hub, at, videos, reading)
        making.rename(folder)
    fsync_dir(into)
    return Built(folder, *built)


def prove_sealed(folder: Path, position: int, hub: Hub) -> bool:
    """Put the log's proof into the package of a sealed request, and verify it; False, and nothing is done, while its entry has no number.

    The proof opens that one entry, by its position, and no other of its matter. Corrupt when the package does not verify, or the
    matter's key does not open the entry.
    """
    if hub.matter is None:
        raise InvalidInput("Only the package of a sealed request waits for its entry in the log.")
    with hub.central.reading() as session:
        opened = open_entry(session, hub.matter, position)
        if opened is None:
            return False
        proof = prove_entry(session, opened.number).text
    told = {"opening": _base64(opened.opening), "body": opened.body, "rest": _base64(opened.rest)}
    _without_proofs(folder)  # of one who was killed on the way
    try:
        _write(folder, dict(zip(_PROOFS, (_json(told), proof.encode()), strict=True)))
        require_verified(folder, verifier_key(_log_name(hub), hub.key.public))
    except BaseException:
        _without_proofs(folder)
        raise
    return True


def _without_proofs(folder: Path) -> None:
    for path in _PROOFS:
        (folder / path).unlink(missing_ok=True)


def fingerprint(key: str) -> str:
    """Return what people compare of a verifier key: SHA-256 of its line, as `verify.py` computes it."""
    return sha256(key.encode()).hexdigest()


def digests(path: Path, parts: Sequence[tuple[int, int]]) -> tuple[bytes, tuple[bytes, ...]]:
    """Read a file and return SHA-256 of all of it, and of each part (offset, octets); the two beside each other."""
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(_digest, path, 0, path.stat().st_size)
        each = tuple(_digest(path, at, size) for at, size in parts)
        return whole.result(), each


def _require_possible(order: Order, at: datetime) -> None:
    spans = [span for scope in order.cameras for span in scope.spans]
    if not spans:
        raise InvalidInput("An order names a camera and a time. This one names none.")
    if any(span.end > at - SETTLED for span in spans):
        raise InvalidInput("The newest five minutes are still being written. Make the package again in five minutes.")
    for scope in order.cameras:
        if any(later.start < earlier.end for earlier, later in pairwise(sorted(scope.spans))):
            raise InvalidInput(f"Two times of ‘{scope.camera}’ overlap: nothing goes into a package twice. Join them.")
    if order.mark and order.redaction is not None:
        raise InvalidInput("Stills are not redacted: nothing covers a part of them. Ask for other moments, or have no plan.")
    asked = (CameraSpan(scope.camera_id, ms_of(span.start), ms_of(span.end)) for scope in order.cameras for span in scope.spans)
    if order.redaction is not None and (fault := misfit(order.redaction, asked)):
        raise InvalidInput(fault)


def _write_reads_down(order: Order, hub: Hub, at: datetime) -> None:
    """Commit what is going to be read, of each camera and time, before the first octet is."""
    with hub.central.writing() as session:
        for scope in order.cameras:
            for span in scope.spans:
                detail = {"request": order.request}
                record_read(
                    session, JOB, camera_id=scope.camera_id, span=span, purpose=Purpose.REQUEST, at=at, detail=detail, matter=hub.matter
                )


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Give a folder beside the later one that only we read, and take it away when the work fails: it holds footage in the clear.

    Its lock says that somebody works in it. What is without one was left by a crash, of whichever package, and goes first.
    """
    making = folder.with_name(f".{folder.name}.part")
    with folder_lock(folder.parent):
        if folder.exists():
            raise Conflict(f"{folder} is there already. A package is made once; move that one away to have another.")
        _take_away_what_crashes_left(folder.parent)
        if making.exists():
            raise Conflict(f"{folder} is being made now, by another process. A package is made once.")
        making.mkdir(mode=_OWNER_ONLY)
        working = ExitStack()
        working.enter_context(folder_lock(making))
    with working:
        try:
            yield making
        except BaseException:
            if not _take_away(making):
                log.error("footage of a package that failed is still there", folder=str(making.parent))
            raise


def _take_away_what_crashes_left(into: Path) -> None:
    for left in into.glob(_UNFINISHED):
        with suppress(BlockingIOError), folder_lock(left, fcntl.LOCK_NB):
            if not _take_away(left):
                raise Unavailable(f"{left} holds footage of a package that was never made, and can't be deleted. Delete it by hand.")


def _take_away(folder: Path) -> bool:
    """Delete a folder with as much in it as can be, and say whether it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@contextmanager
def folder_lock(folder: Path, how: int = 0) -> Iterator[None]:
    """Keep the lock of a folder; BlockingIOError with LOCK_NB when somebody else does."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(opened)


class _Reading:
    """Carries the recordings over, and notes what is missing and what cameras said of their clocks."""

    def __init__(
        self, order: Order, source: FootageSource, folder: Path, at: datetime, max_bytes: int, keep_sheet: KeepSheet | None
    ) -> None:
        self.copies: list[PictureCopy] = []
        self.missing: list[Missing] = []
        self.clocks: dict[CameraId, ClockRecord] = {}
        self._order = order
        self._source = source
        self._folder = folder
        self._at = at
        self._max_bytes = max_bytes
        self._keep_sheet = keep_sheet
        self._written = 0

    def videos(self) -> list[Video]:
        """Return what was recorded and stays; of the cameras that are redacted only copies do."""
        found = [video for scope in self._order.cameras for video in self._of_camera(scope)]
        for folder in {path.parent for path in self._folder.glob("*/*")}:
            fsync_dir(folder)
        return found

    def _of_camera(self, scope: CameraScope) -> list[Video]:
        if self._order.mark:
            self.copies += stills(self._folder, scope, self._order.mark, self._recorded(scope, ORIGINAL))
            return []
        plan = self._order.redacts(scope)
        if plan is None or self._keep_sheet is None:
            videos = self._recorded(scope, "video")
            self.copies += [viewing_copy(self._folder, one, self._max_bytes) for one in videos if not one.part.plays_everywhere]
            return videos
        self.copies += redacted_copies(self._folder, scope, plan, self._recorded(scope, ORIGINAL), self._keep_sheet)
        return []

    def _recorded(self, scope: CameraScope, folder: str) -> list[Video]:
        parts: list[tuple[Path, Part]] = []
        segments: list[Segment] = []
        gaps: list[Gap] = []
        for span in sorted(scope.spans):
            recorded, why = self._source.recorded(scope.stream_id, span, at=self._at)
            parts += assemble(recorded, span, self._source.open, lambda start: self._place(scope, start, folder), max_bytes=self._max_bytes)
            segments += recorded
            gaps += why
        self.missing += missing_of(scope, [part for _, part in parts], gaps)
        self.clocks[scope.camera_id] = _clock(segments)
        return [self._video(scope, path, part) for path, part in parts]

    def _place(self, scope: CameraScope, start_ticks: int, folder: str) -> Path:
        self._written += 1
        path = self._folder / video_name(self._written, scope, start_ticks, folder)
        path.parent.mkdir(exist_ok=True)
        return path

    def _video(self, scope: CameraScope, path: Path, part: Part) -> Video:
        """Make a file durable, read it back, and compare whole segments with what their recorder wrote down."""
        with ThreadPoolExecutor(1) as pool:
            durable = pool.submit(_fsync, path)  # waits for the disk while this computes
            whole, cuts = digests(path, [(cut.offset, cut.size_bytes) for cut in part.cuts])
            durable.result()
        for cut, digest in zip(part.cuts, cuts, strict=True):
            if cut.whole and digest != cut.recorded_sha256:
                raise Corrupt(f"Segment {cut.segment} of ‘{scope.camera}’ is not as it was recorded. Run: vms check --deep")
        return Video(f"{path.parent.name}/{path.name}", scope.camera_id, part, whole, path.stat().st_size, cuts)


def _finish(
    order: Order, folder: Path, hub: Hub, at: datetime, videos: Sequence[Video], reading: _Reading
) -> tuple[bytes, int | None, int | None, tuple[Video, ...], tuple[PictureCopy, ...], tuple[Missing, ...], str]:
    """Write papers, manifest, signature and the log's proof, and pass the gate."""
    log, software = _log_name(hub), f"Custodian {version('custodian')}"
    key = verifier_key(log, hub.key.public)
    contents = Contents(
        order, tuple(videos), tuple(reading.copies), tuple(reading.missing), reading.clocks, key, fingerprint(key), software, at
    )
    written = papers(contents)
    manifest = manifest_of(
        order,
        log=log,
        software=software,
        made_at=at,
        videos=videos,
        copies=reading.copies,
        missing=reading.missing,
        clocks=reading.clocks,
        files={path: (sha256(content).digest(), len(content)) for path, content in written.items()},
    )
    text = signed_text(log, order.request, manifest)
    note = signed_note(text, log, hub.key.public, sign(hub.key.private, text.encode()))
    number, position = _write_down(order, hub, at, manifest, [*videos, *reading.copies])
    proofs = {} if number is None else _proofs(hub, number)
    _write(folder, {**written, **proofs, "manifest.json": manifest, "manifest.note": note.encode()})
    pass_gate(folder, videos, reading.copies, key, later=frozenset() if proofs else _NEEDS_PROOF)
    return sha256(manifest).digest(), number, position, contents.videos, contents.copies, contents.missing, contents.fingerprint


def _log_name(hub: Hub) -> str:
    with hub.central.reading() as session:
        log = access_tree.log_of(session, DISTRICT)
    if log is None:
        raise NotFound("There is no district here yet. Run: vms init")
    return log.name


def _write_down(
    order: Order, hub: Hub, at: datetime, manifest: bytes, files: Sequence[Video | PictureCopy]
) -> tuple[int | None, int | None]:
    """Commit the entry of a package, and return its number, or of a sealed request its position among what is sealed."""
    detail = {
        "request": order.request,
        "manifest": sha256(manifest).hexdigest(),
        "files": str(len(files)),
        "bytes": str(sum(one.size_bytes for one in files)),
    }
    with hub.central.writing() as session:
        if hub.matter is None:
            return record(session, actor=JOB, action=Action.EXPORT_PACKAGE, at=at, detail=detail), None
        return None, record_sealed(session, hub.matter, actor=JOB, action=Action.EXPORT_PACKAGE, at=at, detail=detail)


def _proofs(hub: Hub, number: int) -> dict[str, bytes]:
    """Have the log signed, and return the entry as the tree has it, with the proof that it is in the checkpoint."""
    hub.sign_log()
    with hub.central.reading() as session:
        proof = prove_entry(session, number)
        (entry,) = access_tree.entries(session, DISTRICT, after=number - 1, until=number)
    told = {"salt": _base64(entry.salt), "body": entry.body.decode()}
    return dict(zip(_PROOFS, (_json(told), proof.text.encode()), strict=True))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _json(told: dict[str, str]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        there = folder / path
        there.parent.mkdir(exist_ok=True)
        with there.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    for changed in sorted({(folder / path).parent for path in files} | {folder}, reverse=True):
        fsync_dir(changed)


def _clock(segments: Sequence[Segment]) -> ClockRecord:
    told = [one.camera_clock_offset_ms for one in segments if one.camera_clock_offset_ms is not None]
    return ClockRecord(min(told, default=None), max(told, default=None), len(segments) - len(told))


def _fsync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _digest(path: Path, at: int, size: int) -> bytes:
    digest, left = sha256(), size
    with path.open("rb") as file:
        file.seek(at)
        while left and (block := file.read(min(_BLOCK_BYTES, left))):
            digest.update(block)
            left -= len(block)
    return digest.digest()

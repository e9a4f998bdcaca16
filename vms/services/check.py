"""`vms check`: compare the index with the files on the volumes and say what does not agree. It changes nothing.

Invariant 1: a live row has a whole file with its digests, which its key opens. Invariant 2: a file is a live row's, a
condemned row's, an open `.part`, or an orphan younger than one batch. Invariant 9: runs of one stream never overlap. Safe
beside a running recorder: what looks wrong is looked at once more before it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import TypedDict

from vms.domain.footage import Segment, SegmentState
from vms.domain.ids import SegmentId, VolumeId
from vms.domain.timespan import EPOCH
from vms.errors import Corrupt, NotFound
from vms.media.segment_file import digest_file, scan
from vms.media.segment_layout import HourKeys
from vms.store import runs, segments, volumes
from vms.store.database import Engines
from vms.store.files import Volume, iter_parts, iter_published, iter_strays
from vms.store.layout import StoredFile

ORPHAN_GRACE = timedelta(seconds=30)
"""Rows follow their files within a second or two; a disk that is slow makes it more."""
PART_GRACE = timedelta(minutes=3)
"""An open `.part` is written at least every few seconds; one that lies still belongs to no recorder."""
BATCH = 1000


Progress = Callable[[int, int], None]
"""Told how many of how many files have been compared, before each."""


class Depth(Enum):
    ROWS = auto()
    """Names and sizes."""
    DEEP = auto()
    """Every file is read: decrypted and both digests compared, or without keys its header and tags alone."""


class ViolationDocument(TypedDict):
    invariant: int
    subject: str
    detail: str


class CheckDocument(TypedDict):
    ok: bool
    violations: list[ViolationDocument]


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: int
    subject: str
    """The segment, file, volume or stream."""
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    violations: tuple[Violation, ...]

    @property
    def ok(self) -> bool:
        return not self.violations

    def document(self) -> CheckDocument:
        """Return what `vms check --json` prints."""
        found = [ViolationDocument(invariant=one.invariant, subject=one.subject, detail=one.detail) for one in self.violations]
        return CheckDocument(ok=self.ok, violations=found)


def check(
    index: Engines,
    opened: Sequence[Volume],
    *,
    at: datetime,
    depth: Depth = Depth.ROWS,
    keys: HourKeys | None = None,
    progress: Progress = lambda _done, _total: None,
) -> CheckReport:
    """Compare the index with `opened`, the volumes that could be opened; `keys` let a deep check see the footage itself."""
    tally = _Tally(_files_to_compare(index, opened), progress)
    found: list[Violation] = [*_absent_volumes(index, opened), *_overlaps(index)]
    for volume in opened:
        found += _rows_without_file(index, volume, _Look(depth, keys), tally)
        found += _files_without_row(index, volume, at)
        found += _abandoned_parts(volume, at)
    return CheckReport(tuple(found))


def _absent_volumes(index: Engines, opened: Sequence[Volume]) -> Iterator[Violation]:
    there = {volume.id for volume in opened}
    with index.read.begin() as connection:
        known = volumes.all_volumes(connection)
    for volume in known:
        if volume.id not in there and volume.live_bytes:
            yield Violation(1, f"volume {volume.id}", f"it holds segments and is not at {volume.path}; mount it or name it in config.toml")


def _overlaps(index: Engines) -> Iterator[Violation]:
    with index.read.begin() as connection:
        pairs = runs.overlapping_pairs(connection)
    for first, second in pairs:
        detail = f"the run from {first.start_ms} to {first.end_ms} ms overlaps the one from {second.start_ms} to {second.end_ms} ms"
        yield Violation(9, f"stream {first.stream_id}", detail)


@dataclass(slots=True)
class _Tally:
    """How far the comparison is. Files that are published meanwhile make it end a little beyond its total, which then follows."""

    total: int
    tell: Progress
    done: int = 0

    def add(self) -> None:
        self.done += 1
        self.tell(self.done, max(self.done, self.total))


def _files_to_compare(index: Engines, opened: Sequence[Volume]) -> int:
    with index.read.begin() as connection:
        return sum(segments.count(connection, volume.id) for volume in opened)


def _rows_without_file(index: Engines, volume: Volume, look: _Look, tally: _Tally) -> Iterator[Violation]:
    for segment in _rows(index, volume.id):
        tally.add()
        if segment.state is not SegmentState.LIVE:
            continue
        trouble = look.trouble(segment, volume.segment_path(segment.id))
        if trouble and _state(index, segment.id) is SegmentState.LIVE:
            yield Violation(1, segment.id, trouble)


def _rows(index: Engines, volume: VolumeId) -> Iterator[Segment]:
    after: SegmentId | None = None
    while True:
        with index.read.begin() as connection:
            page = segments.page(connection, volume, after, BATCH)
        if not page:
            return
        yield from page
        after = page[-1].id


@dataclass(frozen=True, slots=True)
class _Look:
    """How closely files are looked at."""

    depth: Depth
    keys: HourKeys | None

    def trouble(self, segment: Segment, path: Path) -> str:
        """Say what is wrong with a live row's file; nothing when it is whole."""
        try:
            size = path.stat().st_size
            inside = self._inside(segment, path) if self.depth is Depth.DEEP and size == segment.size_bytes else ""
        except Corrupt as err:
            return f"{path} is not what was written: {err}"
        except NotFound as err:
            return f"{path} can't be read: {err}"
        except FileNotFoundError:
            return f"{path} is missing"
        except OSError as err:
            return f"{path} can't be read: {err.strerror}"
        if size != segment.size_bytes:
            return f"{path} has {size} bytes; the index says {segment.size_bytes}"
        return inside and f"{path} is not what was written: {inside}"

    def _inside(self, segment: Segment, path: Path) -> str:
        with path.open("rb") as file:
            if self.keys is None:
                return _differing(digest_file(file), segment.file_digest, "header and tags")
            found = scan(file, self.keys, segment=segment.id)
        if found.stopped is not None:
            return found.stopped
        return (
            _differing(found.file_digest, segment.file_digest, "header and tags")
            or _differing(found.media_sha256, segment.media_sha256, "pictures")
            or _differing(found.fragments, tuple(segment.fragments), "fragment table")
        )


def _differing(found: object, written: object, what: str) -> str:
    return "" if found == written else f"its {what} differ from the index"


def _files_without_row(index: Engines, volume: Volume, at: datetime) -> Iterator[Violation]:
    for files in _in_batches(iter_published(volume)):
        # The row may have come between the listing and this look; a file that is gone was erased meanwhile.
        with index.read.begin() as connection:
            states = segments.states(connection, [file.segment for file in files])
        for file in files:
            state = states.get(file.segment)
            if state is None and _age(file.path, at) > ORPHAN_GRACE:
                yield Violation(2, file.segment, f"{file.path} has no row in the index; it is adopted when the recorder starts")
            elif state is SegmentState.LOST:
                yield Violation(2, file.segment, f"{file.path} is there, but its row says lost; restart the recorder to look again")
    for path in iter_strays(volume):
        yield Violation(2, str(path), "it stands among the footage and is no segment file in its place; move it away")


def _abandoned_parts(volume: Volume, at: datetime) -> Iterator[Violation]:
    for file in iter_parts(volume):
        if _age(file.path, at) > PART_GRACE:
            yield Violation(2, file.segment, f"{file.path} was left open; it is salvaged when the recorder starts")


def _in_batches(files: Iterable[StoredFile]) -> Iterator[list[StoredFile]]:
    remaining = iter(files)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _age(path: Path, at: datetime) -> timedelta:
    """Return how long ago `path` was last written; negative when it is gone."""
    try:
        return at - (EPOCH + timedelta(seconds=path.stat().st_mtime))
    except FileNotFoundError:
        return timedelta(seconds=-1)


def _state(index: Engines, segment: SegmentId) -> SegmentState | None:
    with index.read.begin() as connection:
        return segments.states(connection, [segment]).get(segment)

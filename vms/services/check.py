"""Compare the index with the files on the volumes, for `vms check` and each night. It changes nothing: what mends is `retention/repair.py`.

Invariant 1: a live row has a whole file with its digests, which its key opens. Invariant 2: a file is a live row's, a
condemned row's, an open `.part`, the second place of a row, or an orphan younger than one batch. Invariant 9: runs of one
stream never overlap. Safe beside a running recorder: what looks wrong is looked at once more before it is reported.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import TypedDict

from vms.domain.footage import Segment, SegmentState
from vms.domain.ids import SegmentId, StreamId, VolumeId
from vms.domain.timespan import EPOCH, ms_of
from vms.errors import Corrupt, NotFound
from vms.media.segment_file import digest_file, scan
from vms.media.segment_layout import HourKeys
from vms.store import protected_places, runs, secrecy, segments, stream_rules, volumes
from vms.store.database import Engines
from vms.store.files import Volume, iter_parts, iter_published, iter_strays
from vms.store.layout import StoredFile, found_protected, protected_file
from vms.store.protected_files import is_file
from vms.store.secrecy import Secret

ORPHAN_GRACE = timedelta(seconds=30)
"""Rows follow their files within a second or two; a disk that is slow makes it more."""
PART_GRACE = timedelta(minutes=3)
"""An open `.part` is written at least every few seconds; one that lies still belongs to no recorder."""
BATCH = 1000
SAMPLED = 200
"""Of a volume: at 30 MB a file some minutes of reading, and damage to one file in a hundred is missed once in eight draws."""


Progress = Callable[[int, int], None]
"""Told how many of how many files have been compared, before each."""


class Depth(Enum):
    ROWS = auto()
    """Names and sizes."""
    SAMPLE = auto()
    """Names and sizes, and of each volume `SAMPLED` files, drawn anew each time, as deep does all."""
    DEEP = auto()
    """Every file is read: decrypted and both digests compared, or without keys its header and tags alone."""


class Kind(Enum):
    """What a violation is about."""

    MISSING = auto()
    """A live row whose file is not there."""
    SECOND_PLACE = auto()
    """What a hold keeps has lost its second place, or that is not what was written."""
    DAMAGED = auto()
    """A live row whose file is not what was written, or can't be read."""
    OTHER = auto()


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
    kind: Kind = Kind.OTHER
    volume: VolumeId | None = None
    """Of a second place: where it is."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    violations: tuple[Violation, ...]
    compared: int = 0
    """Rows of segments."""
    read: int = 0
    """Files that were read from end to end."""
    hushed: tuple[Violation, ...] = ()
    """What nobody is to be told, and is mended all the same: of rows without a file, and second places, that only sealed holds keep."""

    @property
    def ok(self) -> bool:
        return not self.violations

    @property
    def mendable(self) -> list[SegmentId]:
        """Live segments whose file is gone or damaged, those of which nobody is to be told too."""
        return [SegmentId(one.subject) for one in (*self.violations, *self.hushed) if one.kind in (Kind.MISSING, Kind.DAMAGED)]

    def without(self, mended: Collection[SegmentId]) -> CheckReport:
        """Return the same without what was wrong with segments that have their file again."""
        left, hushed = (tuple(one for one in some if one.subject not in mended) for some in (self.violations, self.hushed))
        return replace(self, violations=left, hushed=hushed)

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
    """Compare the index with `opened`, the volumes that could be opened; `keys` let a deep check or a sample see the footage itself.

    What `progress` raises ends it.
    """
    tally = _Tally(_files_to_compare(index, opened), progress)
    secrets_of = _secrets(index, at)
    found: list[Violation] = [*_absent_volumes(index, opened), *_overlaps(index)]
    for volume in opened:
        found += _rows_without_file(index, volume, Look(depth, keys), tally, secrets_of)
        found += _files_without_row(index, volume, at, secrets_of)
        found += _second_places(index, volume, Look(depth, keys), tally, secrets_of)
        found += _second_places_without_row(index, volume)
        found += _abandoned_parts(volume, at)
    return CheckReport(tuple(found), tally.done - tally.secret, tally.read, tuple(tally.hushed))


_Secrets = Mapping[StreamId, Secret]


def _secrets(index: Engines, at: datetime) -> _Secrets:
    with index.read.begin() as connection:
        rules = stream_rules.rules(connection)
        of_camera = {camera: secrecy.of_camera(connection, camera, ms_of(at)) for camera in {rule.camera_id for rule in rules}}
    return {rule.stream_id: of_camera[rule.camera_id] for rule in rules}


def _is_secret(secrets_of: _Secrets, segment: Segment) -> bool:
    """Say whether people are told that `segment` is gone: then nothing that is wrong with it is told either."""
    known = secrets_of.get(segment.stream_id)
    return known is not None and known.has(segment.start_ticks, segment.end_ticks)


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
    read: int = 0
    secret: int = 0
    """Of those that are done."""
    hushed: list[Violation] = field(default_factory=list)

    def add(self) -> None:
        self.done += 1
        self.tell(self.done, max(self.done, self.total))

    def add_read(self) -> None:
        self.read += 1
        self.tell(self.done, max(self.done, self.total))


def _files_to_compare(index: Engines, opened: Sequence[Volume]) -> int:
    with index.read.begin() as connection:
        return sum(segments.count(connection, volume.id) for volume in opened)


def _rows_without_file(index: Engines, volume: Volume, look: Look, tally: _Tally, secrets_of: _Secrets) -> Iterator[Violation]:
    sample, untold, deeper = _Sample(), _Sample(), replace(look, depth=Depth.DEEP)
    for segment in _rows(index, volume.id):
        tally.add()
        secret = _is_secret(secrets_of, segment)
        tally.secret += secret
        if segment.state is not SegmentState.LIVE:
            continue
        if look.depth is Depth.DEEP and not secret:
            tally.add_read()
        if (found := _wrong(index, volume, segment, look)) is None:
            (untold if secret else sample).offer(segment)
        elif secret:
            tally.hushed.append(found)
        else:
            yield found
    if look.depth is not Depth.SAMPLE:
        return
    for segment in sample.drawn:
        tally.add_read()
        if found := _wrong(index, volume, segment, deeper):
            yield found
    tally.hushed += (found for segment in untold.drawn if (found := _wrong(index, volume, segment, deeper)))


def _wrong(index: Engines, volume: Volume, segment: Segment, look: Look) -> Violation | None:
    """Say what is wrong with a live segment, if it still is live."""
    path = volume.segment_path(segment.id)
    trouble = look.trouble(segment, path)
    if not trouble or _state(index, segment.id) is not SegmentState.LIVE:
        return None
    return Violation(1, segment.id, trouble, Kind.MISSING if trouble == _missing(path) else Kind.DAMAGED)


class _Sample:
    """So many of the segments that are offered, each as likely as any other (reservoir sampling, Vitter's R)."""

    def __init__(self) -> None:
        self.drawn: list[Segment] = []
        self._offered = 0

    def offer(self, segment: Segment) -> None:
        self._offered += 1
        if len(self.drawn) < SAMPLED:
            self.drawn.append(segment)
        elif (place := secrets.randbelow(self._offered)) < SAMPLED:
            self.drawn[place] = segment


def _missing(path: Path) -> str:
    return f"{path} is missing"


def _rows(index: Engines, volume: VolumeId) -> Iterator[Segment]:
    after: SegmentId | None = None
    while True:
        with index.read.begin() as connection:
            page = segments.page(connection, volume, after, BATCH)
        if not page:
            return
        yield from page
        after = page[-1].id


def _second_places(index: Engines, volume: Volume, look: Look, tally: _Tally, secrets_of: _Secrets) -> Iterator[Violation]:
    """Look at the second places on a volume; a link is the very file that is looked at where it is published."""
    after: SegmentId | None = None
    while True:
        with index.read.begin() as connection:
            page = protected_places.page(connection, volume.id, after, limit=BATCH)
            rows = [row for one in page if (row := segments.get(connection, one)) is not None]
        if not page:
            return
        after = page[-1]
        for row in rows:
            path, published = volume.path / protected_file(row.id), volume.segment_path(row.id)
            linked = row.volume_id == volume.id and row.state is SegmentState.LIVE and _same_file(path, published)
            if linked or not (trouble := look.trouble(row, path)):
                continue
            with index.read.begin() as connection:
                there = protected_places.of(connection, row.id).get(volume.id, False)
            if not there:
                continue
            found = Violation(2, row.id, f"second place, kept for a hold: {trouble}", Kind.SECOND_PLACE, volume.id)
            if row.stream_id not in secrets_of or secrets_of[row.stream_id].has_place(row.start_ticks, row.end_ticks):
                tally.hushed.append(found)
            else:
                yield found


def _second_places_without_row(index: Engines, volume: Volume) -> Iterator[Violation]:
    for files in _in_batches(found_protected(volume.path)):
        with index.read.begin() as connection:
            known = protected_places.known(connection, volume.id, [file.segment for file in files])
        for file in files:
            if file.segment not in known and is_file(file.path):
                yield Violation(2, file.segment, f"{file.path} is the second place of nothing that is held; move it away")


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Look:
    """How closely files are looked at."""

    depth: Depth
    keys: HourKeys | None

    def trouble(self, segment: Segment, path: Path) -> str:
        """Say what is wrong with a row's file at `path`; nothing when it is whole."""
        try:
            size = path.stat().st_size
            inside = self._inside(segment, path) if self.depth is Depth.DEEP and size == segment.size_bytes else ""
        except Corrupt as err:
            return f"{path} is not what was written: {err}"
        except NotFound as err:
            return f"{path} can't be read: {err}"
        except FileNotFoundError:
            return _missing(path)
        except OSError as err:
            return f"{path} can't be read: {err.strerror}"
        if size != segment.size_bytes:
            return f"{path} has {size} bytes; the index says {segment.size_bytes}"
        return inside and f"{path} is not what was written: {inside}"

    def is_right(self, segment: Segment, path: Path) -> bool:
        """Say whether the file at `path`, not a link to one, is the one that was written."""
        return is_file(path) and not self.trouble(segment, path)

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


def _files_without_row(index: Engines, volume: Volume, at: datetime, secrets_of: _Secrets) -> Iterator[Violation]:
    for files in _in_batches(iter_published(volume)):
        # The row may have come between the listing and this look; a file that is gone was erased meanwhile.
        with index.read.begin() as connection:
            states = segments.states(connection, [file.segment for file in files])
        for file in files:
            state = states.get(file.segment)
            if state is None and _age(file.path, at) > ORPHAN_GRACE:
                yield Violation(2, file.segment, f"{file.path} has no row in the index; it is adopted when the recorder starts")
            elif state is SegmentState.LOST and not _is_secret_one(index, file.segment, secrets_of):
                yield Violation(2, file.segment, f"{file.path} is there, but its row says lost; restart the recorder to look again")
    for path in iter_strays(volume):
        yield Violation(2, str(path), "it stands among the footage and is no segment file in its place; move it away")


def _is_secret_one(index: Engines, segment: SegmentId, secrets_of: _Secrets) -> bool:
    with index.read.begin() as connection:
        row = segments.get(connection, segment)
    return row is not None and _is_secret(secrets_of, row)


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

"""Where a segment's file stands on its volume, and what the names found there mean. Always UTC. Layout: vms/FORMATS.md §4."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from vms.domain.ids import SegmentId, StreamId, split_segment_id
from vms.domain.timespan import datetime_of_ms

LIVE = "live"
PROTECTED = "protected"
"""Second places of what holds keep: in folders like those of `LIVE`, each named by its segment and never by a hold."""
SEGMENT_SUFFIX = ".cseg"
PART_SUFFIX = ".part"
_SECONDS_PER_HOUR = 3600
_FILE_NAME = re.compile(r"([0-9a-f]{32})\.cseg(\.part)?")
_STREAM_NAME = re.compile(r"[0-9a-f]{16}")
_DAY_NAME = re.compile(r"[0-9]{8}")
_HOUR_NAME = re.compile(r"[0-2][0-9]")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A segment's file as it was found."""

    segment: SegmentId
    path: Path
    size_bytes: int


def segment_file(segment: SegmentId) -> PurePosixPath:
    """Return the published file's path inside its volume; ValueError when `segment` is no segment id."""
    stream, start_ms = split_segment_id(segment)
    start = datetime_of_ms(start_ms)
    return PurePosixPath(LIVE, f"{stream:016x}", f"{start:%Y%m%d}", f"{start:%H}", f"{segment}{SEGMENT_SUFFIX}")


def protected_file(segment: SegmentId) -> PurePosixPath:
    """Return the path inside any volume of a second place of `segment`: a link on the volume of its file, a copy on another."""
    return PurePosixPath(PROTECTED, *segment_file(segment).parts[1:])


def found_published(volume: Path, since_hour: int = 0) -> Iterator[StoredFile]:
    """Yield the published files of hours from `since_hour` (since the epoch) on, by stream and time."""
    yield from (file for file in _segment_files(volume, LIVE, since_hour) if file.path.suffix == SEGMENT_SUFFIX)


def found_protected(volume: Path) -> Iterator[StoredFile]:
    """Yield the second places, those that are being made among them, by stream and time."""
    yield from _segment_files(volume, PROTECTED, 0)


def found_of(volume: Path, stream: StreamId, hour: int) -> Iterator[StoredFile]:
    """Yield the files, published or not and second places too, of a stream's segments that began in an hour (since the epoch)."""
    begins = datetime.fromtimestamp(hour * _SECONDS_PER_HOUR, UTC)
    for top in (LIVE, PROTECTED):
        yield from _files_in(volume, volume / top / f"{stream:016x}" / f"{begins:%Y%m%d}" / f"{begins:%H}")


def found_parts(volume: Path) -> Iterator[StoredFile]:
    """Yield the files that were not published: open ones, or what a crash left."""
    yield from (file for file in _segment_files(volume, LIVE, 0) if file.path.suffix == PART_SUFFIX)


def found_strays(volume: Path) -> Iterator[Path]:
    """Yield what stands among the footage and is no segment file in its place."""
    for top in (LIVE, PROTECTED):
        yield from (path for path in _every_file(volume / top) if _segment_of(volume, path) is None)


def _segment_files(volume: Path, top: str, since_hour: int) -> Iterator[StoredFile]:
    for folder in _hour_folders(volume / top, since_hour):
        yield from _files_in(volume, folder)


def _files_in(volume: Path, folder: Path) -> Iterator[StoredFile]:
    for entry in _listed(folder):
        path = Path(entry.path)
        segment = _segment_of(volume, path)
        if segment is not None and entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):  # erased or renamed since it was listed
                yield StoredFile(segment, path, entry.stat(follow_symlinks=False).st_size)


def _segment_of(volume: Path, path: Path) -> SegmentId | None:
    """Return whose file `path` is, when it stands where that segment's file belongs."""
    name = _FILE_NAME.fullmatch(path.name)
    if name is None:
        return None
    segment = SegmentId(name[1])
    try:
        places = volume / segment_file(segment), volume / protected_file(segment)
    except (ValueError, OverflowError):  # a time beyond the calendar
        return None
    return segment if path in (*places, *(place.with_name(place.name + PART_SUFFIX) for place in places)) else None


def _hour_folders(top: Path, since_hour: int) -> Iterator[Path]:
    for stream in _folders(top, _STREAM_NAME):
        for day in _folders(stream, _DAY_NAME):
            for hour in _folders(day, _HOUR_NAME):
                if _hour_of(day.name, hour.name) >= since_hour:
                    yield hour


def _hour_of(day: str, hour: str) -> int:
    """Return the hour since the epoch that a folder is named for; -1 for names that are no date."""
    try:
        return int(datetime.strptime(f"{day}{hour}", "%Y%m%d%H").replace(tzinfo=UTC).timestamp()) // _SECONDS_PER_HOUR
    except ValueError:
        return -1


def _folders(parent: Path, name: re.Pattern[str]) -> Iterator[Path]:
    for entry in _listed(parent):
        if name.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)


def _every_file(folder: Path) -> Iterator[Path]:
    for entry in _listed(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _every_file(Path(entry.path))
        else:
            yield Path(entry.path)


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder by name; none when it is gone."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []

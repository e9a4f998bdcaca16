"""Bring files and index together after a crash: salvage what was being written, adopt what has no row, mark what is lost.

Removes nothing but a `.part` without a single picture. Condemned rows and orphans of purged ranges are retention's. Runs before
any worker writes; after a worker's death it touches that worker's streams only. Numbered procedure: recorder/README.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import BinaryIO

from sqlalchemy import Connection

from recorder.ledger import write
from recorder.node import Node
from vms.domain.footage import Gap, GapReason, Run, Segment, SegmentFlag, SegmentState
from vms.domain.ids import SegmentId, StreamId, segment_id, split_segment_id
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, Timespan, datetime_of_ms, ms_of
from vms.errors import Conflict, Corrupt, NotFound
from vms.log import get_logger
from vms.media.segment_file import Scan, digest_file, scan
from vms.media.segment_layout import HEADER_BYTES, LENGTH, MAX_RECORD_BYTES, record_size, whole_places
from vms.store import clock_events, gaps, runs, segments, volumes
from vms.store.batch import IndexBatch
from vms.store.files import DiskFault, OpenPart, StoredFile, Volume, discard_part, iter_parts, iter_published, settle
from vms.store.layout import PART_SUFFIX
from vms.store.volumes import VolumeState

MARGIN_HOURS = 2
"""How far before the newest row files may still lack theirs: a segment lasts two minutes, the rest is for clocks set back."""
BATCH = 200
LOST_WINDOW_MS = 48 * MS_PER_HOUR
"""Missing files are looked for this far back at most; `vms check` looks at everything."""

LONGEST_INIT_BYTES = 64 * 1024
"""No init segment is longer: a record 0 that claims more is damaged, and what follows may be footage."""
LOOK_BYTES = 1024 * 1024

log = get_logger(__name__)


@dataclass(slots=True)
class Recovered:
    """What a recovery did."""

    lived_ms: int
    """When the writer of the files last lived, as far as it is known."""
    salvaged: int = 0
    adopted: int = 0
    discarded: int = 0
    unreadable: int = 0
    lost: int = 0
    found_again: int = 0
    ends: dict[tuple[StreamId, int], int] = field(default_factory=dict)
    """Where (ms) the footage that was taken in of a run ends, by stream and start of the run."""

    def tell(self, event: str) -> None:
        log.info(
            event,
            salvaged=self.salvaged,
            adopted=self.adopted,
            discarded=self.discarded,
            unreadable=self.unreadable,
            lost=self.lost,
            found_again=self.found_again,
        )


def recover(node: Node, *, lived_ms: int) -> Recovered:
    """Do the whole procedure, at the recorder's start; bounded by the clean hour of each volume.

    `lived_ms`: when the recorder before this one last lived, as far as it is known.
    """
    done = Recovered(lived_ms)
    for volume in node.volumes:
        since_hour = _reinstate(node, volume)
        try:
            _recover_volume(node, volume, since_hour, done)
        except OSError as err:
            # One disk that can't be listed must not keep the others from recording.
            log.error("volume can't be looked through", path=str(volume.path), reason=str(err))
            node.note_volume_state(volume.id, VolumeState.FAILED)
    note_clean(node)
    _end_runs(node, done)
    done.tell("recovered")
    return done


def salvage_streams(node: Node, streams: frozenset[StreamId], *, lived_ms: int) -> Recovered:
    """Take in what a worker that died at `lived_ms` left of `streams`, around now and around where each ends.

    Ends no run: the ledger does. A volume that was given up is not touched: what is on it waits for the next start.
    """
    done = Recovered(lived_ms)
    hours = _hours_of(node, sorted(streams))
    for volume in _sound_volumes(node):
        try:
            _salvage_recent(node, volume, hours, done)
        except OSError as err:
            log.error("volume can't be looked through", path=str(volume.path), reason=str(err))
            node.note_volume_state(volume.id, VolumeState.FAILED)
    done.tell("salvaged after a worker's death")
    return done


def note_clean(node: Node) -> None:
    """Note that files and rows agree up to two hours ago, so that the next recovery need not look there.

    Not for a volume that failed: it may hold a file whose row never came, which the next start has to find.
    """
    hour = ms_of(node.clock.now()) // MS_PER_HOUR - MARGIN_HOURS
    with node.index.write.begin() as connection:
        for volume in node.volumes:
            if volumes.get(connection, volume.id).state is VolumeState.OK:
                volumes.set_clean_hour(connection, volume.id, hour)


def _sound_volumes(node: Node) -> list[Volume]:
    with node.index.read.begin() as connection:
        return [volume for volume in node.volumes if volumes.get(connection, volume.id).state is VolumeState.OK]


def _salvage_recent(node: Node, volume: Volume, hours: Sequence[tuple[StreamId, int]], done: Recovered) -> None:
    left = [file for stream, hour in hours for file in _files_of(volume, stream, hour)]
    _take_in(node, volume, _without_row(node, (file for file in left if not _is_part(file))), done)
    _take_in(node, volume, (file for file in left if _is_part(file)), done)


def _recover_volume(node: Node, volume: Volume, since_hour: int, done: Recovered) -> None:
    # Published files come before the `.part` that follows them: each finds the run it continues.
    _take_in(node, volume, _without_row(node, iter_published(volume, since_hour)), done)
    _take_in(node, volume, iter_parts(volume), done)
    done.found_again += _find_again(node, volume)
    done.lost += _mark_lost(node, volume, since_hour)


def _reinstate(node: Node, volume: Volume) -> int:
    """Give a volume that failed another chance, since a person or the supervisor started anew; return its clean hour."""
    with node.index.write.begin() as connection:
        record = volumes.get(connection, volume.id)
        if record.state is not VolumeState.OK:
            log.warning("volume is tried again", volume=volume.id, path=str(volume.path), state=str(record.state))
            volumes.set_state(connection, volume.id, VolumeState.OK)
    return record.clean_hour


def _take_in(node: Node, volume: Volume, files: Iterable[StoredFile], done: Recovered) -> None:
    """Publish and enter `files`, some hundred rows at a time."""
    waiting: list[Segment] = []
    for file in files:
        taken = _salvage(node, volume, file, done) if _is_part(file) else _adopt(node, volume, file, done)
        if taken is not None:
            waiting.append(taken)
        if len(waiting) >= BATCH:
            _enter(node, waiting, done)
            waiting = []
    _enter(node, waiting, done)


def _salvage(node: Node, volume: Volume, file: StoredFile, done: Recovered) -> Segment | None:
    """Publish the whole records of a `.part`; remove one that can't hold a picture; leave one that can't be read."""
    try:
        settle(file.path)
        if _cannot_hold_a_picture(file):
            discard_part(volume, file.segment)
            done.discarded += 1
            return None
        written_ms = file.path.stat().st_mtime_ns // 1_000_000  # before publishing touches it
        found = _scan(node, file)
        OpenPart.reopen(volume, file.segment, whole_bytes=found.valid_bytes).publish()
    except (NotFound, Corrupt, DiskFault, Conflict, OSError) as err:
        log.error("part stays as it is", path=str(file.path), reason=str(err))
        done.unreadable += 1
        return None
    done.salvaged += 1
    end_ms = (found.start_ticks + found.duration) // TICKS_PER_MS
    log.warning(
        "segment salvaged",
        segment=file.segment,
        records=len(found.fragments),
        whole_bytes=found.valid_bytes,
        write_lag_ms=max(0, written_ms - end_ms),
        missing_ms=max(0, done.lived_ms - end_ms),
    )
    return _segment(volume, found, SegmentFlag.SALVAGED)


def _adopt(node: Node, volume: Volume, file: StoredFile, done: Recovered) -> Segment | None:
    """Describe a published file that has no row; one that is damaged stays for `vms check`."""
    try:
        # Its folder may never have been synced: a row must not be more durable than its file.
        settle(file.path)
        found = _scan(node, file)
        if found.stopped is not None:
            _tell_damaged(file, found.stopped, done)
            return None
    except Corrupt as err:
        _tell_damaged(file, str(err), done)
        return None
    except (NotFound, DiskFault, OSError) as err:
        log.error("file without a row can't be read", path=str(file.path), reason=str(err))
        done.unreadable += 1
        return None
    done.adopted += 1
    log.info("segment adopted", segment=file.segment)
    return _segment(volume, found, SegmentFlag.NONE)


def _tell_damaged(file: StoredFile, reason: str, done: Recovered) -> None:
    log.error("file without a row is damaged; run: vms check --deep", path=str(file.path), reason=reason)
    done.unreadable += 1


def _scan(node: Node, file: StoredFile) -> Scan:
    """Return what the file proves by itself. Corrupt when not even its first picture is good, NotFound when its key is gone."""
    with file.path.open("rb") as opened:
        found = scan(opened, node.keys, segment=file.segment)
    if found.duration <= 0:
        raise Corrupt(found.stopped or "It holds no picture.")
    return found


def _cannot_hold_a_picture(file: StoredFile) -> bool:
    """Say whether the file ends before its first picture does, or nothing but zeros of that reached the disk before the power went.

    Damage is no reason: only what was never written is removed.
    """
    with file.path.open("rb") as opened:
        places = whole_places(opened.fileno())
        if len(places) > 1:
            return False
        at = HEADER_BYTES + sum(record_size(place.length) for place in places)
        return _ends_within_a_record(opened, at, longest=MAX_RECORD_BYTES if places else LONGEST_INIT_BYTES) or _only_zeros(opened, at)


def _ends_within_a_record(opened: BinaryIO, at: int, *, longest: int) -> bool:
    opened.seek(at)
    length = opened.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return True
    claimed: int = LENGTH.unpack(length)[0]
    return 1 <= claimed <= longest and at + record_size(claimed) > opened.seek(0, os.SEEK_END)


def _only_zeros(opened: BinaryIO, at: int) -> bool:
    opened.seek(at)
    return not any(chunk.strip(b"\0") for chunk in iter(partial(opened.read, LOOK_BYTES), b""))


def _segment(volume: Volume, found: Scan, flags: SegmentFlag) -> Segment:
    return Segment(
        stream_id=split_segment_id(found.header.segment)[0],
        start_ticks=found.start_ticks,
        duration=found.duration,
        run_start_ms=found.start_ticks // TICKS_PER_MS,
        volume_id=volume.id,
        size_bytes=found.valid_bytes,
        media_sha256=found.media_sha256,
        file_digest=found.file_digest,
        fragments=found.fragments,
        codec=found.codec,
        width=found.width,
        height=found.height,
        flags=flags,
    )


def _enter(node: Node, found: Sequence[Segment], done: Recovered) -> None:
    """Insert rows, each in the run it continues or, where it continues none, in one of its own."""
    if not found:
        return
    placed: dict[StreamId, Segment] = {}
    rows: list[Segment] = []
    with node.index.read.begin() as connection:
        for segment in sorted(found, key=lambda each: (each.stream_id, each.start_ticks)):
            row = replace(segment, run_start_ms=_run_start(connection, segment, placed.get(segment.stream_id)))
            placed[segment.stream_id] = row
            rows.append(row)
    entered = tuple(Run(row.stream_id, row.run_start_ms, row.end_ticks // TICKS_PER_MS, GapReason.RECORDER_CRASHED) for row in rows)
    write(node.index, IndexBatch(segments=tuple(rows), runs=entered))
    for run in entered:
        done.ends[run.stream_id, run.start_ms] = max(done.ends.get((run.stream_id, run.start_ms), 0), run.end_ms)


def _run_start(connection: Connection, segment: Segment, before: Segment | None) -> int:
    """Return the start of the run that `segment` belongs to: that of the segment that ends exactly where it starts."""
    prior = before or segments.at(connection, segment.stream_id, segment.start_ticks - 1)
    if prior is not None and prior.end_ticks == segment.start_ticks:
        return prior.run_start_ms
    moment = Timespan(datetime_of_ms(segment.start_ms), datetime_of_ms(segment.start_ms + 1))
    around = (run for run in runs.find(connection, segment.stream_id, moment) if run.start_ms <= segment.start_ms < run.end_ms)
    return next((run.start_ms for run in around), segment.start_ms)


def _without_row(node: Node, files: Iterable[StoredFile]) -> Iterator[StoredFile]:
    """Yield those of `files` that the index does not know in any state."""
    files = iter(files)
    while chunk := list(islice(files, BATCH)):
        with node.index.read.begin() as connection:
            known = segments.states(connection, [file.segment for file in chunk])
        yield from (file for file in chunk if file.segment not in known)


def _find_again(node: Node, volume: Volume) -> int:
    """Give the lost rows back their files that are there again, as after a disk was repaired or a file put back."""
    found, after = 0, None
    while rows := _lost(node, volume, after):
        after = rows[-1].id
        back = [row for row in rows if _is_there(volume, row)]
        found += len(back)
        if back:
            with node.index.write.begin() as connection:
                for row in back:
                    if segments.set_state(connection, row.id, SegmentState.LIVE, was=SegmentState.LOST):
                        log.info("lost segment found again", segment=row.id, volume=volume.id)
    return found


def _lost(node: Node, volume: Volume, after: SegmentId | None) -> list[Segment]:
    with node.index.read.begin() as connection:
        return segments.lost(connection, volume.id, after, limit=BATCH)


def _is_there(volume: Volume, row: Segment) -> bool:
    """Say whether the row's file is there and is the one that was written."""
    path = volume.segment_path(row.id)
    try:
        with path.open("rb") as file:
            fits = os.fstat(file.fileno()).st_size == row.size_bytes and digest_file(file) == row.file_digest
    except FileNotFoundError:
        return False
    except (Corrupt, OSError):
        fits = False
    if not fits:
        log.error("lost segment's file is not what was written; run: vms check", path=str(path))
    return fits


def _mark_lost(node: Node, volume: Volume, since_hour: int) -> int:
    """Mark the rows since that hour whose file is gone; never silently: an operator has to know."""
    now_ms = ms_of(node.clock.now())
    since_ms = max(since_hour * MS_PER_HOUR, now_ms - LOST_WINDOW_MS)
    span = Timespan(datetime_of_ms(since_ms), datetime_of_ms(now_ms + MS_PER_HOUR))
    with node.index.read.begin() as connection:
        rows = [row for stream in runs.ends(connection) for row in segments.find(connection, stream, span)]
    # A file that can't be looked at is not gone: `exists` raises for it.
    gone = [row.id for row in rows if row.volume_id == volume.id and not volume.segment_path(row.id).exists()]
    if gone:
        with node.index.write.begin() as connection:
            for segment in gone:
                if segments.set_state(connection, segment, SegmentState.LOST, was=SegmentState.LIVE):
                    log.warning("segment lost: its file is gone; run: vms check", segment=segment, volume=volume.id)
    return len(gone)


def _end_runs(node: Node, done: Recovered) -> None:
    """End what went on when the recorder died, and open the gap that lasts until it records again."""
    with node.index.write.begin() as connection:
        ended = {run.stream_id for run in runs.end_open(connection, GapReason.RECORDER_CRASHED)}
        told = {gap.stream_id: gap.start for gap in gaps.open_gaps(connection)}
        detours = clock_events.recent_detours(connection)
        for stream in sorted(ended | {stream for stream, _run in done.ends}):
            last = runs.last(connection, stream, outside=detours)
            if last is None:
                continue
            since, until = datetime_of_ms(last.end_ms), told.get(stream)
            if until is None or since < until:  # a reason was told for the time after what the disk never took
                gaps.put(connection, [Gap(stream, since, until, GapReason.RECORDER_CRASHED)])


def _hours_of(node: Node, streams: Sequence[StreamId]) -> list[tuple[StreamId, int]]:
    """Return the hours that a stream may have been recorded in last: where it ends is far ahead of now after the clock was set back."""
    now_ms = ms_of(node.clock.now())
    with node.index.read.begin() as connection:
        ends = runs.ends(connection, outside=clock_events.recent_detours(connection))
    moments = [(stream, moment) for stream in streams for moment in (now_ms, ends.get(stream, now_ms))]
    return sorted({(stream, moment // MS_PER_HOUR + near) for stream, moment in moments for near in (-1, 0, 1)})


def _files_of(volume: Volume, stream: StreamId, hour: int) -> list[StoredFile]:
    """Return the segment files of one stream and hour."""
    folder = volume.segment_path(segment_id(stream, hour * MS_PER_HOUR)).parent
    found = []
    for path in sorted(folder.glob("*.cseg*")) if folder.is_dir() else ():
        name = path.name.partition(".")[0]
        found.append(StoredFile(SegmentId(name), path, path.stat().st_size))
    return found


def _is_part(file: StoredFile) -> bool:
    return file.path.suffix == PART_SUFFIX

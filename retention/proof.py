"""Say once a day how far the purge log has come, and show what became of a camera's footage of a day."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from retention.node import RetentionNode
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.footage import Segment, SegmentState
from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, protected
from vms.domain.ids import CameraId, HoldId, SegmentId, StreamId, split_segment_id
from vms.domain.purge import PurgeHead, PurgeReason
from vms.domain.retention import AT_WORK
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, Timespan, datetime_of_ms, ms_of
from vms.errors import VmsError
from vms.store import hold_replica, purge_log, purging, secrecy, segments, stream_rules, volumes
from vms.store.files import Volume
from vms.store.layout import found_of
from vms.store.purge_log import Chain
from vms.store.secrecy import Secret
from vms.store.volumes import VolumeRecord

_DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)
_MS = timedelta(milliseconds=1)


def note_head(node: RetentionNode) -> None:
    """Tell the hub how far the purge log has come, in the first pass of each day (UTC). A crash in between: it is told twice."""
    today = node.reading().at_ms // _DAY_MS
    with node.index.read.begin() as connection:
        if purge_log.noted_day(connection) == today:
            return
        position, newest = purge_log.head(connection)
        erased = purge_log.erased_between(connection, (today - 1) * _DAY_MS, today * _DAY_MS)
    if position:
        node.hub.note_purges(node.node_id, PurgeHead(position, newest, *erased), at=node.clock.now())
    with node.index.write.begin() as connection:
        purge_log.put_noted_day(connection, today)


def prove_day(node: RetentionNode, camera_id: CameraId, day: Timespan) -> DayProof:
    """Look in index, key store, purge log and access log and on every volume for what there is of a camera's footage of a day.

    Unavailable when the hub, which has the access log, does not answer.
    """
    noted = node.hub.noted_purges(node.node_id)
    start_ms, end_ms = ms_of(day.start), ms_of(day.end)
    hours = range(start_ms // MS_PER_HOUR, -(-end_ms // MS_PER_HOUR))
    with node.index.read.begin() as connection:
        rules = [rule for rule in stream_rules.rules(connection) if rule.camera_id == camera_id]
        streams = [rule.stream_id for rule in rules]
        keeping = _holds_of(connection, camera_id, start_ms, end_ms)
        sealed, secret = hold_replica.sealed(connection), secrecy.of_camera(connection, camera_id, ms_of(node.clock.now()))
        rows = [row for stream in streams for row in segments.find(connection, stream, day)]
        began = [row for stream in streams for row in segments.began_in(connection, stream, start_ms, end_ms)]
        gone = purge_log.purges_of(connection, camera_id, start_ms, end_ms)
        early = any(one.meets(HeldTime(start_ms, end_ms)) for one in secrecy.gone_early(connection, camera_id))
        chain = purge_log.follow(connection, frozenset(noted))
        places = volumes.all_volumes(connection)
    files, unmounted = _files(places, streams, hours)
    of_day = {one for one in files if start_ms <= split_segment_id(one)[1] < end_ms}
    held = [one for one in keeping if one[0] not in sealed]
    lost = [row for row in began if row.state is SegmentState.LOST]  # a second place of it may be there
    hidden = {row.id for row in (*rows, *lost) if secret.has(row.start_ticks, row.end_ticks)}
    rows, of_day = [row for row in rows if row.id not in hidden], of_day - hidden
    known = {row.id for row in rows} | {row.id for row in lost if _is_held(row, held)}
    unknown = of_day - known
    keep_ms = max((rule.keep_ms for rule in rules), default=None)
    over_at = None if keep_ms is None else datetime_of_ms(end_ms + keep_ms)
    broken_at = broken(chain, noted)
    free = [row for row in rows if not _is_held(row, held)]
    left_in = {split_segment_id(one)[1] // MS_PER_HOUR for one in unknown | {row.id for row in free}}
    keys = _keys_told(node.keys.destroyed(camera_id, hours), left_in, secret)
    found = _Found(
        broken=broken_at is not None,
        over=over_at is not None and over_at + AT_WORK <= node.clock.now(),
        early=early,
        left=bool(rows or of_day),
        overdue=bool(free or unknown),
        unseen=bool(unmounted),
    )
    return DayProof(
        camera_id=camera_id,
        day=day,
        verdict=found.verdict,
        keeps_days=None if keep_ms is None else keep_ms / _DAY_MS,
        over_at=over_at,
        held=tuple(sorted({hold for hold, _ in held})),
        purges=tuple(gone),
        rows=len(rows),
        files=len(of_day),
        left=tuple(sorted(str(path) for one in unknown for path in files[one])),
        keys_there=keys.count(None),
        keys_destroyed=len(keys) - keys.count(None),
        entries=chain.entries,
        broken_at=broken_at,
        heads=len(noted),
        unmounted=tuple(unmounted),
        early=early or any(one.batch.reason is PurgeReason.DISK_FULL for one in gone),
    )


def broken(chain: Chain, noted: Mapping[int, str]) -> int | None:
    """Return the first position at which the purge log is not as it was written, by itself or by what the access log knows of it."""
    if chain.broken_at is not None:
        return chain.broken_at
    return min((position for position, digest in noted.items() if _differs(chain, position, digest)), default=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How old a camera's oldest footage is, and whether it may be there."""

    camera_id: CameraId
    oldest_at: datetime | None
    keeps_days: float
    held: int
    """Segments past their window that a hold keeps; of what a sealed one keeps alone nothing is said, here and below."""
    overdue: int
    """Segments that should be gone: past their window for longer than a pass takes to come, and kept by nothing."""
    early_until: datetime | None = None
    """Up to when what is within its window went before its day; None: nothing did."""


def standings(node: RetentionNode) -> list[Standing]:
    """Return of each camera what there is past its window."""
    now_ms, found = node.reading().at_ms, list[Standing]()
    with node.index.read.begin() as connection:
        rules = stream_rules.rules(connection)
        for camera in sorted({rule.camera_id for rule in rules}):
            mine = [rule for rule in rules if rule.camera_id == camera]
            starts = [start for rule in mine if (start := purging.oldest_ms(connection, rule, now_ms)) is not None]
            overdue = sum(purging.due(connection, rule, now_ms - AT_WORK // _MS)[0] for rule in mine)
            held = sum(purging.kept(connection, rule, now_ms) for rule in mine)
            oldest = None if not starts else datetime_of_ms(min(starts))
            keep_ms = max(rule.keep_ms for rule in mine)
            early_ms = secrecy.early_until(connection, camera)
            early = datetime_of_ms(early_ms) if early_ms > now_ms - keep_ms else None
            found.append(Standing(camera, oldest, keep_ms / _DAY_MS, held, overdue, early))
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    broken: bool
    over: bool
    early: bool
    """Some of it went before its day, which is still to come."""
    left: bool
    overdue: bool
    """Something is left that no hold keeps."""
    unseen: bool

    @property
    def verdict(self) -> Verdict:
        if self.broken:
            return Verdict.BROKEN
        if not self.over:
            return Verdict.EARLY if self.early else Verdict.KEPT
        if self.overdue:
            return Verdict.LEFT
        if self.unseen:
            return Verdict.UNSEEN
        return Verdict.HELD if self.left else Verdict.GONE


def _holds_of(connection: Connection, camera_id: CameraId, start_ms: int, end_ms: int) -> list[tuple[HoldId, HeldTime]]:
    """Return what holds protect of a time of a camera."""
    named = [(hold, protected(time, LEAST_CLOCK_ERROR)) for hold, camera, time in hold_replica.in_force(connection) if camera == camera_id]
    return [(hold, time) for hold, time in named if time.overlaps(start_ms * TICKS_PER_MS, end_ms * TICKS_PER_MS)]


def _is_held(row: Segment, held: Sequence[tuple[HoldId, HeldTime]]) -> bool:
    return any(time.overlaps(row.start_ticks, row.end_ticks) for _, time in held)


def _keys_told(destroyed: Mapping[int, int | None], left_in: Collection[int], secret: Secret) -> list[int | None]:
    """Return when the key of each hour was destroyed as people are told: what is there for a sealed hold alone went long ago."""
    told = []
    for hour, at_ms in destroyed.items():
        whole = HeldTime(hour * MS_PER_HOUR, (hour + 1) * MS_PER_HOUR)
        told.append(0 if at_ms is None and hour not in left_in and secret.keeps_key(whole) else at_ms)
    return told


def _files(
    places: Sequence[VolumeRecord], streams: Sequence[StreamId], hours: Sequence[int]
) -> tuple[dict[SegmentId, list[Path]], list[str]]:
    """Return the files that are on the volumes, second places too, and why some volumes could not be looked through."""
    files, unmounted = dict[SegmentId, list[Path]](), list[str]()
    for place in places:
        try:
            volume = Volume.open(place.path, expect=place.id)
            for file in (file for stream in streams for hour in hours for file in found_of(volume.path, stream, hour)):
                files.setdefault(file.segment, []).append(file.path)
        except (OSError, VmsError) as err:
            unmounted.append(str(err))
    return files, unmounted


def _differs(chain: Chain, position: int, digest: str) -> bool:
    """Say whether a chain that holds is another one than was written down."""
    known = chain.hashes.get(position)
    return known is None or known.hex() != digest

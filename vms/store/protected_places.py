"""Which segments have a second place, so that a hand that deletes one takes nothing that a hold keeps. The files: `protected_files.py`.

A row comes before its file and goes after it. No segment is condemned while it has a row (`purging`): its second place goes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy import ColumnElement, Connection, and_, delete, select, true, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from vms.domain.footage import SegmentState
from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, joined, protected
from vms.domain.ids import CameraId, SegmentId, StreamId, VolumeId, segment_id, split_segment_id
from vms.domain.retention import StreamRule, free_times
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS
from vms.store import hold_replica, segments, stream_rules, volumes
from vms.store.hold_replica import PROTECTED_UNTIL
from vms.store.index_tables import ReplicaRow, SegmentRow, VolumeRow
from vms.store.retention_tables import ProtectedPlaceRow

_LONGEST_MS = MS_PER_HOUR
"""No segment lasts so long."""
_ENDLESS_MS = 1 << 53
_END_TICKS = SegmentRow.start_ticks + SegmentRow.duration
_OF_SEGMENT = and_(ProtectedPlaceRow.stream_id == SegmentRow.stream_id, ProtectedPlaceRow.start_ms == SegmentRow.start_ms)
_key = tuple_(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms)


class PlaceKind(Enum):
    LINK = auto()
    """On the volume of the segment's file: it costs no room."""
    COPY = auto()
    """On another one."""


@dataclass(frozen=True, slots=True)
class Place:
    """The second place of a segment on a volume."""

    segment: SegmentId
    volume: VolumeId


def wanting(
    connection: Connection, rule: StreamRule, kind: PlaceKind, on: Collection[VolumeId], *, since_ms: int, limit: int
) -> list[SegmentId]:
    """Return up to `limit` segments of a stream, by start, that a hold keeps and that have no such place.

    They are live, begin at `since_ms` or later, and their files are on one of the volumes `on`.
    """
    own = ProtectedPlaceRow.volume == SegmentRow.volume
    made = select(ProtectedPlaceRow.made).where(_OF_SEGMENT, ProtectedPlaceRow.made, own if kind is PlaceKind.LINK else ~own).exists()
    there = SegmentRow.volume.in_(select(VolumeRow.number).where(VolumeRow.uuid.in_(on)))
    mine = and_(SegmentRow.stream_id == rule.stream_id, SegmentRow.state == SegmentState.LIVE.value, there, ~made)
    found: list[int] = []
    for held in _held(connection, rule.camera_id):
        first = max(since_ms, held.start_ms - _LONGEST_MS, found[-1] + 1 if found else 0)
        inside = [SegmentRow.start_ms >= first, held.start_ms * TICKS_PER_MS < _END_TICKS]
        if held.end_ms is not None:
            inside.append(SegmentRow.start_ms < held.end_ms)
        query = select(SegmentRow.start_ms).where(mine, *inside).order_by(SegmentRow.start_ms).limit(limit - len(found))
        found += connection.scalars(query)
    return [segment_id(rule.stream_id, start) for start in found]


def of(connection: Connection, segment: SegmentId) -> dict[VolumeId, bool]:
    """Return on which volumes a segment has a second place, and whether its file is there already."""
    query = select(VolumeRow.uuid, ProtectedPlaceRow.made).join(VolumeRow, VolumeRow.number == ProtectedPlaceRow.volume)
    return {VolumeId(uuid): made for uuid, made in connection.execute(query.where(_key == split_segment_id(segment)))}


def note(connection: Connection, places: Sequence[Place]) -> list[Place]:
    """Write down second places that are about to be made, and return them: those of segments that are live or lost."""
    states = segments.states(connection, [place.segment for place in places])
    there = [place for place in places if states.get(place.segment) in (SegmentState.LIVE, SegmentState.LOST)]
    if there:
        rows = [_columns(place, volumes.numbers(connection)) | {"made": False} for place in there]
        connection.execute(upsert(ProtectedPlaceRow).on_conflict_do_nothing(), rows)
    return there


def set_made(connection: Connection, places: Iterable[Place], *, made: bool) -> None:
    """Say that the files of these places are there, or that they have to be made again."""
    for known in _each(connection, places):
        connection.execute(update(ProtectedPlaceRow).where(known).values(made=made))


def forget(connection: Connection, places: Sequence[Place]) -> None:
    """Forget places whose files are gone; the next look for what wants one begins anew, as a hold may have come meanwhile."""
    for known in _each(connection, places):
        connection.execute(delete(ProtectedPlaceRow).where(known))
    start_over(connection)


def unheld(connection: Connection, mounted: Collection[VolumeId], *, limit: int) -> list[Place]:
    """Return up to `limit` places on volumes that are `mounted` of segments that no hold keeps any more."""
    found: list[Place] = []
    streams = connection.scalars(select(ProtectedPlaceRow.stream_id).distinct().order_by(ProtectedPlaceRow.stream_id)).all()
    for rule in (rule for stream in streams if (rule := stream_rules.rule(connection, StreamId(stream))) is not None):
        for start, before_ms in free_times(_ENDLESS_MS, _held(connection, rule.camera_id)):
            free = and_(
                SegmentRow.stream_id == rule.stream_id,
                SegmentRow.start_ms >= (start or 0),
                SegmentRow.start_ms < before_ms,
                before_ms * TICKS_PER_MS >= _END_TICKS,
            )
            found += _places(connection, and_(free, VolumeRow.uuid.in_(mounted)), limit - len(found))
            if len(found) == limit:
                return found
    return found


def copies(connection: Connection, on: Collection[VolumeId], after: SegmentId | None, *, limit: int) -> list[Place]:
    """Return up to `limit` places on volumes `on`, of segments behind `after` whose file is on another volume."""
    behind = true() if after is None else tuple_(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms) > split_segment_id(after)
    return _places(connection, and_(SegmentRow.volume != ProtectedPlaceRow.volume, VolumeRow.uuid.in_(on), behind), limit)


def lost(connection: Connection, after: SegmentId | None, *, limit: int) -> list[SegmentId]:
    """Return up to `limit` segments behind `after` whose file is gone and that have a second place, by stream and time."""
    there = select(ProtectedPlaceRow.made).where(_OF_SEGMENT, ProtectedPlaceRow.made).exists()
    query = select(SegmentRow.stream_id, SegmentRow.start_ms).where(segments.NOT_LIVE, SegmentRow.state == SegmentState.LOST.value, there)
    if after is not None:
        query = query.where(tuple_(SegmentRow.stream_id, SegmentRow.start_ms) > split_segment_id(after))
    rows = connection.execute(query.order_by(SegmentRow.stream_id, SegmentRow.start_ms).limit(limit))
    return [segment_id(StreamId(stream), start) for stream, start in rows]


def page(connection: Connection, volume: VolumeId, after: SegmentId | None, *, limit: int) -> list[SegmentId]:
    """Return up to `limit` segments whose second place was made on a volume, that follow `after`."""
    columns = select(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms)
    query = columns.join(VolumeRow, VolumeRow.number == ProtectedPlaceRow.volume).where(VolumeRow.uuid == volume, ProtectedPlaceRow.made)
    if after is not None:
        query = query.where(_key > split_segment_id(after))
    rows = connection.execute(query.order_by(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms).limit(limit))
    return [segment_id(StreamId(stream), start) for stream, start in rows]


def known(connection: Connection, volume: VolumeId, ids: Collection[SegmentId]) -> set[SegmentId]:
    """Return which of `ids` (at most some thousand) have a second place on a volume, made or about to be."""
    columns = select(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms)
    query = columns.join(VolumeRow, VolumeRow.number == ProtectedPlaceRow.volume).where(VolumeRow.uuid == volume)
    rows = connection.execute(query.where(_key.in_([split_segment_id(one) for one in ids])))
    return {segment_id(StreamId(stream), start) for stream, start in rows}


def until_ms(connection: Connection) -> int:
    """Return before which start everything that wants a second place has it."""
    return connection.scalar(select(ReplicaRow.version).where(ReplicaRow.kind == PROTECTED_UNTIL)) or 0


def put_until_ms(connection: Connection, until: int) -> None:
    put = upsert(ReplicaRow).values(kind=PROTECTED_UNTIL, version=until)
    connection.execute(put.on_conflict_do_update(index_elements=[ReplicaRow.kind], set_={"version": put.excluded.version}))


def start_over(connection: Connection) -> None:
    """Have everything that holds keep looked at again."""
    connection.execute(delete(ReplicaRow).where(ReplicaRow.kind == PROTECTED_UNTIL))


def _held(connection: Connection, camera_id: CameraId) -> list[HeldTime]:
    return joined(protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.of_camera(connection, camera_id))


def _places(connection: Connection, where: ColumnElement[bool], limit: int) -> list[Place]:
    columns = select(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms, VolumeRow.uuid)
    query = columns.join(SegmentRow, _OF_SEGMENT).join(VolumeRow, VolumeRow.number == ProtectedPlaceRow.volume).where(where)
    rows = connection.execute(
        query.order_by(ProtectedPlaceRow.stream_id, ProtectedPlaceRow.start_ms, ProtectedPlaceRow.volume).limit(limit)
    )
    return [Place(segment_id(StreamId(stream), start), VolumeId(uuid)) for stream, start, uuid in rows]


def _each(connection: Connection, places: Iterable[Place]) -> list[ColumnElement[bool]]:
    numbers = volumes.numbers(connection)
    return [and_(_key == split_segment_id(place.segment), ProtectedPlaceRow.volume == numbers[place.volume]) for place in places]


def _columns(place: Place, numbers: dict[VolumeId, int]) -> dict[str, object]:
    stream, start_ms = split_segment_id(place.segment)
    return {"stream_id": stream, "start_ms": start_ms, "volume": numbers[place.volume]}

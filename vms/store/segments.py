"""Segment rows: one per published file. A live row promises a whole file with these digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, and_, bindparam, func, insert, select, text, tuple_, update

from vms.domain.footage import Segment, SegmentFlag, SegmentState, pack_fragments, unpack_fragments
from vms.domain.hold import HeldTime
from vms.domain.ids import SegmentId, StreamId, VolumeId, segment_id, split_segment_id
from vms.domain.timespan import TICKS_PER_MS, Timespan, datetime_of, ms_of, ticks_of
from vms.errors import Conflict, NotFound
from vms.store import secrecy, volumes
from vms.store.database import Driver
from vms.store.index_tables import SegmentRow, SegmentSideRow, VolumeRow
from vms.store.prepared import Prepared
from vms.store.secrecy import Secret

FIND_LIMIT = 10_000
"""A week of one stream; whoever needs more asks again from where the answer ended."""


def put(connection: Connection, segments: Sequence[Segment]) -> None:
    """Insert `segments` and count their bytes; one that is there already is skipped.

    Conflict when the row there has another file digest: two files claim one name. NotFound when the volume is unknown.
    """
    new = _new_ones(connection, segments)
    if not new:
        return
    numbers = volumes.numbers(connection)
    for segment in new:
        if segment.volume_id not in numbers:
            raise NotFound(f"volume {segment.volume_id} of segment {segment.id} is not in this node's index")
    connection.execute(insert(SegmentRow), [_narrow_columns(segment, numbers[segment.volume_id]) for segment in new])
    connection.execute(insert(SegmentSideRow), [_side_columns(segment) for segment in new])
    for volume in {segment.volume_id for segment in new}:
        added = sum(segment.size_bytes for segment in new if segment.volume_id == volume)
        volumes.add_bytes(connection, numbers[volume], added)
    entered: dict[StreamId, list[HeldTime]] = {}
    for segment in new:
        entered.setdefault(segment.stream_id, []).append(HeldTime(segment.start_ms, -(-segment.end_ticks // TICKS_PER_MS)))
    secrecy.note_entered(connection, entered)


def get(connection: Connection, segment: SegmentId) -> Segment | None:
    """Return the row of `segment` in whatever state."""
    stream_id, start_ms = split_segment_id(segment)
    row = connection.execute(_SEGMENTS.where(SegmentRow.stream_id == stream_id, SegmentRow.start_ms == start_ms)).one_or_none()
    return None if row is None else _segment(row)


def find(connection: Connection, stream_id: StreamId, span: Timespan, *, limit: int = FIND_LIMIT) -> list[Segment]:
    """Return the live segments of a stream that overlap `span`, by start, at most `limit`."""
    query = _live(stream_id).where(
        SegmentRow.start_ms >= _start_at_or_before(stream_id, ms_of(span.start)),
        SegmentRow.start_ticks < ticks_of(span.end),
        SegmentRow.start_ticks + SegmentRow.duration > ticks_of(span.start),
        # Says in the clustering key what the ticks say exactly.
        SegmentRow.start_ms <= ms_of(span.end),
    )
    return [_segment(row) for row in connection.execute(query.order_by(SegmentRow.start_ms).limit(limit))]


def at(connection: Connection, stream_id: StreamId, ticks: int) -> Segment | None:
    """Return the live segment that holds the moment `ticks`."""
    query = _live(stream_id).where(SegmentRow.start_ms <= ticks // TICKS_PER_MS, SegmentRow.start_ticks <= ticks)
    row = connection.execute(query.order_by(SegmentRow.start_ms.desc()).limit(1)).one_or_none()
    segment = None if row is None else _segment(row)
    return segment if segment is not None and ticks < segment.end_ticks else None


def began_in(connection: Connection, stream_id: StreamId, start_ms: int, end_ms: int) -> list[Segment]:
    """Return the segments of a stream, in any state, that began in [start_ms, end_ms), by start."""
    query = _SEGMENTS.where(SegmentRow.stream_id == stream_id, SegmentRow.start_ms >= start_ms, SegmentRow.start_ms < end_ms)
    return [_segment(row) for row in connection.execute(query.order_by(SegmentRow.start_ms))]


def oldest_ms(connection: Connection, stream_id: StreamId) -> int | None:
    """Return when the oldest segment of a stream, in any state, begins, in ms since 1970; None when there is none."""
    oldest: int | None = connection.scalar(select(func.min(SegmentRow.start_ms)).where(SegmentRow.stream_id == stream_id))
    return oldest


def recorded_since(connection: Connection, stream_id: StreamId, start_ms: int) -> tuple[int, int | None]:
    """Return the octets of a stream's segments that began at `start_ms` or later, and when the first of them did."""
    since = and_(SegmentRow.stream_id == stream_id, SegmentRow.start_ms >= start_ms)
    sums = func.coalesce(func.sum(SegmentRow.size_bytes), 0), func.min(SegmentRow.start_ms)
    size, first = connection.execute(select(*sums).where(since)).one()
    return size, first


def weights_since(connection: Connection, starts_ms: Mapping[StreamId, int]) -> list[tuple[int, int]]:
    """Return of each stream octets and length in ticks of the segments that began at its moment or later."""
    with Driver(connection) as driver:
        found = [_WEIGHT.rows(driver, {"stream": stream, "start": start_ms})[0] for stream, start_ms in starts_ms.items()]
    return [(size or 0, ticks or 0) for size, ticks in found]


def lost(connection: Connection, volume: VolumeId, after: SegmentId | None = None, *, limit: int = FIND_LIMIT) -> list[Segment]:
    """Return the lost segments of a volume that follow `after`, by stream and start, at most `limit`."""
    query = _SEGMENTS.where(NOT_LIVE, SegmentRow.state == SegmentState.LOST.value, VolumeRow.uuid == volume)
    if after is not None:
        query = query.where(tuple_(SegmentRow.stream_id, SegmentRow.start_ms) > split_segment_id(after))
    return [_segment(row) for row in connection.execute(query.order_by(SegmentRow.stream_id, SegmentRow.start_ms).limit(limit))]


def lost_spans(connection: Connection, stream_id: StreamId, span: Timespan) -> list[Timespan]:
    """Return the times of a stream's segments whose file is gone that overlap `span`, by start."""
    named = and_(SegmentRow.stream_id == stream_id, SegmentRow.state == SegmentState.LOST.value)
    within = and_(
        SegmentRow.start_ms >= _start_at_or_before(stream_id, ms_of(span.start)),
        SegmentRow.start_ticks < ticks_of(span.end),
        SegmentRow.start_ticks + SegmentRow.duration > ticks_of(span.start),
        SegmentRow.start_ms <= ms_of(span.end),
    )
    query = select(SegmentRow.start_ticks, SegmentRow.duration).where(NOT_LIVE, named, within).order_by(SegmentRow.start_ms)
    return [Timespan(datetime_of(start), datetime_of(start + duration)) for start, duration in connection.execute(query)]


def count_lost(connection: Connection, now_ms: int) -> dict[VolumeId, int]:
    """Return how many segments have lost their file, by volume; those whose day has come are not there any more.

    Of what only sealed holds kept nothing is told.
    """
    query = select(SegmentRow.stream_id, SegmentRow.start_ticks, SegmentRow.duration, VolumeRow.uuid)
    query = query.join(VolumeRow, VolumeRow.number == SegmentRow.volume).where(NOT_LIVE, SegmentRow.state == SegmentState.LOST.value)
    found, secrets = dict[VolumeId, int](), dict[int, Secret]()
    for stream, start, duration, uuid in connection.execute(query).all():
        if stream not in secrets:
            secrets[stream] = secrecy.of_stream(connection, StreamId(stream), now_ms)
        if not secrets[stream].has(start, start + duration):
            found[VolumeId(uuid)] = found.get(VolumeId(uuid), 0) + 1
    return found


def set_state(connection: Connection, segment: SegmentId, state: SegmentState, *, was: SegmentState) -> bool:
    """Mark `segment`, whose state was read before; False when it is another one by now, or its row is gone: retention was faster."""
    stream_id, start_ms = split_segment_id(segment)
    named = and_(SegmentRow.stream_id == stream_id, SegmentRow.start_ms == start_ms, SegmentRow.state == was.value)
    return connection.execute(update(SegmentRow).where(named).values(state=state.value)).rowcount == 1


def states(connection: Connection, ids: Sequence[SegmentId]) -> dict[SegmentId, SegmentState]:
    """Return the state of those of `ids` (at most some thousand) that have a row."""
    query = select(SegmentRow.stream_id, SegmentRow.start_ms, SegmentRow.state).where(_named(ids))
    return {segment_id(StreamId(stream), start): SegmentState(state) for stream, start, state in connection.execute(query)}


def count(connection: Connection, volume: VolumeId) -> int:
    """Return how many segments of a volume the index knows, in any state."""
    query = select(func.count()).select_from(SegmentRow).join(VolumeRow, VolumeRow.number == SegmentRow.volume)
    return connection.scalar(query.where(VolumeRow.uuid == volume)) or 0


def page(connection: Connection, volume: VolumeId, after: SegmentId | None, size: int = 1000) -> list[Segment]:
    """Return up to `size` segments of a volume, in any state, that follow `after` in the order of the index.

    Walking a whole volume, ask for each page in a transaction of its own: a long one keeps the log of writes from shrinking.
    """
    key = tuple_(SegmentRow.stream_id, SegmentRow.start_ms)
    query = _SEGMENTS.where(VolumeRow.uuid == volume).order_by(SegmentRow.stream_id, SegmentRow.start_ms).limit(size)
    return [_segment(row) for row in connection.execute(query if after is None else query.where(key > split_segment_id(after)))]


NOT_LIVE = text("segment.state <> 0")
"""The condition of the partial index on what is being destroyed or lost, word for word."""
# Prepared, as decision 0034 has it: each few seconds of each stream.
_WEIGHT: Prepared[int | None, int | None] = Prepared(
    select(func.sum(SegmentRow.size_bytes), func.sum(SegmentRow.duration)).where(
        SegmentRow.stream_id == bindparam("stream"), SegmentRow.start_ms >= bindparam("start")
    )
)
_DIGESTS = select(SegmentSideRow.stream_id, SegmentSideRow.start_ms, SegmentSideRow.file_digest).where(
    tuple_(SegmentSideRow.stream_id, SegmentSideRow.start_ms).in_(bindparam("keys", expanding=True))
)
_SEGMENTS = (
    select(
        SegmentRow.stream_id,
        SegmentRow.start_ticks,
        SegmentRow.duration,
        SegmentRow.run_start_ms,
        SegmentRow.size_bytes,
        SegmentRow.state,
        SegmentRow.flags,
        SegmentSideRow.media_sha256,
        SegmentSideRow.file_digest,
        SegmentSideRow.fragments,
        SegmentSideRow.codec,
        SegmentSideRow.width,
        SegmentSideRow.height,
        SegmentSideRow.camera_clock_offset_ms,
        VolumeRow.uuid,
    )
    .join(SegmentSideRow, and_(SegmentSideRow.stream_id == SegmentRow.stream_id, SegmentSideRow.start_ms == SegmentRow.start_ms))
    .join(VolumeRow, VolumeRow.number == SegmentRow.volume)
)


def _live(stream_id: StreamId) -> Select[*tuple[object, ...]]:
    return _SEGMENTS.where(SegmentRow.stream_id == stream_id, SegmentRow.state == SegmentState.LIVE.value)


def _start_at_or_before(stream_id: StreamId, start_ms: int) -> ScalarSelect[int]:
    """Return the start of the last segment that begins no later than `start_ms`: the earliest that can reach into what follows."""
    before = select(func.max(SegmentRow.start_ms)).where(SegmentRow.stream_id == stream_id, SegmentRow.start_ms <= start_ms)
    return select(func.coalesce(before.scalar_subquery(), start_ms)).scalar_subquery()


def _named(ids: Sequence[SegmentId]) -> ColumnElement[bool]:
    return tuple_(SegmentRow.stream_id, SegmentRow.start_ms).in_([split_segment_id(segment) for segment in ids])


def _digests(connection: Connection, ids: Sequence[SegmentId]) -> dict[SegmentId, bytes]:
    found = connection.execute(_DIGESTS, {"keys": [split_segment_id(segment) for segment in ids]})
    return {segment_id(StreamId(stream), start): digest for stream, start, digest in found}


def _new_ones(connection: Connection, segments: Sequence[Segment]) -> list[Segment]:
    """Return those of `segments` that have no row yet, each once."""
    stored = _digests(connection, [segment.id for segment in segments])
    new: dict[SegmentId, Segment] = {}
    for segment in segments:
        known = new[segment.id].file_digest if segment.id in new else stored.get(segment.id, segment.file_digest)
        if known != segment.file_digest:
            raise Conflict(f"segment {segment.id} is in the index with another digest; run: vms check")
        if segment.id not in stored:
            new[segment.id] = segment
    return list(new.values())


def _narrow_columns(segment: Segment, volume: int) -> dict[str, object]:
    return {
        "stream_id": segment.stream_id,
        "start_ms": segment.start_ms,
        "start_rest": segment.start_ticks - segment.start_ms * TICKS_PER_MS,
        "duration": segment.duration,
        "into_run_ms": segment.start_ms - segment.run_start_ms,
        "volume": volume,
        "size_bytes": segment.size_bytes,
        "state": segment.state.value,
        "flags": segment.flags.value,
    }


def _side_columns(segment: Segment) -> dict[str, object]:
    return {
        "stream_id": segment.stream_id,
        "start_ms": segment.start_ms,
        "media_sha256": segment.media_sha256,
        "file_digest": segment.file_digest,
        "fragments": pack_fragments(segment.fragments),
        "codec": segment.codec,
        "width": segment.width,
        "height": segment.height,
        "camera_clock_offset_ms": segment.camera_clock_offset_ms,
    }


def _segment(row: Row[*tuple[object, ...]]) -> Segment:
    return Segment(
        stream_id=StreamId(row.stream_id),
        start_ticks=row.start_ticks,
        duration=row.duration,
        run_start_ms=row.run_start_ms,
        volume_id=VolumeId(row.uuid),
        size_bytes=row.size_bytes,
        media_sha256=row.media_sha256,
        file_digest=row.file_digest,
        fragments=unpack_fragments(row.fragments),
        codec=row.codec,
        width=row.width,
        height=row.height,
        flags=SegmentFlag(row.flags),
        state=SegmentState(row.state),
        camera_clock_offset_ms=row.camera_clock_offset_ms,
    )

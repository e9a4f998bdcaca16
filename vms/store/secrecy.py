"""What is gone for people: what passes destroyed, and with it what only sealed holds keep, as if it had been destroyed, too.

Past its window that follows from the holds alone. `told_gone` is for what reaches back: each pass writes down which time of a camera it
destroyed, or would have but for sealed holds, so that neither a longer window nor a hold that comes later shows any of it again. It is
written of every camera: a difference would tell. What goes before its day, because disks are full, is written with the marks themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select

from vms.domain.hold import LEAST_CLOCK_ERROR, HeldTime, joined, protected
from vms.domain.ids import CameraId, StreamId
from vms.domain.retention import free_times, without
from vms.domain.timespan import TICKS_PER_MS
from vms.store import hold_replica
from vms.store.database import Driver
from vms.store.index_tables import SegmentRow
from vms.store.prepared import Prepared
from vms.store.retention_tables import StreamRuleRow, ToldGoneRow

_GONE = Prepared(
    select(ToldGoneRow.start_ms, ToldGoneRow.end_ms, ToldGoneRow.early)
    .where(ToldGoneRow.camera_id == bindparam("camera"))
    .order_by(ToldGoneRow.start_ms)
)
_LATEST: Prepared[int | None] = Prepared(select(func.max(ToldGoneRow.end_ms)))


@dataclass(frozen=True, slots=True)
class Secret:
    """What is to be secret of a camera's footage."""

    before_ms: int | None
    """Before this its window is over; None when nobody ever said how long it is."""
    sealed: Sequence[HeldTime]
    told: Sequence[HeldTime]
    gone: Sequence[HeldTime]

    def has(self, start_ticks: int, end_ticks: int) -> bool:
        """Say whether nothing is to be told of footage from `start_ticks` up to `end_ticks`. What the next pass takes is no secret."""
        past = self.before_ms is not None and end_ticks <= self.before_ms * TICKS_PER_MS
        sealed, told = (any(time.overlaps(start_ticks, end_ticks) for time in times) for times in (self.sealed, self.told))
        if any(_within(one, start_ticks, end_ticks) for one in self.gone):
            return sealed or not past
        return past and sealed and not told

    def has_place(self, start_ticks: int, end_ticks: int) -> bool:
        """Say whether nothing is to be told of a second place of it, within its window too: no hold that people know of keeps it."""
        return self.has(start_ticks, end_ticks) or not any(time.overlaps(start_ticks, end_ticks) for time in self.told)

    def keeps_key(self, hour: HeldTime) -> bool:
        """Say whether an hour that is over has its key for a sealed hold alone: the others would leave each segment its own."""
        begins, ends = (ms * TICKS_PER_MS for ms in (hour.start_ms, _end_ms(hour)))
        if self.has(begins, ends):
            return True
        past = self.before_ms is not None and _end_ms(hour) <= self.before_ms
        return past and any(one.meets(hour) for one in self.sealed) and not any(one.contains(hour) for one in self.told)


def of_camera(connection: Connection, camera: CameraId, now_ms: int) -> Secret:
    """Return what is to be secret of a camera now."""
    keeps = connection.scalars(select(StreamRuleRow.keep_ms).where(StreamRuleRow.camera_id == camera)).all()
    before_ms = now_ms - max(keeps) if keeps else None
    return Secret(before_ms, _sealed(connection, camera), _told(connection, camera), gone(connection, camera))


def of_stream(connection: Connection, stream: StreamId, now_ms: int) -> Secret:
    """Return the same for a stream's camera; of a stream without a rule nothing is secret."""
    camera = connection.scalar(select(StreamRuleRow.camera_id).where(StreamRuleRow.stream_id == stream))
    return Secret(None, (), (), ()) if camera is None else of_camera(connection, CameraId(camera), now_ms)


def gone(connection: Connection, camera: CameraId) -> list[HeldTime]:
    """Return of which times of a camera nothing is told, though its window or a hold that came later has them; by start."""
    return joined(time for time, _ in _written(connection, camera))


def gone_early(connection: Connection, camera: CameraId) -> list[HeldTime]:
    """Return which of those times went before their day, by start."""
    return [time for time, early in _written(connection, camera) if early]


def early_until(connection: Connection, camera: CameraId) -> int:
    """Return before which moment nothing is left of a camera, because it went before its day, but what holds keep; 0: none did."""
    return max((_end_ms(time) for time in gone_early(connection, camera)), default=0)


def is_spoken_of(connection: Connection, camera: CameraId) -> ColumnElement[bool]:
    """Return the condition for a segment of a camera that does not lie in what is gone."""
    end = SegmentRow.start_ticks + SegmentRow.duration
    inside = [and_(SegmentRow.start_ms >= one.start_ms, end <= _end_ms(one) * TICKS_PER_MS) for one in gone(connection, camera)]
    return and_(SegmentRow.start_ms >= 0, *(~one for one in inside))


def note_gone(connection: Connection, camera: CameraId, before_ms: int) -> None:
    """Write down that of a camera nothing is left before `before_ms` but what holds keep: what sealed ones keep is gone for people."""
    on_its_day, early = _gone(connection, camera)
    on_its_day = joined([*on_its_day, *_now_gone(connection, camera, before_ms)])
    _put(connection, camera, on_its_day, without(early, on_its_day))


def note_gone_early(connection: Connection, camera: CameraId, streams: Sequence[StreamId], before_ms: int) -> None:
    """Write down the same of what is destroyed before its day, from the first footage on that people knew of."""
    on_its_day, early = _gone(connection, camera)
    going, known = list[HeldTime](), is_spoken_of(connection, camera)
    for time in _now_gone(connection, camera, before_ms):
        end = SegmentRow.start_ticks + SegmentRow.duration
        inside = and_(SegmentRow.start_ms >= time.start_ms, end <= _end_ms(time) * TICKS_PER_MS, known)
        firsts = (connection.scalar(select(func.min(SegmentRow.start_ms)).where(SegmentRow.stream_id == one, inside)) for one in streams)
        if (first_ms := min((one for one in firsts if one is not None), default=None)) is not None:
            going.append(HeldTime(first_ms, time.end_ms))
    _put(connection, camera, on_its_day, without(joined([*early, *going]), on_its_day))


def nothing_is_gone_since(connection: Connection, camera: CameraId, since_ms: int) -> None:
    """Forget what was written down of a time that is newer: the clock was set back, and that time is recorded anew."""
    if any(_end_ms(one) > since_ms for one in gone(connection, camera)):
        _take_out(connection, camera, [HeldTime(since_ms, None)])


def note_entered(connection: Connection, entered: Mapping[StreamId, Sequence[HeldTime]]) -> None:
    """Take out of what is gone the time of footage that is entered now: found again, it was not there when a pass wrote that down."""
    first_ms = min(time.start_ms for times in entered.values() for time in times)
    with Driver(connection) as driver:
        ((latest_ms,),) = _LATEST.rows(driver, {})
    if latest_ms is None or latest_ms <= first_ms:
        return
    for stream, times in entered.items():
        camera = connection.scalar(select(StreamRuleRow.camera_id).where(StreamRuleRow.stream_id == stream))
        if camera is not None:
            _take_out(connection, CameraId(camera), joined(times))


def open_seal(connection: Connection, camera: CameraId, over: HeldTime) -> None:
    """Let come to light what a sealed hold kept that is over, where an ordinary hold keeps it now and no other sealed one does.

    In this way a court has it opened. What nobody keeps stays gone, and goes.
    """
    times, told, sealed = [protected(over, LEAST_CLOCK_ERROR)], joined(_told(connection, camera)), joined(_sealed(connection, camera))
    opened = without(without(times, without(times, told)), sealed)
    _take_out(connection, camera, opened)


def _now_gone(connection: Connection, camera: CameraId, before_ms: int) -> list[HeldTime]:
    free = free_times(before_ms, _told(connection, camera))
    return [HeldTime(start or 0, end) for start, end in free if end > (start or 0)]


def _written(connection: Connection, camera: CameraId) -> list[tuple[HeldTime, bool]]:
    with Driver(connection) as driver:
        return [(HeldTime(start, end), early) for start, end, early in _GONE.rows(driver, {"camera": camera})]


def _gone(connection: Connection, camera: CameraId) -> tuple[list[HeldTime], list[HeldTime]]:
    """Return what went on its day, and what went before."""
    written = _written(connection, camera)
    return [time for time, early in written if not early], [time for time, early in written if early]


def _take_out(connection: Connection, camera: CameraId, times: Sequence[HeldTime]) -> None:
    _put(connection, camera, *(without(one, times) for one in _gone(connection, camera)))


def _put(connection: Connection, camera: CameraId, on_its_day: Sequence[HeldTime], early: Sequence[HeldTime]) -> None:
    connection.execute(delete(ToldGoneRow).where(ToldGoneRow.camera_id == camera))
    rows = [
        {"camera_id": camera, "start_ms": one.start_ms, "end_ms": _end_ms(one), "early": is_early}
        for times, is_early in ((on_its_day, False), (early, True))
        for one in times
    ]
    if rows:
        connection.execute(insert(ToldGoneRow), rows)


def _told(connection: Connection, camera: CameraId) -> list[HeldTime]:
    return [protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.told_of_camera(connection, camera)]


def _sealed(connection: Connection, camera: CameraId) -> list[HeldTime]:
    return [protected(one, LEAST_CLOCK_ERROR) for one in hold_replica.sealed_of_camera(connection, camera)]


def _end_ms(time: HeldTime) -> int:
    if time.end_ms is None:
        raise ValueError("what is gone has an end")
    return time.end_ms


def _within(time: HeldTime, start_ticks: int, end_ticks: int) -> bool:
    return time.start_ms * TICKS_PER_MS <= start_ticks and end_ticks <= _end_ms(time) * TICKS_PER_MS

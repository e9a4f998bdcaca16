"""What is gone for people: what passes destroyed, and with it what only sealed holds keep, as if it had been destroyed, too.

Past its window that follows from the holds alone. `told_gone` is for what reaches back: each pass writes down which time of a camera it
destroyed, or would have but for sealed holds, so that neither a longer window nor a hold that comes later shows any of it again. It is
written of every camera: a difference would tell.
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
    select(ToldGoneRow.start_ms, ToldGoneRow.end_ms).where(ToldGoneRow.camera_id == bindparam("camera")).order_by(ToldGoneRow.start_ms)
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
    with Driver(connection) as driver:
        return [HeldTime(start, end) for start, end in _GONE.rows(driver, {"camera": camera})]


def is_spoken_of(connection: Connection, camera: CameraId) -> ColumnElement[bool]:
    """Return the condition for a segment of a camera that does not lie in what is gone."""
    end = SegmentRow.start_ticks + SegmentRow.duration
    inside = [and_(SegmentRow.start_ms >= one.start_ms, end <= _end_ms(one) * TICKS_PER_MS) for one in gone(connection, camera)]
    return and_(SegmentRow.start_ms >= 0, *(~one for one in inside))


def note_gone(connection: Connection, camera: CameraId, before_ms: int) -> None:
    """Write down that of a camera nothing is left before `before_ms` but what holds keep: what sealed ones keep is gone for people."""
    now_gone = [HeldTime(start or 0, end) for start, end in free_times(before_ms, _told(connection, camera)) if end > (start or 0)]
    _put(connection, camera, joined([*gone(connection, camera), *now_gone]))


def nothing_is_gone_since(connection: Connection, camera: CameraId, since_ms: int) -> None:
    """Forget what was written down of a time that is newer: the clock was set back, and that time is recorded anew."""
    if any(_end_ms(one) > since_ms for one in gone(connection, camera)):
        _put(connection, camera, without(gone(connection, camera), [HeldTime(since_ms, None)]))


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
            _put(connection, CameraId(camera), without(gone(connection, CameraId(camera)), joined(times)))


def open_seal(connection: Connection, camera: CameraId, over: HeldTime) -> None:
    """Let come to light what a sealed hold kept that is over, where an ordinary hold keeps it now and no other sealed one does.

    In this way a court has it opened. What nobody keeps stays gone, and goes.
    """
    times, told, sealed = [protected(over, LEAST_CLOCK_ERROR)], joined(_told(connection, camera)), joined(_sealed(connection, camera))
    opened = without(without(times, without(times, told)), sealed)
    _put(connection, camera, without(gone(connection, camera), opened))


def _put(connection: Connection, camera: CameraId, times: Sequence[HeldTime]) -> None:
    connection.execute(delete(ToldGoneRow).where(ToldGoneRow.camera_id == camera))
    if times:
        connection.execute(insert(ToldGoneRow), [{"camera_id": camera, "start_ms": one.start_ms, "end_ms": _end_ms(one)} for one in times])


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

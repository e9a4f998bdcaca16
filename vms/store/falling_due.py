"""What the windows of streams give back, hour by hour, while nothing changes: read for the forecast of room, never to delete by."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from vms.domain.footage import SegmentState
from vms.domain.ids import VolumeId
from vms.domain.retention import StreamRule
from vms.domain.timespan import MS_PER_HOUR
from vms.store import secrecy
from vms.store.index_tables import SegmentRow
from vms.store.purging import numbers_of, told_times


def falls_due(connection: Connection, rule: StreamRule, now_ms: int, hours: int, mounted: Collection[VolumeId]) -> dict[int, int]:
    """Return how many octets of a stream on those volumes leave its window in which hour from now, 1 to `hours`; as 0 what has left it.

    As people are told: what a hold keeps isn't counted, and a sealed one is as if it were not there, or the forecast would tell of it.
    A segment leaves by its start here, by its end when it is deleted.
    """
    row, numbers = SegmentRow, numbers_of(connection, [*mounted])
    hour = func.max(row.start_ms + (rule.keep_ms - now_ms + MS_PER_HOUR), 0) // MS_PER_HOUR
    spoken_of = secrecy.is_spoken_of(connection, rule.camera_id)
    live = (row.stream_id == rule.stream_id, row.state == SegmentState.LIVE.value, row.volume.in_(numbers), spoken_of)
    found: dict[int, int] = {}
    for start, before_ms in told_times(connection, rule, now_ms + hours * MS_PER_HOUR):
        free = (*live, row.start_ms >= (start or 0), row.start_ms < before_ms)
        for number, size in connection.execute(select(hour, func.sum(row.size_bytes)).where(*free).group_by(hour)):
            found[number] = found.get(number, 0) + size
    return found

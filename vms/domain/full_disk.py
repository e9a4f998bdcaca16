"""What gives way when a disk fills up: the oldest footage of cameras whose policy lets it, then sub-streams, then cameras by priority."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vms.domain.camera import Priority, StreamConfig, StreamRole
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import MS_PER_HOUR

EARLY_HOURS = 2.0
"""With less room than that what is past its floor goes before its day: so that sub-streams, which come back with as much, go on."""
SUB_STREAM_HOURS = 1.0
"""With less room than that no sub-stream is recorded: the critical watermark."""
CAMERA_HOURS: Mapping[Priority, float] = {Priority.LOW: 0.5, Priority.NORMAL: 0.25}
"""With less room than that no camera of this priority is recorded, while there is one of a higher."""
AGAIN = 2.0
"""What was left out is recorded again with so many times the room: else it would come and go with every file."""

NO_SUB_STREAMS = "The disks are nearly full: sub-streams are not recorded until there is more room, so that the main streams go on longer."
NOT_THIS_CAMERA = "The disks are nearly full: cameras of a lower priority, as this one, are not recorded until there is more room."


@dataclass(frozen=True, slots=True)
class MayGoEarly:
    """A camera of which something may go before its day."""

    camera_id: CameraId
    priority: Priority
    oldest_ms: int
    """Start of the oldest segment that is past its floor and that no hold keeps."""


def first_to_go(cameras: Iterable[MayGoEarly]) -> MayGoEarly | None:
    """Return of which camera footage goes first: of those that matter least the one that has the oldest."""
    ranks = list(Priority)
    return min(cameras, key=lambda one: (-ranks.index(one.priority), one.oldest_ms, one.camera_id), default=None)


def early_until_ms(oldest_end_ms: int, floor_before_ms: int) -> int:
    """Return before which moment a camera's footage goes in one step: to the end of its oldest hour, never past the floor."""
    return min(floor_before_ms, -(-oldest_end_ms // MS_PER_HOUR) * MS_PER_HOUR)


def left_out(wanted: Sequence[StreamConfig], hours: float, before: Collection[StreamId]) -> dict[StreamId, str]:
    """Return which of `wanted` are not to be recorded, each with the sentence that says why.

    `wanted` is what is to be recorded now, and `hours` how long the room lasts for all of it, what is left out included: leaving one out
    brings none back. `before` is what is left out already. Cameras of the highest priority that there is go on to the last octet.
    """
    ranks = list(Priority)
    highest = min((ranks.index(stream.priority) for stream in wanted if stream.role is StreamRole.MAIN), default=0)
    found: dict[StreamId, str] = {}
    for stream in wanted:
        factor = AGAIN if stream.stream_id in before else 1.0
        if ranks.index(stream.priority) > highest and hours < factor * CAMERA_HOURS[stream.priority]:
            found[stream.stream_id] = NOT_THIS_CAMERA
        elif stream.role is StreamRole.SUB and hours < factor * SUB_STREAM_HOURS:
            found[stream.stream_id] = NO_SUB_STREAMS
    return found

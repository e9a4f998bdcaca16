"""How near the volumes are to being full, said when a watermark is crossed or over, and what is not recorded because of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from recorder.node import Node
from vms.domain.camera import StreamConfig
from vms.domain.capacity import Headroom, Watermark
from vms.domain.full_disk import left_out
from vms.domain.ids import StreamId
from vms.log import get_logger
from vms.services.capacity import FallingDue, RoomDocument, falling_due, growth, headroom, room_document
from vms.store.files import Volume

GROWTH_SECONDS = 300.0
"""Between two looks at a whole day: it changes slowly, and takes long to read."""

log = get_logger(__name__)


class RoomWatch:
    """What is known of the room on this node's volumes, all together."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.watermark = Watermark.ROOM
        self.headroom: Headroom | None = None
        """As it was last measured; None before the first time."""
        self._growing: float | None = None
        self._falling: FallingDue | None = None
        self._growth_due = float("-inf")
        self._left_out: Mapping[StreamId, str] = {}

    def measure(self, volumes: Sequence[Volume]) -> Headroom:
        """Return how it stands with those `volumes`. Blocks: reads the index and asks the disks."""
        with self._node.index.read.begin() as connection:
            now, at = self._node.clock.now(), self._node.clock.monotonic()
            if at >= self._growth_due:
                self._growing, self._growth_due = growth(connection, now=now), at + GROWTH_SECONDS
                self._falling = falling_due(connection, volumes, now=now)
            return headroom(connection, volumes, now=now, growing=self._growing, falling=self._falling)

    def take(self, found: Headroom) -> None:
        """Note what was measured; a watermark that is crossed is said once, and once when it is over."""
        before, self.watermark, self.headroom = self.watermark, found.watermark(self.watermark), found
        if self.watermark is before:
            return
        fields = {"room_bytes": found.room, "hours": _rounded(found.hours), "full_in_hours": _rounded(found.full_in_hours)}
        severity = list(Watermark)
        if severity.index(self.watermark) < severity.index(before):
            log.info("volumes have more room again", watermark=self.watermark.value, **fields)
        elif self.watermark is Watermark.CRITICAL:
            log.error("volumes fill up", watermark=self.watermark.value, **fields)
        else:
            log.warning("volumes fill up", watermark=self.watermark.value, **fields)

    def leave_out(self, streams: Iterable[StreamConfig]) -> Mapping[StreamId, str]:
        """Return which of `streams` are not to be recorded, and why; it is said when there are more of them, and when there are fewer."""
        if self.headroom is None:
            return {}
        now = self._node.clock.now()
        before = self._left_out
        after = self._left_out = left_out([stream for stream in streams if stream.is_wanted(now)], self.headroom.hours, before.keys())
        if after.keys() - before.keys():
            log.error("streams left out: the disks are nearly full", streams=len(after), hours=_rounded(self.headroom.hours))
        elif before.keys() - after.keys():
            log.info("streams recorded again", streams=len(before) - len(after), left_out=len(after))
        return after

    def document(self) -> RoomDocument | None:
        """Return what a monitoring system is told; None before the first measure."""
        return None if self.headroom is None else room_document(self.headroom, self.watermark)


def _rounded(hours: float) -> float | None:
    return round(hours, 1) if math.isfinite(hours) else None

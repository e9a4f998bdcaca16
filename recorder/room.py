"""How near the volumes are to being full: measured now and then, and said when a watermark is crossed or over."""

from __future__ import annotations

import math
from collections.abc import Sequence

from recorder.node import Node
from vms.domain.capacity import Headroom, Watermark
from vms.log import get_logger
from vms.services.capacity import RoomDocument, headroom, room_document
from vms.store.files import Volume

log = get_logger(__name__)


class RoomWatch:
    """What is known of the room on this node's volumes, all together."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.watermark = Watermark.ROOM
        self.headroom: Headroom | None = None
        """As it was last measured; None before the first time."""

    def measure(self, volumes: Sequence[Volume]) -> Headroom:
        """Return how it stands with those `volumes`. Blocks: reads the index and asks the disks."""
        with self._node.index.read.begin() as connection:
            return headroom(connection, volumes, now=self._node.clock.now())

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

    def document(self) -> RoomDocument | None:
        """Return what a monitoring system is told; None before the first measure."""
        return None if self.headroom is None else room_document(self.headroom, self.watermark)


def _rounded(hours: float) -> float | None:
    return round(hours, 1) if math.isfinite(hours) else None

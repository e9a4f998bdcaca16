"""The camera-hour keys a worker was handed: in memory only, and of each camera the newest few."""

from __future__ import annotations

from recorder.open_segment import hour_of
from vms.domain.ids import CameraId

KEPT_HOURS = 8
"""Of each camera: as many as its two streams can need at once. Counted, not measured in time: after the clock was set back, a
stream goes on in hours that are far ahead."""


class KeyRing:
    """Filled from the supervisor's `Keys` lines; a worker opens no key store."""

    def __init__(self) -> None:
        self._keys: dict[CameraId, dict[int, bytes]] = {}

    def add(self, camera: CameraId, hour: int, key: bytes) -> None:
        kept = self._keys.setdefault(camera, {})
        kept.pop(hour, None)
        kept[hour] = key
        while len(kept) > KEPT_HOURS:
            del kept[next(iter(kept))]

    def key(self, camera: CameraId, ticks: int) -> bytes | None:
        """Return the key of a segment that starts at `ticks`; None when it has not arrived."""
        return self._keys.get(camera, {}).get(hour_of(ticks))

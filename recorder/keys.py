"""The camera-hour keys a worker was handed: in memory only, this hour's and its neighbours'."""

from __future__ import annotations

from recorder.open_segment import hour_of
from vms.domain.ids import CameraId

KEPT_HOURS = 4


class KeyRing:
    """Filled from the supervisor's `Keys` lines; a worker opens no key store."""

    def __init__(self) -> None:
        self._keys: dict[tuple[CameraId, int], bytes] = {}

    def add(self, camera: CameraId, hour: int, key: bytes) -> None:
        self._keys[camera, hour] = key
        for kept_camera, kept_hour in tuple(self._keys):
            if kept_camera == camera and kept_hour <= hour - KEPT_HOURS:
                del self._keys[kept_camera, kept_hour]

    def key(self, camera: CameraId, ticks: int) -> bytes | None:
        """Return the key of a segment that starts at `ticks`; None when it has not arrived."""
        return self._keys.get((camera, hour_of(ticks)))

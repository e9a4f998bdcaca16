"""The keys a worker holds."""

from __future__ import annotations

from recorder.keys import KEPT_HOURS, KeyRing
from vms.domain.ids import CameraId
from vms.domain.timespan import TICKS_PER_SECOND

CAMERA = CameraId(11)
HOUR = 3600 * TICKS_PER_SECOND


def test_an_hour_far_ahead_does_not_push_out_the_hour_of_now() -> None:
    ring = KeyRing()
    for hour in (1000, 1001, 1024, 1025):
        ring.add(CAMERA, hour, bytes([hour % 256]))

    assert [ring.key(CAMERA, hour * HOUR) for hour in (1000, 1024)] == [bytes([1000 % 256]), bytes([1024 % 256])]


def test_only_the_newest_keys_are_kept() -> None:
    ring = KeyRing()
    for hour in range(100):
        ring.add(CAMERA, hour, bytes([hour]))

    assert [hour for hour in range(100) if ring.key(CAMERA, hour * HOUR) is not None] == list(range(100 - KEPT_HOURS, 100))

"""Decide where a fragment and where a segment ends: pure rules, no bytes and no clock of their own."""

from __future__ import annotations

import hashlib
from enum import Enum

from vms.domain.ids import CameraId
from vms.domain.timespan import TICKS_PER_SECOND

MIN_FRAGMENT_TICKS = TICKS_PER_SECOND // 10
"""A stream of nothing but keyframes must not make a record on disk of each."""
MAX_FRAGMENT_TICKS = 4 * TICKS_PER_SECOND
MAX_FRAGMENT_BYTES = 4 * 1024 * 1024
MAX_FRAGMENTS = 16_384
"""Of a segment. A camera that sends nothing but keyframes as fast as it can must not make tables that no message holds."""


class Cut(Enum):
    """What happens to the segment at the border between two fragments."""

    KEEP = "keep"
    CUT = "cut"
    WITHOUT_KEYFRAME = "without keyframe"
    """Cut because no keyframe came for twice the usual length; the segment is flagged."""


def fragment_ends(held_ticks: int, held_bytes: int, next_bytes: int, *, next_keyframe: bool) -> bool:
    """Say whether the fragment that holds so much ends before the next picture."""
    full = held_ticks >= MAX_FRAGMENT_TICKS or held_bytes + next_bytes > MAX_FRAGMENT_BYTES
    return full or (next_keyframe and held_ticks >= MIN_FRAGMENT_TICKS)


def stagger(camera: CameraId, segment_ticks: int) -> int:
    """Return the camera's own offset inside a segment's length, so that a node's cameras do not all cut at once."""
    digest = hashlib.sha256(camera.to_bytes(8)).digest()
    return int.from_bytes(digest[:8]) % segment_ticks


class SegmentCutter:
    """Where the segments of one stream end: on the first keyframe after the camera's staggered moment, half to twice the usual length."""

    __slots__ = ("_due", "_fragments", "_limit", "_offset", "_segment_ticks")

    def __init__(self, camera: CameraId, *, segment_ticks: int) -> None:
        self._segment_ticks = segment_ticks
        self._offset = stagger(camera, segment_ticks)
        self._due = 0
        self._limit = 0
        self._fragments = 0

    def begin(self, start: int) -> None:
        """A segment starts at `start` (90 kHz ticks since the epoch)."""
        earliest = start + self._segment_ticks // 2
        self._due = earliest + (self._offset - earliest) % self._segment_ticks
        self._limit = start + 2 * self._segment_ticks
        self._fragments = 0

    def at_border(self, at: int, *, next_keyframe: bool) -> Cut:
        """Decide at the end `at` of a fragment, knowing whether the next begins with a keyframe."""
        self._fragments += 1
        if next_keyframe:
            return Cut.CUT if at >= self._due or self._fragments >= MAX_FRAGMENTS else Cut.KEEP
        return Cut.WITHOUT_KEYFRAME if at >= self._limit else Cut.KEEP

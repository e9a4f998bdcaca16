"""Footage of a test's own making: files on a volume, their rows and their keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tests.factories import STREAM, a_segment
from vms.domain.footage import Segment
from vms.domain.ids import CameraId, StreamId
from vms.store import segments
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.keys import KeyStore

CAMERA = CameraId(31)


def footage(
    index: Engines,
    volume: Volume,
    keys: KeyStore | None,
    starts: Iterable[datetime],
    *,
    stream: StreamId = STREAM,
    camera: CameraId = CAMERA,
    seconds: float = 60,
    content: bytes = b"footage",
) -> list[Segment]:
    """Make a segment of each start; without `keys` there are none for its hours."""
    made = []
    for start in starts:
        segment = replace(a_segment(start, seconds, stream=stream, volume=volume.id), size_bytes=len(content))
        path = volume.segment_path(segment.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.append(segment)
    if keys is not None:
        keys.ensure(camera, [segment.start_ms // 3_600_000 for segment in made])
    with index.write.begin() as connection:
        segments.put(connection, made)
    return made

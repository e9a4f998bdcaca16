"""Footage of a test's own making: files on a volume, their rows and their keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from tests.factories import STREAM, a_segment
from tests.vms.media.segment_samples import CAMERA as SAMPLE_CAMERA
from tests.vms.media.segment_samples import made_segment
from vms.domain.footage import Segment
from vms.domain.ids import CameraId, StreamId
from vms.domain.timespan import ms_of, ticks_of
from vms.store import segments
from vms.store.database import Engines
from vms.store.files import Volume
from vms.store.keys import KeyStore

CAMERA = CameraId(31)


def sealed_footage(
    node_index: Engines, volume: Volume, keys: KeyStore, starts: Iterable[datetime], *, stream: StreamId = STREAM
) -> list[Segment]:
    """Make a segment of each start that can really be decrypted, under the key of its hour, of the camera of `segment_samples`."""
    rows = []
    for start in starts:
        ticks, hour = ticks_of(start), ms_of(start) // 3_600_000
        key = keys.ensure(SAMPLE_CAMERA, [hour])[hour]
        made = made_segment(start_ticks=ticks, salt=secrets.token_bytes(16), hour_key=key, stream=stream)
        row = replace(a_segment(start, 60, stream=stream, volume=volume.id), size_bytes=len(made.file), fragments=made.fragments)
        rows.append(replace(row, media_sha256=made.media_sha256, file_digest=made.file_digest))
        path = volume.segment_path(row.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.file)
    with node_index.write.begin() as connection:
        segments.put(connection, rows)
    return rows


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

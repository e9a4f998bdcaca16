"""Footage as the recorder leaves it: whole segment files that their keys open, with rows that have their digests."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.factories import NOW, a_segment
from tests.retention.world import ToldHub, World
from tests.vms.media.segment_samples import CAMERA, HOUR, START_TICKS, STREAM, made_segment
from vms.domain.footage import GapReason, Run, Segment
from vms.domain.timespan import TICKS_PER_MS, TICKS_PER_SECOND, datetime_of
from vms.store.batch import IndexBatch, apply_batch
from vms.store.files import OpenPart

MINUTE = 60 * TICKS_PER_SECOND
START = datetime_of(START_TICKS)


def hub_with_hold() -> ToldHub:
    """Return a hub whose one hold names the sixth minute."""
    hub = ToldHub(streams={STREAM: CAMERA})
    begins = (START - NOW).total_seconds() + 5 * 60
    hub.place(1, begins, begins + 60, CAMERA)
    return hub


def written(world: World, number: int) -> tuple[Segment, Path]:
    """Write the segment file of a minute, without its row."""
    key = world.node.keys.ensure(CAMERA, [HOUR])[HOUR]
    ticks = START_TICKS + number * MINUTE
    made = made_segment(start_ticks=ticks, hour_key=key)
    row = replace(a_segment(START, 60, stream=STREAM, volume=world.volume.id), start_ticks=ticks, size_bytes=len(made.file))
    row = replace(row, fragments=made.fragments, media_sha256=made.media_sha256, file_digest=made.file_digest)
    part = OpenPart.create(world.volume, row.id, 1_000_000)
    part.writev([made.file])
    path = part.publish()
    old = (world.clock.now() - timedelta(hours=1)).timestamp()
    os.utime(path, (old, old))
    return row, path


def recorded(world: World, count: int) -> list[tuple[Segment, Path]]:
    """Record so many minutes in one run."""
    made = [written(world, number) for number in range(count)]
    run = Run(STREAM, START_TICKS // TICKS_PER_MS, made[-1][0].end_ticks // TICKS_PER_MS, GapReason.RECORDER_STOPPED)
    with world.node.index.write.begin() as connection:
        apply_batch(connection, IndexBatch(segments=tuple(replace(row, run_start_ms=run.start_ms) for row, _ in made), runs=(run,)))
    return made


def flip(path: Path, where: int = 1_000) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)

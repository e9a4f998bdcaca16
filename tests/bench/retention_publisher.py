"""A recorder's supervisor as far as the index goes: commits a batch of published segments again and again, and says how long each took.

    python -m tests.bench.retention_publisher INDEX EVERY_SECONDS

A process of its own, as the supervisor is. It begins with a line "ready", ends when its input is closed, and then writes one line of
JSON: the milliseconds of each commit.
"""

from __future__ import annotations

import json
import random
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy import func
from sqlalchemy import select as select_rows

from recorder.ledger import write
from tests.bench.retention_index import MINUTE_MS, SEGMENT_TICKS, fragments
from vms.domain.footage import Run, Segment
from vms.domain.ids import StreamId, VolumeId
from vms.domain.timespan import TICKS_PER_MS
from vms.store.batch import IndexBatch
from vms.store.database import Engines, make_engines
from vms.store.index_tables import RunRow, VolumeRow

SECONDS_A_SEGMENT = 60


def main(path: Path, every: float) -> int:
    index = make_engines(path)
    batches, took = _batches(index), list[float]()
    write(index, next(batches))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    due = time.monotonic()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        batch = next(batches)
        began = time.monotonic()
        write(index, batch)
        took.append((time.monotonic() - began) * 1000)
        due = max(due + every, time.monotonic())
    sys.stdout.write(json.dumps(took) + "\n")
    index.dispose()
    return 0


def _batches(index: Engines) -> Iterator[IndexBatch]:
    """Yield what comes in a second, over and over: of a sixtieth of the streams a segment each, and their runs so much longer."""
    drawn = random.Random(2)
    table, digest = fragments(drawn, main=True), drawn.randbytes(32)
    with index.read.begin() as connection:
        volume = VolumeId(connection.scalars(select_rows(VolumeRow.uuid)).one())
        newest = select_rows(RunRow.stream_id, func.max(RunRow.start_ms), func.max(RunRow.end_ms)).group_by(RunRow.stream_id)
        runs = [Run(StreamId(stream), start, end, None) for stream, start, end in connection.execute(newest)]
    at_once = max(1, len(runs) // SECONDS_A_SEGMENT)
    while True:
        for at in range(0, len(runs), at_once):
            some = runs[at : at + at_once]
            made = [
                Segment(
                    *(run.stream_id, run.end_ms * TICKS_PER_MS, SEGMENT_TICKS, run.start_ms, volume, 30_000_000, digest, digest, table),
                    codec="avc1.640028",
                    width=1920,
                    height=1080,
                )
                for run in some
            ]
            runs[at : at + at_once] = [replace(run, end_ms=run.end_ms + MINUTE_MS) for run in some]
            yield IndexBatch(segments=tuple(made), runs=tuple(runs[at : at + at_once]))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))

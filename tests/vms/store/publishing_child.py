"""A process that publishes one segment and is killed on the way: `python -m tests.vms.store.publishing_child STEP VOLUME SEGMENT`."""

from __future__ import annotations

import sys
from pathlib import Path

from vms.domain.ids import SegmentId
from vms.store.failpoints import arm
from vms.store.files import OpenPart, Volume

CONTENT = b"footage" * 10_000

if __name__ == "__main__":
    step, volume, segment = sys.argv[1:]
    arm(step)
    part = OpenPart.create(Volume.open(Path(volume)), SegmentId(segment), 1 << 20)
    part.writev([CONTENT])
    part.data_sync()
    part.publish()

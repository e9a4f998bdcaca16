"""A process that writes to a key store and is killed on the way: `python -m tests.vms.store.keys_child STEP ACT PATH PATH`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.factories import FixedKeys
from vms.domain.ids import CameraId, StreamId, segment_id
from vms.store.failpoints import arm
from vms.store.keys import KeyStore

KEK = bytes(range(32))
CAMERA = CameraId(7)
DESTROYED_AT = datetime(2026, 1, 1, tzinfo=UTC)
SEGMENTS = tuple(segment_id(StreamId(9), 3_600_000 + minute * 60_000) for minute in range(3))
"""Of hour 1."""
OWN_KEYS = dict(zip(SEGMENTS, (bytes([number]) * 32 for number in (1, 2, 3)), strict=True))

if __name__ == "__main__":
    step, act, path1, path2 = sys.argv[1:]
    store = KeyStore.open(Path(path1), Path(path2), FixedKeys((KEK,)))
    arm(step)
    match act:
        case "create":
            store.ensure(CAMERA, [1, 2])
        case "destroy":
            store.destroy({(CAMERA, 1): {}}, at=DESTROYED_AT)
        case "outlive":
            store.destroy({(CAMERA, 1): OWN_KEYS}, at=DESTROYED_AT)
        case _:
            store.forget(CAMERA, SEGMENTS[:1])

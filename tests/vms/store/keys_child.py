"""A process that makes or destroys keys and is killed on the way: `python -m tests.vms.store.keys_child STEP ACT PATH PATH`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.factories import FixedKeys
from vms.domain.ids import CameraId
from vms.store.failpoints import arm
from vms.store.keys import KeyStore

KEK = bytes(range(32))
CAMERA = CameraId(7)
DESTROYED_AT = datetime(2026, 1, 1, tzinfo=UTC)

if __name__ == "__main__":
    step, act, path1, path2 = sys.argv[1:]
    store = KeyStore.open(Path(path1), Path(path2), FixedKeys((KEK,)))
    arm(step)
    if act == "create":
        store.ensure(CAMERA, [1, 2])
    else:
        store.destroy(CAMERA, 1, at=DESTROYED_AT)

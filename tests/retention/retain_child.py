"""A process that makes a pass and is killed on the way: `python -m tests.retention.retain_child STEP FOLDER HOLDS [CAMERA]`."""

from __future__ import annotations

import sys
from pathlib import Path

from retention.deletion import Deletion
from retention.node import RetentionNode
from tests.factories import STREAM, FixedKeys
from tests.retention.footage import CAMERA
from tests.retention.world import KEK, DrivenClock, ToldHub
from vms.domain.ids import CameraId, NodeId
from vms.store.database import make_engines
from vms.store.failpoints import arm
from vms.store.keys import KeyStore

if __name__ == "__main__":
    step, place, held, camera = sys.argv[1], Path(sys.argv[2]), sys.argv[3], (*sys.argv, str(CAMERA))[4]
    index = make_engines(place / "index.db")
    hub = ToldHub(streams={STREAM: CameraId(int(camera))})
    for number, act in enumerate(held.split(",") if held else [], start=1):
        if ":" in act:
            start, end = map(float, act.split(":"))
            hub.place(number, start, end, CameraId(int(camera)))
        else:
            hub.release(int(act), CameraId(int(camera)))
    keys = KeyStore.open(place / "keys1.db", place / "keys2.db", FixedKeys((KEK,)))
    arm(step)
    Deletion(RetentionNode(DrivenClock(), index, index, keys, NodeId(5), hub), lambda _seconds: False).run()

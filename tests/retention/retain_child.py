"""A process that makes a pass and is killed on the way: `python -m tests.retention.retain_child STEP FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from retention.deletion import Deletion
from retention.node import RetentionNode
from tests.factories import FixedKeys
from tests.retention.world import KEK, DrivenClock, ToldHub
from vms.domain.ids import NodeId
from vms.store.database import make_engines
from vms.store.failpoints import arm
from vms.store.keys import KeyStore

if __name__ == "__main__":
    step, place, held = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    index = make_engines(place / "index.db")
    hub = ToldHub()
    if held:
        start, end = map(float, held.split(":"))
        hub.place(1, start, end)
    keys = KeyStore.open(place / "keys1.db", place / "keys2.db", FixedKeys((KEK,)))
    arm(step)
    Deletion(RetentionNode(DrivenClock(), index, index, keys, NodeId(5), hub), lambda _seconds: False).run()

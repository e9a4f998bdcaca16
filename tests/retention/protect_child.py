"""A process that makes second places, or lets them go in a pass, and is killed: `python -m tests.retention.protect_child STEP FOLDER DONE`.

DONE is `held` or `released`: whether the hold that was placed has ended by now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from retention.deletion import Deletion
from retention.node import RetentionNode
from retention.protection import protect
from tests.factories import FixedKeys
from tests.retention.recorded import hub_with_hold
from tests.retention.world import KEK, DrivenClock
from tests.vms.media.segment_samples import CAMERA
from vms.domain.ids import NodeId
from vms.store.database import make_engines
from vms.store.failpoints import arm
from vms.store.files import Volume
from vms.store.keys import KeyStore

if __name__ == "__main__":
    step, place, done = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    index, hub = make_engines(place / "index.db"), hub_with_hold()
    if done == "released":
        hub.release(1, CAMERA)
    keys = KeyStore.open(place / "keys1.db", place / "keys2.db", FixedKeys((KEK,)))
    node = RetentionNode(DrivenClock(), index, index, keys, NodeId(5), hub)
    arm(step)
    Deletion(node, lambda _seconds: False).run()
    protect(node, [Volume.open(place / "volume"), Volume.open(place / "other")])

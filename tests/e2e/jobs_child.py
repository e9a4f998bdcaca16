"""The hub's jobs as a process of its own, by a clock that is minutes ahead: what was recorded just now has settled."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

from vms.clock import SystemClock
from vms.config import load_settings
from vms.store.failpoints import arm
from web.jobs import run

AHEAD = timedelta(minutes=10)


class MinutesAhead(SystemClock):
    """The machine's clock, as if some minutes more had gone by."""

    def now(self) -> datetime:
        return super().now() + AHEAD


if __name__ == "__main__":
    arm(sys.argv[2])
    sys.exit(run(load_settings(Path(sys.argv[1])), MinutesAhead(), sys.stdin.buffer.read))

"""A process that sends what is due and is killed on the way: `python -m tests.vms.services.outbox_child STEP DATA PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.web.world_clock import DrivenClock
from vms.config import Settings
from vms.services.outbox import send_due
from vms.store.database import make_engines
from vms.store.failpoints import arm

if __name__ == "__main__":
    step, folder, port = sys.argv[1:]
    settings = Settings(
        data_dir=Path(folder), smtp_host="127.0.0.1", smtp_port=int(port), smtp_security="off", mail_from="custodian@library.example"
    )
    arm(step)
    send_due(make_engines(settings.central_where), settings, DrivenClock())

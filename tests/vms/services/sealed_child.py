"""A process that writes a sealed entry, or signs, and is killed: WHERE, then the database's file or address, then the matter's key.

`written`: right behind the commit of the entry. `unsigned`: when the signer has given it a number and has not committed yet.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.factories import CONSOLE, NOW
from vms.domain.access import Action
from vms.domain.ids import MatterId
from vms.services.access_log import record
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.sealed_log import Matter, record_sealed
from vms.store.database import make_engines
from vms.store.failpoints import kill_self


def main(step: str, database: str, key: str) -> None:
    """End by `kill -9` at the step."""
    central = make_engines(database if "://" in database else Path(database))
    if step == "written":
        with central.writing() as session:
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
            record_sealed(session, Matter(MatterId("0" * 32), bytes.fromhex(key)), actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        kill_self()
    with central.writing() as session:
        sign_checkpoint(session, LogKey(bytes(range(32))), at=NOW)
        kill_self()


if __name__ == "__main__":
    main(*sys.argv[1:])

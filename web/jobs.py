"""The hub's jobs child: what happens by the clock, not because somebody asked. Nothing else here knows APScheduler.

It holds the key that signs the access log, which the web server must not have. It ends when its parent ends, after a last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from vms import log as logging
from vms.clock import Clock, SystemClock
from vms.config import Settings, load_settings
from vms.errors import Corrupt, Unavailable, VmsError
from vms.log import get_logger
from vms.services.log_key import LogKey, read_log_key
from vms.services.log_proof import sign_checkpoint
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, require_current

CHECKPOINT_MINUTES = 5
"""Between two checkpoints, whatever was done: a cadence that followed the work would tell of it."""
CANT_START = 2

log = get_logger(__name__)


class Jobs:
    """Each method is one job."""

    def __init__(self, settings: Settings, central: Engines, key: LogKey, clock: Clock) -> None:
        self._settings = settings
        self._central = central
        self._key = key
        self._clock = clock

    def checkpoint(self) -> None:
        """Sign the access log, and hand the first checkpoint of a day out."""
        now = self._clock.now()
        try:
            with self._central.answering(), self._central.writing() as session:
                note = sign_checkpoint(session, self._key, at=now)
        except Unavailable as err:
            log.warning("checkpoint not made", reason=str(err))
        except Corrupt as err:
            log.error("access log damaged", reason=str(err))
        else:
            self._hand_out(note, now)

    def _hand_out(self, note: str, now: datetime) -> None:
        folder = self._settings.checkpoint_dir
        if folder is None:
            return
        path = folder / f"{now.astimezone(UTC):%Y-%m-%d}.checkpoint"
        try:
            if not path.exists():
                _write(path, note.encode())
        except OSError as err:
            log.warning("checkpoint not handed out", folder=str(folder), reason=err.strerror)


def run(settings: Settings, clock: Clock, parent: BinaryIO) -> int:
    """Do the jobs until `parent` ends, which closes the pipe; returns the exit code."""
    central = make_engines(settings.central_where)
    try:
        require_current(central, Which.CENTRAL)
        jobs = Jobs(settings, central, read_log_key(settings), clock)
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        scheduler.add_job(jobs.checkpoint, CronTrigger(minute=f"*/{CHECKPOINT_MINUTES}", timezone=UTC))
        scheduler.start()
        parent.read()
        scheduler.shutdown()
        jobs.checkpoint()
    finally:
        central.dispose()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Entry of the child; `arguments`: the data directory."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent ends this child in order
        signal.signal(number, signal.SIG_IGN)
    try:
        settings = load_settings(Path(arguments[0]))
        logging.configure(settings.log_format, settings.log_level)
        return run(settings, SystemClock(), sys.stdin.buffer)
    except VmsError as err:
        log.error("jobs can't start", reason=str(err))
        return CANT_START


def _write(path: Path, content: bytes) -> None:
    """Write a file that others may read, whole or not at all."""
    part = path.with_suffix(".tmp")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o644)
    part.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

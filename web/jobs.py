"""The hub's jobs child: what happens by the clock, not because somebody asked. Nothing else here knows APScheduler.

It holds the key that signs the access log, which the web server must not have. It ends when its parent ends, after a last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from vms import log as logging
from vms.clock import Clock, SystemClock
from vms.config import Settings, load_settings
from vms.errors import ConfigError, Corrupt, Unavailable, VmsError
from vms.log import get_logger
from vms.services.log_key import LogKey, read_log_key
from vms.services.log_proof import Signed, sign_checkpoint
from vms.services.own_ca import renew_if_due
from vms.services.signed_notes import SignedNotes
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, require_current

CHECKPOINT_MINUTES = 5
"""Between two checkpoints, whatever was done: a cadence that followed the work would tell of it."""
LAST_SECONDS = 8.0
"""How long the end may take: a database or a share that hangs must not leave a process behind."""
CANT_START = 2

log = get_logger(__name__)


class Jobs:
    """Each method is one job."""

    def __init__(self, settings: Settings, central: Engines, key: LogKey, clock: Clock) -> None:
        self._settings = settings
        self._central = central
        self._key = key
        self._clock = clock
        self._notes = SignedNotes(settings)
        self._newest: str | None = None
        """What this process signed last."""

    def checkpoint(self) -> None:
        """Sign all of the access log."""
        try:
            with self._central.answering():
                while not self._sign().complete:
                    pass
        except (Unavailable, OSError) as err:
            log.warning("checkpoint not made", reason=str(err))
        except Corrupt as err:
            log.error("access log damaged", reason=str(err))

    def hand_out(self) -> None:
        """Put the newest checkpoint where somebody outside keeps it, once a day."""
        folder, note = self._settings.checkpoint_dir, self._newest
        if folder is None or note is None:
            return
        path = folder / f"{self._clock.now().astimezone(UTC):%Y-%m-%d}.checkpoint"
        try:
            if not path.exists():
                _write(path, note.encode())
        except OSError as err:
            log.warning("checkpoint not handed out", folder=str(folder), reason=err.strerror)

    def renew_certificate(self) -> None:
        """Issue the pages' certificate again before it ends, where it is the own authority's; the web server takes it over by itself."""
        try:
            renew_if_due(self._settings, at=self._clock.now())
        except (ConfigError, OSError) as err:
            log.error("certificate not renewed", reason=str(err))

    def _sign(self) -> Signed:
        with self._central.writing() as session:
            signed = sign_checkpoint(session, self._key, at=self._clock.now(), notes=self._notes)
        self._newest = signed.note
        self._notes.committed(signed.note)
        return signed


def run(settings: Settings, clock: Clock, wait: Callable[[], object]) -> int:
    """Do the jobs until `wait` returns, and sign once more; returns the exit code."""
    key, central = read_log_key(settings), make_engines(settings.central_where)
    try:
        with central.answering():
            require_current(central, Which.CENTRAL)
        jobs = Jobs(settings, central, key, clock)
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        scheduler.add_job(jobs.checkpoint, CronTrigger(minute=f"*/{CHECKPOINT_MINUTES}", timezone=UTC))
        # A job of its own: a share that hangs keeps nothing from being signed.
        scheduler.add_job(jobs.hand_out, CronTrigger(minute=f"*/{CHECKPOINT_MINUTES}", second=30, timezone=UTC))
        scheduler.add_job(jobs.renew_certificate, CronTrigger(hour=3, minute=17, timezone=UTC))
        scheduler.start()
        wait()
        scheduler.shutdown()
        jobs.checkpoint()
    finally:
        central.dispose()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Entry of the child; `arguments`: the data directory."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent ends this child in order
        signal.signal(number, signal.SIG_IGN)
    logging.configure("console")
    try:
        settings = load_settings(Path(arguments[0]))
        logging.configure(settings.log_format, settings.log_level)
        return run(settings, SystemClock(), _wait_for_the_parent)
    except VmsError as err:
        log.error("jobs can't start", reason=str(err))
        return CANT_START


def _wait_for_the_parent() -> None:
    """Return when the parent ends, which closes the pipe; this process has a moment left then."""
    sys.stdin.buffer.read()
    end = threading.Timer(LAST_SECONDS, os._exit, (1,))
    end.daemon = True
    end.start()


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

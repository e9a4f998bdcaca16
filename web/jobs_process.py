"""Keep the jobs child up beside the web server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vms.clock import Clock
from vms.log import get_logger

STOP_SECONDS = 10.0
PAUSE_SECONDS = 5.0
"""Before an ended child is started again, twice as long each time that it ends soon, up to `LONGEST_PAUSE_SECONDS`."""
LONGEST_PAUSE_SECONDS = 300.0
STEADY_SECONDS = 60.0

log = get_logger(__name__)


@contextmanager
def jobs_beside(data_dir: Path, clock: Clock) -> Iterator[None]:
    """Run the jobs of the hub of `data_dir` while the block runs; a child that ends is started again."""
    jobs = _JobsProcess(data_dir, clock)
    jobs.start()
    try:
        yield
    finally:
        jobs.stop()


class _JobsProcess:
    """One thread waits for the child. The child lives as long as the pipe to it is open, so nothing outlives this process."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._clock = clock
        self._command = [sys.executable, "-m", "web.jobs", str(data_dir)]
        self._stopping = threading.Event()
        self._launching = threading.Lock()
        self._process = self._launch()
        self._thread = threading.Thread(target=self._keep_up, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._launching:
            self._stopping.set()
        _close(self._process)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("jobs killed", after_seconds=STOP_SECONDS)
            self._process.kill()
        self._thread.join(STOP_SECONDS)

    def _keep_up(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            started = self._clock.monotonic()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            if self._clock.monotonic() - started >= STEADY_SECONDS:
                pause = PAUSE_SECONDS
            log.warning("jobs ended", exit_code=code, again_in_seconds=pause)
            if not self._start_again(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _start_again(self, pause: float) -> bool:
        """Launch another child when the pause is over; False when that is not wanted any more."""
        while True:
            self._stopping.wait(pause)
            with self._launching:
                if self._stopping.is_set():
                    return False
                _close(self._process)
                try:
                    self._process = self._launch()
                except OSError as err:
                    log.warning("jobs ended", reason=err.strerror, again_in_seconds=pause)
                else:
                    return True

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603 - our own interpreter and module


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()

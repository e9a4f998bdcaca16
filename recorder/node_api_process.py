"""Keep the node API process up beside the workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from vms.log import get_logger

STOP_SECONDS = 3.0

log = get_logger(__name__)


class NodeApiProcess:
    """Started by the supervisor, looked at every few seconds, started again when it has ended."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-m", "recorder.node_api", str(self._data_dir), str(os.getpid())], stdin=subprocess.DEVNULL
        )

    def look(self) -> None:
        """Start it again when it is gone; it holds nothing that could be lost."""
        if self._process is not None and (code := self._process.poll()) is not None:
            log.warning("node API died", exit_code=code)
            self.start()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

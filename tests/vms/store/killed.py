"""Run a child that kills itself at a step, as `kill -9` would."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path


def killed_at(step: str, child: str, *arguments: str | Path) -> None:
    """Run the module `child` until it kills itself at `step`."""
    ended = subprocess.run(
        [sys.executable, "-m", child, step, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr

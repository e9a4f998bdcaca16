"""What a process and all its descendants take: processor time in nanoseconds, memory, system calls."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_CPUCLOCK_SCHED = 2
"""Of a process: nanoseconds of user and system time of all its threads (clock_getcpuclockid(3))."""
_TOTAL = re.compile(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)", re.MULTILINE)
"""The last line of `strace -c`: share, seconds, perhaps usecs per call, calls."""


def tree(root: int) -> list[int]:
    """Return `root` and its descendants."""
    pids = [root]
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def cpu_ns(pids: Sequence[int]) -> int:
    """Return what `pids` used so far, user and system."""
    return sum(time.clock_gettime_ns(~pid << 3 | _CPUCLOCK_SCHED) for pid in pids)


def pss_bytes(pids: Sequence[int]) -> int:
    """Return the proportional set size: pages that processes share are divided among them."""
    return sum(_pss(Path(f"/proc/{pid}/smaps_rollup")) for pid in pids)


def system_calls(pids: Sequence[int], seconds: float) -> int | None:
    """Count the system calls of `pids` for a while; None without strace. What is counted runs slower meanwhile."""
    if shutil.which("strace") is None:
        return None
    attach = [argument for pid in pids for argument in ("-p", str(pid))]
    tracing = subprocess.Popen(["strace", "-c", "-f", *attach], stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    tracing.send_signal(signal.SIGINT)
    _, told = tracing.communicate(timeout=60)
    found = _TOTAL.search(told)
    if found is None:
        raise RuntimeError(f"strace counted nothing:\n{told}")
    return int(found[1])


def _pss(rollup: Path) -> int:
    line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024

"""Named steps at which a crash test kills its own process. Armed by the setting `failpoint` only; otherwise no step does anything."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Armed:
    step: str
    passes: int
    """How often the step is still let through."""
    action: Callable[[], None]


_armed: _Armed | None = None


def failpoint(step: str) -> None:
    """Mark a numbered step as just done. Does nothing unless a test armed this step."""
    if _armed is not None and _armed.step == step:
        _armed.passes -= 1
        if _armed.passes < 0:
            _armed.action()


def kill_self() -> None:
    """End this process as `kill -9` does: nothing is flushed, no handler runs."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(setting: str, action: Callable[[], None] = kill_self) -> None:
    """Arm the step of `setting`: `publish:c`, or `publish:c@3` for the third time it is reached; an empty one disarms."""
    global _armed  # noqa: PLW0603 - the seam of a whole process, which a kill ends
    step, _, time = setting.partition("@")
    _armed = _Armed(step, int(time or 1) - 1, action) if step else None


@contextmanager
def armed(setting: str, action: Callable[[], None]) -> Iterator[None]:
    """Arm a step inside the block, for tests that stay in one process."""
    arm(setting, action)
    try:
        yield
    finally:
        arm("")

"""What every child process of the supervisor does first."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading

from vms.log import get_logger

FATAL_EXIT = 70

_PR_SET_PDEATHSIG = 1

log = get_logger(__name__)


def die_with_the_parent(parent: int | None = None) -> None:
    """Have Linux kill this process when its parent dies, so that `kill -9` of the supervisor leaves nothing behind.

    `parent`: the process id that the parent handed down; without it nobody notices a parent that died before this call.
    Other systems have no such call; there a worker ends when its socketpair does.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def end_on_thread_errors() -> None:
    """Let an error that a thread can't answer end the process: its supervisor starts it again and says so.

    A writer thread that is gone while the sockets are still drained would lose footage in silence.
    """
    threading.excepthook = lambda failure: _end(failure.exc_value, failure.thread.name if failure.thread is not None else "thread")


def end_on_task_error(task: asyncio.Task[None]) -> None:
    """Done-callback for a task that must not end by itself; likewise."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _end(error, task.get_name())


def _end(error: BaseException | None, name: str) -> None:
    log.critical("process ends by an error", where=name, exc_info=error)
    os._exit(FATAL_EXIT)


def leave_stopping_to_the_supervisor() -> None:
    """Ignore SIGINT and SIGTERM, which Ctrl-C and systemd send to the whole group: the supervisor ends its workers in order.

    A worker that ended by itself would leave its open segments to be salvaged. When the supervisor is gone, so is the worker
    (`die_with_the_parent`, the end of its socketpair).
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

"""Start the product's processes on one machine, keep them up, and stop them in order: what `vms up` and `vms demo` stand on."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from vms.clock import Clock

STOP_SECONDS = 40.0
"""How long a child may take to publish its open segments after SIGTERM before it is killed."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A child that ran this long starts again without a pause."""
CANT_START = 2
"""Exit code of a child that has said what stands in its way, which another start would not mend."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep up: its name for people, its arguments, and file descriptors it inherits."""

    name: str
    argv: tuple[str, ...]
    keep_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class _Kept:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    due: float = 0.0


@dataclass(slots=True)
class Children:
    """Runs in one thread; `run` returns when it was told to stop, or a child could not even start, and every child has ended."""

    clock: Clock
    say: Callable[[str], None]
    _kept: list[_Kept] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _code: int = 0

    def start(self, children: Sequence[Child]) -> None:
        for child in children:
            kept = _Kept(child)
            self._launch(kept)
            self._kept.append(kept)  # now: a look in between would start it a second time

    def stop_on_signals(self) -> None:
        """Stop in order on SIGINT and SIGTERM; a second signal kills at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told)

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def run(self) -> int:
        """Keep every child up until stopped; then stop the last started first and wait for each. Returns the exit code."""
        while not self._stop.wait(0.1):
            self.look()
        self._stop_all()
        return self._code

    def look(self) -> None:
        """Start again whatever has ended and is due."""
        now = self.clock.monotonic()
        for kept in self._kept:
            if kept.process is not None and (code := kept.process.poll()) is not None:
                self._ended(kept, code, now)
            if kept.process is None and now >= kept.due and not self.stopping:
                self._launch(kept)

    def _launch(self, kept: _Kept) -> None:
        kept.started, kept.starts = self.clock.monotonic(), kept.starts + 1
        # The parent has one thread, so running `_die_with` between fork and exec is safe.
        kept.process = subprocess.Popen(  # noqa: S603 - our own interpreter and fixed arguments, no shell
            kept.child.argv,
            pass_fds=kept.child.keep_fds,
            process_group=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509
        )

    def _ended(self, kept: _Kept, code: int, now: float) -> None:
        steady = now - kept.started >= STEADY_SECONDS
        if code == CANT_START and kept.starts == 1 and not steady:
            # Later on it may be a passing state, such as a lock that a killed one's workers still hold.
            self.say(f"{kept.child.name} can't start; the reason stands above. Nothing runs without it.")
            kept.process, self._code = None, CANT_START
            self.stop()
            return
        if steady:
            kept.pause = FIRST_PAUSE_SECONDS
        kept.process, kept.due = None, now + kept.pause
        self.say(f"{kept.child.name} ended ({_why(code)}); it starts again in {kept.pause:g} s.")
        kept.pause = min(kept.pause * 2, LONGEST_PAUSE_SECONDS)

    def _stop_all(self) -> None:
        for kept in reversed(self._kept):
            if kept.process is not None and kept.process.poll() is None:
                kept.process.terminate()
        for kept in reversed(self._kept):
            if kept.process is not None:
                self._wait(kept.child, kept.process)

    def _wait(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.say(f"{child.name} did not stop within {STOP_SECONDS:g} s and was killed; the next start salvages what it had open.")
            process.kill()
            process.wait()

    def _told(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            for kept in self._kept:
                if kept.process is not None and kept.process.poll() is None:
                    kept.process.kill()
        self._stop.set()


def vms_child(name: str, *arguments: str, keep_fds: tuple[int, ...] = ()) -> Child:
    """Return the child that runs `vms ARGUMENTS` with this interpreter."""
    return Child(name, (sys.executable, "-m", "vms", *arguments), keep_fds)


def _why(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _die_with(parent: int) -> None:
    """Ask Linux to end this child when its parent dies, so that `kill -9` of the parent leaves nothing behind.

    Runs between fork and exec: nothing but system calls. Elsewhere than on Linux there is no such call; the child goes on.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call; in a container a living parent may well be process 1
            os._exit(1)


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

"""One worker as the supervisor sees it: a child process, a socketpair, and lines both ways."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict

from recorder.wire import MAX_LINE_BYTES, FromWorker, ToWorker, decode_from_worker, encode
from recorder.worker import WorkerPlan
from vms.log import get_logger

KILL_SECONDS = 5.0
WORKER_MODULE = "recorder.worker"
"""A benchmark's own recorder puts another here, which starts the same worker without cipher and digests."""
HUNG_LOOKS = 4
"""Looks, five seconds apart like a worker's figures, between which a worker that works can't be silent. Counted, not measured in time:
when the whole machine slept, nobody was silent."""

log = get_logger(__name__)


class WorkerProcess:
    """A running worker. All on the supervisor's event loop."""

    def __init__(self, plan: WorkerPlan, *, keep_fds: tuple[int, ...], on_message: Callable[[WorkerProcess, FromWorker], None]) -> None:
        self.plan = plan
        self._keep_fds = keep_fds
        self._on_message = on_message
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.ended = asyncio.Event()
        """Set when the process is gone and every line it wrote was taken."""
        self._reading: asyncio.Task[None] | None = None
        self._silent_looks = 0

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own interpreter, no shell; a fork of milliseconds
                [sys.executable, "-m", WORKER_MODULE, json.dumps(asdict(self.plan)), str(theirs.fileno())],
                pass_fds=(theirs.fileno(), *self._keep_fds),
                stdin=subprocess.DEVNULL,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
        self._reading = asyncio.create_task(self._read(reader), name=f"worker {self.plan.number}")
        log.info("worker started", worker=self.plan.number, pid=self.pid)

    def send(self, message: ToWorker) -> None:
        """Queue one line; a worker that is gone does not hear it and is configured anew when it is started again."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait until the worker has ended; False when it had to be killed."""
        try:
            await asyncio.wait_for(self.ended.wait(), timeout_seconds)
        except TimeoutError:
            self.kill()
            await self.ended.wait()
            return False
        return True

    def look(self) -> None:
        """Kill a worker that hangs; called as often as it reports its figures. What it holds is salvaged, its streams come back."""
        self._silent_looks += 1
        if self._silent_looks == HUNG_LOOKS and not self.ended.is_set():
            log.error("worker hangs; it is killed", worker=self.plan.number, pid=self.pid)
            self.kill()

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take the worker's lines until it closes its end, then its exit."""
        try:
            while line := await reader.readline():
                if not line.endswith(b"\n"):
                    break  # cut in the middle by a kill
                self._silent_looks = 0
                self._on_message(self, decode_from_worker(line))
        except ConnectionError:
            pass  # killed with lines of ours unread
        finally:
            if self._writer is not None:
                self._writer.close()
            await self._reap()
            self.ended.set()

    async def _reap(self) -> None:
        if self._process is None:
            return
        try:
            code = await asyncio.get_running_loop().run_in_executor(None, self._process.wait, KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = await asyncio.get_running_loop().run_in_executor(None, self._process.wait)
        if code != 0:
            log.warning("worker died", worker=self.plan.number, pid=self.pid, exit_code=code)

"""A worker as the supervisor sees it: one that says nothing is ended, one that works is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from recorder.wire import FromWorker
from recorder.worker import WorkerPlan
from recorder.worker_process import HUNG_LOOKS, WorkerProcess

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


class Supervised:
    """A real worker without volumes and streams: it reports its figures and does nothing else."""

    def __init__(self, folder: Path) -> None:
        plan = WorkerPlan(
            0, str(folder / "worker.sock"), (), 2.0, 1.0, allow_loopback=True, log_format="json", log_level="info", failpoint=""
        )
        self.process = WorkerProcess(plan, keep_fds=(), on_message=self._heard)
        self._said = asyncio.Event()

    async def says_something(self) -> None:
        self._said.clear()
        await asyncio.wait_for(self._said.wait(), 30)

    async def is_gone(self) -> bool:
        return await self.process.wait(30)

    def _heard(self, _worker: WorkerProcess, _message: FromWorker) -> None:
        self._said.set()


@pytest_asyncio.fixture
async def supervised(tmp_path: Path) -> AsyncIterator[Supervised]:
    made = Supervised(tmp_path)
    await made.process.start()
    yield made
    made.process.kill()
    await made.process.ended.wait()


async def test_a_worker_that_stands_still_is_killed(supervised: Supervised) -> None:
    await supervised.says_something()
    os.kill(supervised.process.pid, signal.SIGSTOP)
    for _ in range(HUNG_LOOKS):
        supervised.process.look()

    assert await supervised.is_gone()


async def test_a_worker_that_reports_is_left_alone(supervised: Supervised) -> None:
    for _ in range(2):
        await supervised.says_something()
        for _ in range(HUNG_LOOKS - 1):
            supervised.process.look()

    assert not supervised.process.ended.is_set()

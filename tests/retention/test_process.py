"""The scheduler of `vms retain` beside a wall clock that is set back, and the words for what is proved."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from retention import process
from retention.proof import Verdict
from tests.retention.world import World
from tests.waiting import wait_until
from vms.cli import retain
from vms.clock import SystemClock


def test_a_clock_that_was_set_back_holds_up_no_job(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler waits by the wall clock: the pass that is due in five minutes is looked at now."""
    passes: list[object] = []
    world.clock.wall = SystemClock().now()  # the scheduler has the machine's own
    monkeypatch.setattr("retention.process._Jobs.make_pass", lambda jobs: passes.append(jobs))  # noqa: PLW0108 - a method, which `append` is not
    stopping = threading.Event()
    work = threading.Thread(target=process._work, args=(world.node, tmp_path / "lock", stopping))
    work.start()
    try:
        wait_until(lambda: passes)
        world.clock.wall -= timedelta(minutes=30)
        wait_until(lambda: len(passes) > 1)
    finally:
        stopping.set()
        work.join(20)
    assert not work.is_alive()


def test_every_verdict_has_its_sentence() -> None:
    assert set(retain._VERDICTS) == {verdict.value for verdict in Verdict}

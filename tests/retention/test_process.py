"""The scheduler of `vms retain` beside a wall clock that is set back, and the words for what is proved."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from retention import process
from retention.disks import Disks
from tests.factories import STREAM
from tests.recorder.test_health import a_stream
from tests.retention.world import DAY, World
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.config import VolumeSetting
from vms.domain.camera import NodeConfiguration, RecordingMode
from vms.domain.day_proof import Verdict
from vms.domain.footage import Run
from vms.store import runs, stream_config
from vms.store.ballast import BALLAST, ballast_bytes, is_whole
from vms.store.index_tables import SegmentRow
from web.words import DAY_VERDICTS


def test_a_clock_that_was_set_back_holds_up_no_job(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """APScheduler waits by the wall clock: the pass that is due in five minutes is looked at now."""
    passes: list[object] = []
    world.clock.wall = SystemClock().now()  # the scheduler has the machine's own
    monkeypatch.setattr("retention.process._Jobs.make_pass", lambda jobs: passes.append(jobs))  # noqa: PLW0108 - a method, which `append` is not
    stopping = threading.Event()
    work = threading.Thread(target=process._work, args=(world.node, tmp_path / "lock", Disks((), ()), stopping))
    work.start()
    try:
        wait_until(lambda: passes)
        world.clock.wall -= timedelta(minutes=30)
        wait_until(lambda: len(passes) > 1)
    finally:
        stopping.set()
        work.join(20)
    assert not work.is_alive()


def test_when_room_is_low_what_is_past_its_window_goes_at_once_and_every_few_minutes(world: World, tmp_path: Path) -> None:
    setting = VolumeSetting(path=world.volume.path, max_bytes=2_000_000_000)
    jobs = process._Jobs(world.node, tmp_path / "lock", Disks((setting,), ()), threading.Event())
    (newest,) = world.record(-60)
    with world.node.index.write.begin() as connection:
        connection.execute(update(SegmentRow).values(size_bytes=1_000_000))  # a megabyte a minute: 33 hours of room
        runs.put(connection, [Run(STREAM, newest.start_ms, newest.start_ms + 60_000, None)])
        stream_config.replace(connection, NodeConfiguration(1, (a_stream(STREAM, RecordingMode.ALWAYS),)))
    jobs.look_at_disks()
    jobs.make_pass()  # takes the first lease; the next is due in an hour
    old = world.record(-20 * DAY)
    jobs.look_at_disks()
    jobs.make_pass()
    assert world.left(old) == [True]

    with (world.volume.path / "filler").open("wb") as filler:
        filler.truncate(1_500_000_000)
    jobs.look_at_disks()
    assert world.left([*old, newest]) == [False, True]
    later = world.record(-19 * DAY)
    world.clock.advance(4 * 60)
    jobs.make_pass()
    assert world.left(later) == [True]
    world.clock.advance(61)
    jobs.make_pass()
    assert world.left(later) == [False]

    (world.volume.path / "filler").unlink()
    jobs.look_at_disks()
    world.clock.advance(5 * 60)
    jobs.make_pass()  # the last that was due so soon
    last = world.record(-18 * DAY)
    world.clock.advance(5 * 60)
    jobs.make_pass()
    assert world.left(last) == [True]


def test_half_a_ballast_is_made_whole(world: World) -> None:
    disks = Disks((VolumeSetting(path=world.volume.path, max_bytes=2_000_000_000),), ())
    ballast = world.volume.path / BALLAST
    for left in (b"", b"half made"):
        ballast.write_bytes(left)
        disks.mind_ballast()
        assert is_whole(world.volume.path, ballast_bytes(2_000_000_000))


def test_every_verdict_has_its_sentence() -> None:
    assert all(verdict.sentence for verdict in Verdict)
    assert DAY_VERDICTS.keys() == set(Verdict)

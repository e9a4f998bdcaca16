"""`vms retain` answers what people ask of a camera's day, through the hub, with a sealed hold as without one."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from retention.disks import Disks
from retention.process import _Jobs
from tests.factories import NOW
from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.ids import SpotCheckId
from vms.domain.spot_check import AskedDay
from vms.domain.timespan import Timespan

_DAY = Timespan(NOW - timedelta(days=20), NOW - timedelta(days=19))
_PAST = -20 * DAY


@pytest.fixture
def jobs(world: World, tmp_path: Path) -> _Jobs:
    return _Jobs(world.node, tmp_path / "lock", Disks((), ()), threading.Event())


def _answered(world: World, jobs: _Jobs, number: int) -> DayProof:
    world.hub.asked.append(AskedDay(SpotCheckId(number), CAMERA, _DAY))
    jobs.answer_spot_checks()
    return world.hub.proofs[SpotCheckId(number)]


def test_it_answers_what_is_asked_by_looking(world: World, jobs: _Jobs) -> None:
    made = world.record(*(_PAST + 60 * minute for minute in range(1, 9)))
    world.hub.place(5, _PAST + 3000, None)
    assert _answered(world, jobs, 1).verdict is Verdict.KEPT, "no window was said yet"
    world.make_pass()
    assert _answered(world, jobs, 2).held == (5,)
    found = _answered(world, jobs, 3)
    assert (found.rows, sum(one.batch.segments for one in found.purges)) == (0, len(made))
    world.volume.segment_path(made[0].id).parent.mkdir(parents=True, exist_ok=True)
    world.volume.segment_path(made[0].id).write_bytes(b"put back")
    assert _answered(world, jobs, 4).verdict is Verdict.LEFT


def test_a_sealed_hold_is_in_no_answer(world: World, jobs: _Jobs) -> None:
    world.record(*(_PAST + 60 * minute for minute in range(1, 99)))
    world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    with_one = _answered(world, jobs, 1)
    world.hub.release(5)
    world.make_pass()
    without = _answered(world, jobs, 2)
    assert (with_one.verdict, with_one.held) == (Verdict.GONE, ())
    assert replace(with_one, purges=(), entries=0, heads=0) == replace(without, purges=(), entries=0, heads=0)


def test_what_a_machine_can_not_look_into_waits_and_is_told(world: World, jobs: _Jobs, log_lines: io.StringIO) -> None:
    world.hub.asked.append(AskedDay(SpotCheckId(1), CAMERA, _DAY))
    world.hub.away = True
    jobs.answer_spot_checks()
    assert "spot check" not in log_lines.getvalue(), "that the hub is away another job says"
    world.hub.away = False
    world.hub.damaged = True
    jobs.answer_spot_checks()
    assert "spot check not answered" in log_lines.getvalue()
    assert world.hub.proofs == {}
    world.hub.damaged = False
    jobs.answer_spot_checks()
    assert world.hub.proofs.keys() == {1}

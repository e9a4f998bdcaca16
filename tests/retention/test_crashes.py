"""Killed at any step of a pass: the next one finishes it, what is held is there, and nothing lies between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from tests.vms.store.killed import killed_at
from vms.domain.purge import FIRST_HASH
from vms.store import hold_replica, purge_log, purging
from vms.store.keys import DESTROY_STEPS

_WINDOW = 14 * DAY
_STEPS = ("retain:orders", "retain:answer", *purging.PURGE_STEPS, *(f"{step}@2" for step in purging.PURGE_STEPS), *DESTROY_STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("step", _STEPS)
def test_a_pass_that_is_killed_is_finished_by_the_next_one(world: World, tmp_path: Path, step: str) -> None:
    base = -_WINDOW - 2 * DAY
    gone = world.record(*(base + 60 * minute for minute in range(30)))
    kept = world.record(base + 7200, base + 7260)
    later = world.record(*(base + 20_000 + 60 * minute for minute in range(30)))
    held = (base + 7200, base + 7320)
    world.hub.place(1, *held)
    killed_at(step, "tests.retention.retain_child", tmp_path, f"{held[0]}:{held[1]}")
    with world.node.index.read.begin() as connection:
        condemned = sum(batch.segments for batch in purge_log.open_batches(connection))
        assert hold_replica.applied_seq(connection) == 1
    assert condemned in (0, 30)
    world.make_pass()
    assert world.left(kept) == [True, True]
    assert world.left([*gone, *later]) == [False] * 60
    assert world.open_batches() == 0
    assert [hour for hour in world.node.keys.hours(CAMERA, before=10**7) if hour == gone[0].start_ms // 3_600_000] == []
    with world.node.index.read.begin() as connection:
        before = FIRST_HASH
        entries = purge_log.purges(connection)
        for entry, stored in entries:
            before = entry.hash_after(before)
            assert stored == before
    assert sum(entry.batch.segments for entry, _ in entries) == 60
    assert [answer.kept_segments for answer in world.hub.answers] in ([2], [])

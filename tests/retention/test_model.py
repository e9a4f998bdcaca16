"""Holds, releases, windows, time, crashes and passes in any order: what is there is what the rule says, no more and no less."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.factories import after
from tests.retention.world import DAY, World
from vms.domain.footage import Segment
from vms.domain.hold import ROLL
from vms.domain.timespan import ms_of
from vms.store.database import Engines
from vms.store.failpoints import armed
from vms.store.migrate import Which
from vms.store.purging import PURGE_STEPS

_MINUTES = st.builds(lambda day, minute: day * 1440 + minute, st.integers(-6, -1), st.integers(-8, 8))
"""Close together, and where cutoffs and holds lie: edges are what is looked for."""
_ERROR_MS = 2000
_ROLL_MS = ROLL // timedelta(milliseconds=1)


class _Killed(Exception):
    pass


def _kill() -> None:
    raise _Killed


class Keeping(RuleBasedStateMachine):
    """The model: every segment that was recorded, whether it must be gone, and which holds stand."""

    migrated: Callable[[Which, Path], Engines]

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="keeping-"))
        self.index = self.migrated(Which.INDEX, self.folder / "index.db")
        self.world = World(self.index, self.folder)
        self.world.hub.days = 3
        self.there: dict[float, Segment] = {}
        self.gone: list[Segment] = []
        self.holds: dict[int, tuple[int, int | None]] = {}
        self.placed = 0

    @rule(minute=_MINUTES, odd=st.sampled_from([0.0, 1.0, 58.0, 0.5]))
    def record(self, minute: int, odd: float) -> None:
        """Footage is recorded as time goes; here also late, as what a crash left is entered."""
        taken = {one.start_ms for one in (*self.there.values(), *self.gone)}
        starts = [(minute + further) * 60.0 + odd for further in range(6)]
        free = [at for at in starts if all(abs(ms_of(after(at)) - other) >= 60_000 for other in taken)]
        if free:
            self.there |= dict(zip(free, self.world.record(*free, keys=False), strict=True))

    @rule(start=_MINUTES, lasts=st.integers(1, 6) | st.none())
    def place(self, start: int, lasts: int | None) -> None:
        self.placed += 1
        end = None if lasts is None else (start + lasts) * 60
        self.world.hub.place(self.placed, start * 60, end)
        self.holds[self.placed] = (ms_of(after(start * 60)), None if end is None else ms_of(after(end)))

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.holds)))
        self.world.hub.release(number)
        del self.holds[number]

    @rule(days=st.integers(1, 6))
    def change_the_window(self, days: int) -> None:
        self.world.hub.days = days

    @rule(seconds=st.sampled_from([1, 30, 60, 300, 3600, DAY]))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def make_a_pass(self) -> None:
        assert self.world.make_pass().paused is None
        self._went()

    @rule(floor=st.integers(1, 6), step=st.none() | st.sampled_from(PURGE_STEPS))
    def be_short_of_room(self, floor: int, step: str | None) -> None:
        """Whatever the disks lack, down to the floor and no further; also when a pass is killed on the way."""
        self.world.hub.floor_days, self.world.is_short = floor, lambda: True
        if step is not None:
            with suppress(_Killed), armed(step, _kill):
                self.world.make_pass()
        assert self.world.make_pass().paused is None
        self.world.hub.floor_days, self.world.is_short = None, lambda: False
        self._went(min(floor, self.world.hub.days))

    @rule(step=st.sampled_from(PURGE_STEPS))
    def be_killed_in_a_pass(self, step: str) -> None:
        with suppress(_Killed), armed(step, _kill):
            self.world.make_pass()
        self.make_a_pass()

    @rule()
    def make_a_pass_without_the_hub(self) -> None:
        before = len(self.there)
        self.world.hub.away = True
        assert self.world.make_pass().purged == 0
        self.world.hub.away = False
        assert self.world.left(list(self.there.values())) == [True] * before

    @rule(days=st.sampled_from([1, 400]))
    def make_a_pass_by_a_clock_that_runs_ahead(self, days: int) -> None:
        if self.world.make_pass().paused is None:
            self._went()
            self.world.clock.wall += timedelta(days=days)
            assert self.world.make_pass().purged == 0
            self.world.clock.wall -= timedelta(days=days)

    @invariant()
    def what_is_gone_stays_gone(self) -> None:
        assert not any(self.world.left(self.gone[-20:]))

    def _went(self, days: int | None = None) -> None:
        """Compare what is left with the rule: wholly past the window, and no hold within a minute and the clock's error.

        `days`: past the floor, after a pass that was short of room.
        """
        made = list(self.there.items())
        for (at, segment), left in zip(made, self.world.left([one for _, one in made]), strict=True):
            assert left == (not self._due(segment, days or self.world.hub.days)), (at, segment.start_ms, self.holds)
            if not left:
                self.gone.append(self.there.pop(at))

    def _due(self, segment: Segment, days: int) -> bool:
        start, end = segment.start_ticks, segment.end_ticks
        before_ms = ms_of(self.world.clock.wall) - days * DAY * 1000
        more = _ERROR_MS + _ROLL_MS
        held = any(end > (begin - more) * 90 and (until is None or start < (until + more) * 90) for begin, until in self.holds.values())
        return end <= before_ms * 90 and not held

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.node.keys.close()
            self.index.dispose()
            shutil.rmtree(self.folder)


@pytest.mark.slow
def test_what_is_there_is_what_the_rule_says(migrated_sqlite: Callable[[Which, Path], Engines]) -> None:
    _run(migrated_sqlite, examples=25, steps=30)


@pytest.mark.long
def test_what_is_there_is_what_the_rule_says_in_ten_thousand_steps(migrated_sqlite: Callable[[Which, Path], Engines]) -> None:
    _run(migrated_sqlite, examples=250, steps=45)


def _run(migrated: Callable[[Which, Path], Engines], *, examples: int, steps: int) -> None:
    machine = type("KeepingHere", (Keeping,), {"migrated": staticmethod(migrated)})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))

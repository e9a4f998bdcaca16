"""The timer that drains sockets: a camera that never stops sending costs the others nothing but a tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from recorder.drain import TICK_SECONDS, TURN_SECONDS, Drainer
from tests.recorder.test_clock import DrivenClock


@dataclass(eq=False)
class Stream:
    """A stream whose every drain takes so long."""

    clock: DrivenClock
    seconds: float
    drains: int = 0
    watched: bool = False
    deliveries: int = 0
    delivered: Callable[[], None] = lambda: None
    failures: list[Exception] = field(default_factory=list)

    def drain(self, _now: float) -> None:
        self.drains += 1
        self.clock.pass_time(self.seconds)

    def deliver(self) -> None:
        self.delivered()
        self.deliveries += 1

    def fail(self, error: Exception) -> None:
        self.failures.append(error)


async def ticks(drainer: Drainer, modest: Stream, count: int) -> None:
    """Let the timer tick until the modest stream was drained so often, at the pace of its clock."""
    async with asyncio.timeout(20):
        while modest.drains < count:
            modest.clock.pass_time(0.001)
            drainer.hurry()
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # a turn of the loop for a timer that is due


@pytest.mark.asyncio
async def test_a_modest_stream_is_drained_in_every_tick_whatever_the_greedy_take() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    greedy = [Stream(clock, TURN_SECONDS / 2) for _ in range(10)]
    modest = Stream(clock, 0.0001)
    for stream in (*greedy, modest):
        drainer.add(stream)
    before = clock.monotonic()
    await ticks(drainer, modest, 20)
    drainer.stop()

    assert clock.monotonic() - before <= 20 * (TICK_SECONDS + 2 * TURN_SECONDS)


@pytest.mark.asyncio
async def test_greedy_streams_take_turns() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    greedy = [Stream(clock, TURN_SECONDS / 2) for _ in range(10)]
    modest = Stream(clock, 0.0001)
    for stream in (*greedy, modest):
        drainer.add(stream)
    await ticks(drainer, modest, 50)
    drainer.stop()

    drains = [stream.drains for stream in greedy]
    assert min(drains) > 0
    assert max(drains) <= 3 * min(drains)


@pytest.mark.asyncio
async def test_streams_that_cost_most_of_a_tick_are_all_drained_in_every_tick() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    streams = [Stream(clock, TICK_SECONDS / 20) for _ in range(14)]
    for stream in streams:
        drainer.add(stream)
    before = clock.monotonic()
    await ticks(drainer, streams[0], 20)
    drainer.stop()

    ticks_passed = (clock.monotonic() - before) / TICK_SECONDS
    assert min(stream.drains for stream in streams) >= 0.9 * ticks_passed


@pytest.mark.asyncio
async def test_every_stream_is_drained_before_the_first_hands_its_pictures_over() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    streams = [Stream(clock, 0.0001) for _ in range(5)]
    for stream in streams:
        drainer.add(stream)
    drained_by_then: list[list[int]] = []
    streams[0].delivered = lambda: drained_by_then.append([stream.drains for stream in streams])
    await ticks(drainer, streams[0], 3)
    drainer.stop()

    assert drained_by_then == [[1] * 5, [2] * 5, [3] * 5]


@pytest.mark.asyncio
async def test_a_stream_that_breaks_as_it_hands_over_fails_alone() -> None:
    def broken() -> None:
        raise ValueError("no picture at all")

    clock = DrivenClock()
    drainer = Drainer(clock)
    streams = [Stream(clock, 0.0001) for _ in range(3)]
    streams[0].delivered = broken
    for stream in streams:
        drainer.add(stream)
    await ticks(drainer, streams[1], 1)
    drainer.stop()

    assert [len(stream.failures) for stream in streams] == [1, 0, 0]
    assert [stream.deliveries for stream in streams] == [0, 1, 1]


@pytest.mark.asyncio
async def test_a_stream_whose_pictures_cost_much_is_drained_after_the_others() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    costly, modest = Stream(clock, 0.0001), Stream(clock, 0.0002)
    costly.delivered = lambda: clock.pass_time(TURN_SECONDS / 2)
    delivered_by_then: list[tuple[int, int]] = []
    modest.delivered = lambda: delivered_by_then.append((costly.deliveries, modest.deliveries))
    for stream in (costly, modest):
        drainer.add(stream)
    await ticks(drainer, modest, 3)
    drainer.stop()

    assert delivered_by_then == [(1, 0), (1, 1), (2, 2)]  # behind the costly one in the first tick, before it from then on


def test_a_stream_that_is_emptied_hands_over_what_it_has_and_what_it_breaks_is_its_own() -> None:
    clock = DrivenClock()
    whole, broken = Stream(clock, 0), Stream(clock, 0, delivered=refuse)
    for stream in (whole, broken):
        Drainer(clock).empty(stream)
    assert (whole.drains, whole.deliveries, whole.failures) == (1, 1, [])
    assert (broken.drains, [str(err) for err in broken.failures]) == (1, ["broken"])


def refuse() -> None:
    raise ValueError("broken")

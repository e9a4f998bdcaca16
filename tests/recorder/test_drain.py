"""The timer that drains sockets: a camera that never stops sending costs the others nothing but a tick."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from recorder.drain import TURN_SECONDS, Drainer
from tests.recorder.test_clock import DrivenClock


@dataclass(eq=False)
class Stream:
    """A stream whose every drain takes so long."""

    clock: DrivenClock
    seconds: float
    drains: int = 0
    watched: bool = False

    def drain(self, _now: float) -> None:
        self.drains += 1
        self.clock.pass_time(self.seconds)

    def fail(self, error: Exception) -> None:
        raise AssertionError from error


async def ticks(modest: Stream, count: int) -> None:
    """Let the timer tick until the modest stream was drained so often."""
    async with asyncio.timeout(20):
        while modest.drains < count:  # noqa: ASYNC110 - a turn of the loop for the timer, which runs on it
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_modest_stream_is_drained_in_every_tick_whatever_the_greedy_take() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    greedy = [Stream(clock, TURN_SECONDS / 2) for _ in range(10)]
    modest = Stream(clock, 0.0001)
    for stream in (*greedy, modest):
        drainer.add(stream)
    before = clock.monotonic()
    await ticks(modest, 20)
    drainer.stop()

    assert clock.monotonic() - before <= 20 * 2 * TURN_SECONDS


@pytest.mark.asyncio
async def test_greedy_streams_take_turns() -> None:
    clock = DrivenClock()
    drainer = Drainer(clock)
    greedy = [Stream(clock, TURN_SECONDS / 2) for _ in range(10)]
    modest = Stream(clock, 0.0001)
    for stream in (*greedy, modest):
        drainer.add(stream)
    await ticks(modest, 50)
    drainer.stop()

    drains = [stream.drains for stream in greedy]
    assert min(drains) > 0
    assert max(drains) <= 3 * min(drains)

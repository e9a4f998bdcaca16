"""A hold comes into force while a pass condemns: whichever is first, what the hold was told is kept, is kept."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pysqlite3.dbapi2
import pytest

from retention.orders import take_orders
from tests.factories import STREAM
from tests.retention.world import DAY, World
from vms.domain.footage import Segment, SegmentState
from vms.store import purge_log, purging, segments

_WINDOW = 14 * DAY
_ROUNDS, _LONG_PARTS, _LONG_ROUNDS = 120, 20, 500
_CANARY_ROUNDS = 300


def _together(*acts: Callable[[], None]) -> None:
    """Run `acts` in threads that begin at the same moment."""
    failed: list[BaseException] = []
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        try:
            barrier.wait(10)
            act()
        except BaseException as err:  # noqa: BLE001 - told in the test's own thread
            failed.append(err)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []


def _states(world: World, made: list[Segment]) -> list[SegmentState]:
    with world.node.index.read.begin() as connection:
        found = segments.states(connection, [one.id for one in made])
    return [found[one.id] for one in made]


def _race(world: World, rounds: int, seed: int = 0) -> tuple[int, int]:
    """Return how often the hold came first and how often the pass did; fails when what was told is not so."""
    first, drawn = [0, 0], random.Random(seed)
    for number in range(rounds):
        # Hours apart, so that each round's hold is about its own footage.
        base = -_WINDOW - 3600.0 * (number + 2)
        made = world.record(base, keys=False)
        take_orders(world.node)
        world.hub.place(number, base, base + 60)

        def condemn() -> None:
            with world.node.index.write.begin() as connection:
                purging.condemn(connection, STREAM, world.node.reading(), [world.volume.id])

        def take(looks: int = drawn.randrange(6)) -> None:
            for _ in range(looks):  # so that now one is first and now the other
                world.open_batches()
            take_orders(world.node)

        _together(condemn, take)
        answer = world.hub.answers[-1]
        (state,) = _states(world, made)
        assert (answer.kept_segments, answer.condemned_segments) == ((1, 0) if state is SegmentState.LIVE else (0, 1)), number
        first[state is SegmentState.CONDEMNED] += 1
        world.hub.release(number)
        with world.node.index.write.begin() as connection:
            for batch in purge_log.open_batches(connection):
                purging.purge(connection, batch, erased_ms=world.node.reading().at_ms)
    return first[0], first[1]


@pytest.mark.slow
def test_what_a_hold_is_told_is_kept_is_kept(world: World) -> None:
    held, condemned = _race(world, _ROUNDS)
    assert min(held, condemned) >= _ROUNDS // 50, "neither side ever lost: that is no race"


@pytest.mark.long
@pytest.mark.parametrize("part", range(_LONG_PARTS))
def test_what_a_hold_is_told_is_kept_is_kept_ten_thousand_times(world: World, part: int) -> None:
    assert min(_race(world, _LONG_ROUNDS, seed=part)) >= _LONG_ROUNDS // 50


@pytest.mark.slow
def test_transactions_as_the_driver_begins_them_lose_that_race(tmp_path: Path) -> None:
    """The canary: without BEGIN IMMEDIATE a look at the holds holds nothing, and the same race destroys what was promised."""
    path = str(tmp_path / "canary.db")
    with pysqlite3.dbapi2.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE segment(n INTEGER PRIMARY KEY, state INTEGER NOT NULL)")
        connection.execute("CREATE TABLE hold(n INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO segment VALUES (?, 0)", [(number,) for number in range(_CANARY_ROUNDS)])
    lost = 0
    for number in range(_CANARY_ROUNDS):
        promised: list[bool] = []
        looked = threading.Barrier(2)

        def condemn(number: int = number, looked: threading.Barrier = looked) -> None:
            with pysqlite3.dbapi2.connect(path, timeout=15) as connection:
                held = connection.execute("SELECT 1 FROM hold WHERE n = ?", (number,)).fetchone()
                looked.wait(10)
                if held is None:
                    connection.execute("UPDATE segment SET state = 2 WHERE n = ?", (number,))

        def place(number: int = number, looked: threading.Barrier = looked, promised: list[bool] = promised) -> None:
            with pysqlite3.dbapi2.connect(path, timeout=15) as connection:
                looked.wait(10)
                state = connection.execute("SELECT state FROM segment WHERE n = ?", (number,)).fetchone()[0]
                connection.execute("INSERT INTO hold VALUES (?)", (number,))
                promised.append(state == 0)

        _together(condemn, place)
        with pysqlite3.dbapi2.connect(path) as connection:
            lost += promised[0] and connection.execute("SELECT state FROM segment WHERE n = ?", (number,)).fetchone()[0] == 2
    assert lost >= _CANARY_ROUNDS // 12

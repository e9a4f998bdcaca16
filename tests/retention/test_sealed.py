"""What a sealed hold keeps stays, and everything that people are told by a node is as if it had been destroyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from sqlalchemy import Connection

from retention.deletion import Due, due
from retention.orders import take_orders
from retention.proof import Standing, prove_day, standings
from tests.factories import NOW, STREAM
from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId
from vms.domain.policy import Window
from vms.domain.timespan import Timespan, ms_of
from vms.services.capacity import measure
from vms.services.policy_effect import CameraEffect, Counted, counted_here
from vms.services.policy_standing import CameraStanding, FoundHere, found_here
from vms.store import hold_replica, purging, stream_rules

_DAY = Timespan(NOW - timedelta(days=20), NOW - timedelta(days=19))
_PAST = -20 * DAY
_MINUTES = [_PAST + 60 * minute for minute in range(1, 100)]


def _passed(world: World, *, sealed: bool) -> int:
    """Record a day past its window and minutes of today, make a pass, and return how many segments stay of the old ones."""
    made = world.record(*_MINUTES)
    world.record(*(-DAY / 2 + 60 * minute for minute in range(10)))
    if sealed:
        world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    return sum(world.left(made))


def test_it_keeps_what_any_hold_keeps(world: World) -> None:
    assert _passed(world, sealed=True) == 5
    world.hub.release(5)
    world.make_pass()
    assert _passed(world, sealed=False) == 0


def test_it_is_shown_to_nobody_and_counted_nowhere(world: World) -> None:
    assert _passed(world, sealed=True) == 5
    told = _told(world)
    world.hub.release(5)
    world.make_pass()
    assert _told(world) == told
    proof, (standing,), going, kept, readable, *_ = told
    assert (proof.verdict, proof.held, proof.rows, proof.files, proof.keys_there) == (Verdict.GONE, (), 0, 0, 0)
    assert (standing.held, standing.overdue, going, kept, len(readable)) == (0, 0, [], 0, 1)
    assert standing.oldest_at is not None
    assert standing.oldest_at > NOW - timedelta(days=1)


def test_what_the_next_pass_takes_is_not_beyond_its_policy_yet(world: World) -> None:
    standing = CameraStanding(CAMERA, "Entrance", Window(0, 14, 30), 14)
    world.record(-14 * DAY - 3600, -14 * DAY - 3 * 3600)
    take_orders(world.node)
    with world.node.index.read.begin() as connection:
        assert found_here(connection, (standing,), at=NOW)[CAMERA].beyond == 1


def test_a_policy_is_told_as_if_it_were_not_there(world: World) -> None:
    """A dry run counts what would go but for it."""
    world.record(*(-5 * DAY + 60 * minute for minute in range(10)))
    world.make_pass()
    change = CameraEffect(CAMERA, "Entrance", Window(0, 14, 30), Window(0, 2, 30), 0)

    def would_go() -> dict[CameraId, Counted]:
        with world.node.index.read.begin() as connection:
            return counted_here(connection, [change], at=NOW)

    before = would_go()
    assert before[CAMERA].segments == 10
    world.hub.place(5, -6 * DAY, -4 * DAY, sealed=True)
    world.make_pass()
    assert would_go() == before
    world.hub.place(6, -6 * DAY, -4 * DAY)
    world.make_pass()
    assert would_go()[CAMERA].segments == 0


_Told: TypeAlias = tuple[DayProof, list[Standing], list[Due], int, list[HeldTime], float | None, dict[CameraId, FoundHere]]


def _told(world: World) -> _Told:
    """Return what a node tells people, without the purge log: of what is kept nothing can stand there."""
    with world.node.index.read.begin() as connection:
        room = measure(connection, [world.volume], now=NOW, days=14)
        oldest = None if room is None else round(room.oldest_days, 3)
        readable = stream_rules.readable(connection, STREAM, ms_of(NOW))
        found = found_here(connection, (CameraStanding(CAMERA, "Entrance", Window(0, 14, 30), 14),), at=NOW)
    proof = replace(prove_day(world.node, CAMERA, _DAY), purges=(), entries=0, heads=0)
    passed = world.make_pass()
    return proof, [*standings(world.node)], [*due(world.node)], passed.kept, readable, oldest, found


def test_an_ordinary_hold_beside_it_is_told_and_its_own_footage_shown(world: World) -> None:
    world.hub.place(6, _PAST + 3000, _PAST + 3060)
    assert _passed(world, sealed=True) == 10
    proof = prove_day(world.node, CAMERA, _DAY)
    assert (proof.verdict, proof.held, proof.rows, proof.files) == (Verdict.HELD, (6,), 5, 5)
    (standing,) = standings(world.node)
    assert standing.held == 5
    with world.node.index.read.begin() as connection:
        assert HeldTime(ms_of(NOW) + (_PAST + 2940) * 1000, ms_of(NOW) + (_PAST + 3120) * 1000) in stream_rules.readable(
            connection, STREAM, ms_of(NOW)
        )
        assert _oldest_s(connection) == _PAST + 2880


def _oldest_s(connection: Connection) -> float | None:
    (rule,) = stream_rules.rules(connection)
    oldest = purging.oldest_ms(connection, rule, ms_of(NOW))
    return None if oldest is None else (oldest - ms_of(NOW)) / 1000


def test_within_the_window_footage_under_it_is_shown_like_any_other(world: World) -> None:
    world.record(-DAY)
    world.hub.place(5, -DAY, None, sealed=True)
    world.make_pass()
    day = Timespan(NOW - timedelta(days=1), NOW)
    proof = prove_day(world.node, CAMERA, day)
    assert (proof.verdict, proof.held, proof.rows) == (Verdict.KEPT, (), 1)
    with world.node.index.read.begin() as connection:
        assert hold_replica.sealed(connection) == {5}


def test_footage_that_should_be_gone_is_named_beside_a_sealed_hold(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    world.record(_PAST + 600, _PAST + 3600)
    proof = prove_day(world.node, CAMERA, _DAY)
    assert (proof.verdict, proof.rows, proof.files) == (Verdict.LEFT, 1, 1)
    (standing,) = standings(world.node)
    assert (standing.overdue, standing.held) == (1, 0)

"""What a machine tells of a month that ended: what went by its purge log, what is left and why, once, and nothing of sealed holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from retention.month import tell_months
from tests.factories import NOW
from tests.retention.footage import CAMERA
from tests.retention.world import DAY, World
from vms.domain.deletion_certificate import CameraLeft, Paused
from vms.store import purge_log

_PAST = -20 * DAY
_MINUTES = [_PAST + 60 * minute for minute in range(1, 99)]
_APRIL = datetime(2026, 4, 1, 0, 30, tzinfo=UTC)


def _go_to(world: World, at: datetime) -> None:
    """Let days pass, a pass each day, so that the clock never leaps."""
    while world.clock.wall < at:
        world.clock.advance(min(DAY, (at - world.clock.wall).total_seconds()))
        world.make_pass()


def test_the_month_that_ended_is_told_once_with_what_went_in_it(world: World) -> None:
    world.make_pass()
    assert [one.month for one in world.hub.months] == ["2026-02"], "the one before, of which the purge log has nothing"
    made = world.record(*_MINUTES)
    world.make_pass()
    _go_to(world, _APRIL)
    world.record(-DAY)  # of 13 March: it goes in April
    world.clock.advance(3600)
    world.make_pass()
    february, march = world.hub.months
    assert (february.cameras, february.position, february.paused) == ((), 0, None)
    (told,) = march.cameras
    assert (told.camera_id, told.segments, told.size_bytes) == (CAMERA, len(made), 7 * len(made))
    assert (told.first_ms, told.end_ms) == (made[0].start_ms, made[-1].start_ms + 60_001)
    with world.node.index.read.begin() as connection:
        ((first, digest), (second, _)) = purge_log.purges(connection)
    assert (march.month, march.position, march.hash, march.broken_at) == ("2026-03", first.position, digest.hex(), None)
    assert second.position == 2, "what went in April stands behind it"
    assert march.told_at == _APRIL
    assert march.left == (CameraLeft(CAMERA, 0, 0),)


def test_what_is_left_is_told_with_the_reason(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660)
    world.make_pass()
    world.record(*_MINUTES)
    world.make_pass()
    _go_to(world, _APRIL)
    assert world.hub.months[-1].left == (CameraLeft(CAMERA, 5, 0),)
    assert world.hub.months[-1].paused is None


def test_a_pause_is_told_with_since_when_until_a_pass_comes_to_its_end(world: World) -> None:
    world.make_pass()
    tell_months(world.node, "a disk does not let go")
    world.clock.advance(3600)
    tell_months(world.node, "a disk does not let go")
    _put_back(world)
    tell_months(world.node, "a disk does not let go")
    assert world.hub.months[-1].paused == Paused(NOW.replace(microsecond=535_000), "a disk does not let go")
    tell_months(world.node, None)
    _put_back(world)
    tell_months(world.node, "another")
    paused = world.hub.months[-1].paused
    assert paused is not None
    assert paused.since > NOW + timedelta(minutes=59)


def _put_back(world: World) -> None:
    with world.node.index.write.begin() as connection:
        purge_log.put_told_month(connection, 2026 * 12)  # January


def test_what_the_hub_did_not_take_is_told_later_and_a_machine_that_was_off_tells_each_month(world: World) -> None:
    world.make_pass()
    world.hub.months.clear()
    with world.node.index.write.begin() as connection:
        purge_log.put_told_month(connection, 2025 * 12 + 10)  # November
    world.hub.away = True
    world.make_pass()
    assert world.hub.months == []
    world.hub.away = False
    world.make_pass()
    assert [one.month for one in world.hub.months] == ["2025-12", "2026-01", "2026-02"]
    world.make_pass()
    assert len(world.hub.months) == 3


def test_a_clock_that_leapt_tells_no_month(world: World) -> None:
    world.make_pass()
    world.clock.wall += timedelta(days=40)
    assert world.make_pass().paused is not None
    assert [one.month for one in world.hub.months] == ["2026-02"]


def test_a_sealed_hold_is_in_no_month_that_is_left(world: World) -> None:
    world.hub.place(5, _PAST + 600, _PAST + 660, sealed=True)
    world.make_pass()
    world.record(*_MINUTES)
    world.make_pass()
    _go_to(world, _APRIL)
    assert world.hub.months[-1].left == (CameraLeft(CAMERA, 0, 0),)

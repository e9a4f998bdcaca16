"""The central database restored from a backup, beside a node that knows more: nothing goes until somebody has looked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from retention.deletion import Deletion
from retention.orders import take_orders
from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, elsewhere, refused
from tests.retention.world import DAY, World
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.domain.footage import Segment
from vms.domain.hold import HeldTime
from vms.domain.ids import CameraId, HoldId, StreamId
from vms.domain.legal_hold import Ending
from vms.domain.outcome import Refusal
from vms.domain.people import Person, Role
from vms.domain.policy import DISTRICT, Days
from vms.services.district import District, save_district
from vms.services.hold_release import undo_release
from vms.services.hold_resend import resend
from vms.services.hub_link import LocalHub
from vms.services.policies import NewPolicy, set_policy
from vms.store import branches, hold_replica, holds, stream_rules
from vms.store.database import Engines

_WINDOW = 14 * DAY
_PAST = -_WINDOW - 2 * DAY
"""Seconds from `NOW`: well past the window."""


@dataclass(slots=True)
class Restored:
    """A node with a hub of its own, whose database a test saves and puts back."""

    world: World
    central: Engines
    path: Path
    camera: CameraId
    stream: StreamId
    director: Person

    def place(self, minute: int) -> HoldId:
        """Hold one minute, `minute` minutes after the first footage."""
        start = _PAST + 60 * minute
        new = a_new_hold(of_cameras(self.camera), start=after(start), end=after(start + 60))
        with self.central.writing() as session:
            return a_hold(session, self.director, new).id

    def put_back(self, backup: Path) -> None:
        self.central.dispose()
        for left in self.path.parent.glob(f"{self.path.name}-*"):
            left.unlink()
        _copy(backup, self.path)

    def save(self) -> Path:
        backup = self.path.with_suffix(".backup")
        _copy(self.path, backup)
        return backup

    def known_here(self) -> set[HoldId]:
        with self.world.node.index.read.begin() as connection:
            return {hold for hold, *_ in hold_replica.in_force(connection)}

    def known_to_the_hub(self) -> set[HoldId]:
        with self.central.reading() as session:
            return {hold.id for hold in holds.unreleased(session)}

    def resend(self) -> list[HoldId]:
        with self.world.node.index.read.begin() as connection:
            kept, rules = hold_replica.in_force(connection), stream_rules.rules(connection)
        with self.central.writing() as session:
            return [hold.id for hold in done(resend(session, self.director, kept, rules, at=NOW))]


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@pytest.fixture
def restored(world: World, central_sqlite: Engines) -> Restored:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    world.node = replace(world.node, hub=LocalHub(central_sqlite), node_id=camera.device.node_id)
    world.deletion = Deletion(world.node, lambda _seconds: False)
    path, (stream, *_) = Path(str(central_sqlite.read.url.database)), camera.camera.streams
    return Restored(world, central_sqlite, path, camera.camera.id, stream.id, director)


def _footage(restored: Restored) -> list[Segment]:
    starts = [_PAST + 60 * minute for minute in range(100)]
    return restored.world.record(*starts, stream=restored.stream, camera=restored.camera)


def _left(restored: Restored, made: list[Segment]) -> set[int]:
    return {minute for minute, left in enumerate(restored.world.left(made)) if left}


def _around(*minutes: int) -> set[int]:
    """What holds of one minute keep: two more at each side, by the roll and the clock's error."""
    return {near for minute in minutes for near in range(minute - 2, minute + 3)}


def test_after_a_restore_nothing_goes_until_the_holds_were_sent_again_and_none_is_lost(restored: Restored) -> None:
    """One hold from before the backup, one that it lacks, and one placed after the restore, whose number the lost one had."""
    first = restored.place(10)
    restored.world.make_pass()
    backup = restored.save()
    lost = restored.place(30)
    restored.world.make_pass()
    restored.put_back(backup)
    made = _footage(restored)
    later = restored.place(50)
    paused = restored.world.make_pass()
    assert paused.paused is not None
    assert "vms hold resend" in paused.paused
    assert all(restored.world.left(made))
    assert restored.known_here() == {first, lost}

    assert restored.resend() == [lost]
    assert restored.world.make_pass().paused is None
    assert restored.known_here() == restored.known_to_the_hub() == {first, lost, later}
    assert _left(restored, made) == _around(10, 30, 50)


def test_a_release_that_the_backup_lacks_is_taken_back_at_the_node_too(restored: Restored) -> None:
    """The hub says that it is in force, so it is."""
    hold = restored.place(10)
    restored.world.make_pass()
    backup = restored.save()
    with restored.central.writing() as session:
        holds.lock(session)
        assert holds.release(session, hold, by="test", at=NOW)
    restored.world.make_pass()
    assert restored.known_here() == set()
    restored.put_back(backup)
    made = _footage(restored)
    assert restored.world.make_pass().paused is not None
    assert restored.resend() == []
    assert restored.world.make_pass().paused is None
    assert restored.known_here() == {hold}
    assert _left(restored, made) == _around(10)


def test_a_release_that_was_undone_after_the_backup_is_not_written(restored: Restored) -> None:
    """Its undoing has a number, so the node has applied what the restored hub never gave it."""
    hold = restored.place(10)
    with restored.central.writing() as session:
        holds.begin_ending(session, hold, Ending(NOW + timedelta(days=7), "x", "X", "settled"))
    restored.world.make_pass()
    backup = restored.save()
    with restored.central.writing() as session:
        done(undo_release(session, restored.director, hold, at=NOW))
    restored.world.make_pass()
    restored.put_back(backup)
    made = _footage(restored)
    restored.world.clock.advance(8 * DAY)
    assert "vms hold resend" in (restored.world.make_pass().paused or "")
    assert all(restored.world.left(made))


def test_a_longer_window_that_the_backup_lacks_stops_deletion(restored: Restored) -> None:
    restored.world.make_pass()
    backup = restored.save()
    with restored.central.writing() as session:
        longer = NewPolicy(DISTRICT, Days(0, 30, 30), "the Board asked")
        assert done(set_policy(session, restored.director, longer, at=NOW)).policy.in_force is not None
    made = _footage(restored)
    assert restored.world.make_pass().paused is None
    restored.put_back(backup)
    assert "vms hold resend" in (restored.world.make_pass().paused or "")
    assert all(restored.world.left(made))


def test_holds_are_not_sent_again_while_the_backup_would_make_a_window_shorter(restored: Restored) -> None:
    """That takes a second person and three days; the policy is put back at once."""
    restored.world.make_pass()
    backup, longer = restored.save(), NewPolicy(DISTRICT, Days(0, 30, 30), "the Board asked")
    with restored.central.writing() as session:
        done(set_policy(session, restored.director, longer, at=NOW))
    made = _footage(restored)
    restored.world.make_pass()
    restored.put_back(backup)
    with restored.world.node.index.read.begin() as connection:
        rules = stream_rules.rules(connection)
    with restored.central.writing() as session:
        told = refused(resend(session, restored.director, [], rules, at=NOW))
        assert (told.refusal, told.logged) == (Refusal.NOT_ALLOWED, True)
        assert "30 days" in told.sentence
        done(set_policy(session, restored.director, longer, at=NOW))
    restored.resend()
    assert restored.world.make_pass().paused is None
    assert all(restored.world.left(made))


def test_a_backup_from_before_the_node_first_asked_is_mended_too(restored: Restored) -> None:
    backup = restored.save()
    lost = restored.place(10)
    restored.world.make_pass()
    restored.put_back(backup)
    made = _footage(restored)
    assert "vms hold resend" in (restored.world.make_pass().paused or "")
    assert restored.resend() == [lost]
    assert restored.world.make_pass().paused is None
    assert _left(restored, made) == _around(10)


def test_no_release_is_written_by_a_clock_that_leapt(restored: Restored) -> None:
    """A minute in which the machine believes to be two months ahead ends no hold."""
    hold = restored.place(10)
    restored.world.make_pass()
    made = _footage(restored)
    with restored.central.writing() as session:
        holds.begin_ending(session, hold, Ending(NOW + timedelta(days=7), "x", "X", "settled"))
    restored.world.clock.wall += timedelta(days=60)
    take_orders(restored.world.node)
    restored.world.make_pass()
    assert restored.known_to_the_hub() == {hold}
    restored.world.clock.wall -= timedelta(days=60)
    assert restored.world.make_pass().paused is None
    assert _left(restored, made) == _around(10)
    restored.world.clock.advance(8 * DAY)
    restored.world.make_pass()
    assert restored.known_to_the_hub() == set()
    assert _left(restored, made) == set()


def test_a_node_that_applied_nothing_since_the_backup_goes_on_by_itself(restored: Restored) -> None:
    hold = restored.place(10)
    restored.world.make_pass()
    restored.put_back(restored.save())
    made = _footage(restored)
    assert restored.world.make_pass().paused is None
    assert restored.known_here() == {hold}
    assert _left(restored, made) == _around(10)


def test_holds_are_sent_again_by_the_director_of_the_whole_district_alone(restored: Restored) -> None:
    with restored.central.writing() as session:
        (branch,) = branches.find(session, None)
        assert "reaches further" in refused(resend(session, elsewhere(restored.director, branch.id), [], [], at=NOW)).sentence
        refused(resend(session, replace(restored.director, role=Role.AUDITOR), [], [], at=NOW))
        refused(resend(session, CONSOLE, [], [], at=NOW))


def test_a_camera_that_the_backup_lacks_stays_held_where_it_was_recorded(restored: Restored) -> None:
    """No hold of the hub can name it; the node keeps it all the same."""
    unknown = (HoldId(77), CameraId(4711), HeldTime(1, None))
    with restored.central.writing() as session:
        assert done(resend(session, restored.director, [unknown], [], at=NOW)) == []


def test_what_a_recorder_keeps_for_a_hold_that_has_ended_brings_it_not_back(restored: Restored) -> None:
    """The hub could not end it a second time; the recorder goes on keeping what it keeps."""
    hold = restored.place(10)
    with restored.central.writing() as session:
        other = a_camera(session, a_branch(session, "Harbor")).camera.id
        holds.lock(session)
        assert holds.release(session, hold, by="test", at=NOW)
        assert done(resend(session, restored.director, [(hold, other, HeldTime(1, None))], [], at=NOW)) == []
        assert (hold, other) not in holds.covered(session)

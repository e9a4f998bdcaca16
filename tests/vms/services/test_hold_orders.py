"""What a node is told of holds, and that no lease overtakes one: by threads that place and grant at once, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done
from tests.vms.services.holding import a_hold, a_new_hold, an_answer, deciders, of_cameras
from vms.domain.camera import CameraDetails
from vms.domain.hold import HoldChange, HoldScope
from vms.domain.ids import HoldId, NodeId
from vms.domain.legal_hold import COOL_OFF
from vms.domain.people import Person, Role
from vms.domain.retention import LEASE_LASTS, LEASE_MARGIN, StreamRule
from vms.errors import Conflict, NotFound
from vms.services.cameras import CameraEdit, edit_camera, remove_camera
from vms.services.district import District, save_district
from vms.services.hold_release import confirm_release, propose_release
from vms.services.holds import hold_for
from vms.services.hub_link import HubLink, LocalHub
from vms.store import holds, leases
from vms.store.database import Engines
from vms.store.hold_tables import DeletionLeaseRow

ROUNDS, LONG_PARTS, LONG_ROUNDS = 150, 20, 500
DAY_MS = 86_400_000


def _district(engines: Engines) -> tuple[CameraDetails, Person]:
    with engines.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        return a_camera(session), a_person(session, Role.DIRECTOR)


def _place(engines: Engines, person: Person, camera: CameraDetails) -> HoldId:
    with engines.writing() as session:
        return a_hold(session, person, a_new_hold(of_cameras(camera.camera.id))).id


def _leases(engines: Engines, node: NodeId) -> dict[int, datetime]:
    with engines.reading() as session:
        query = select(DeletionLeaseRow.hold_seq, DeletionLeaseRow.until_at).where(DeletionLeaseRow.node_id == node)
        return {row.hold_seq: row.until_at for row in session.execute(query)}


def test_a_node_is_told_what_it_has_not_applied_in_order(central: Engines) -> None:
    camera, director = _district(central)
    hub: HubLink = LocalHub(central)
    first, second = (_place(central, director, camera) for _ in range(2))
    told = hub.orders(camera.device.node_id, 0, at=NOW)
    assert (told.hold_seq, [(one.seq, one.hold_id) for one in told.changes]) == (3, [(2, first), (3, second)])
    assert [one.hold_id for one in hub.orders(camera.device.node_id, 2, at=NOW).changes] == [second]
    assert hub.orders(camera.device.node_id, 3, at=NOW).changes == ()
    assert hub.hold_seq(camera.device.node_id) == 3


def test_every_stream_that_a_node_ever_recorded_has_a_rule(central: Engines) -> None:
    camera, _ = _district(central)
    streams = {stream.id for stream in camera.camera.streams}
    with central.writing() as session:
        edit = CameraEdit(1, sub_path="", password="camera secret")
        done(edit_camera(session, CONSOLE, camera.camera.id, edit, at=NOW, allow_loopback=False))
        done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW))
    rules = LocalHub(central).orders(camera.device.node_id, 0, at=NOW).rules
    assert set(rules) == {StreamRule(stream, camera.camera.id, 14 * DAY_MS) for stream in streams}
    assert len(streams) == 2


def test_before_the_district_said_how_long_nothing_has_a_rule(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session)
    assert LocalHub(central_sqlite).orders(camera.device.node_id, 0, at=NOW).rules == ()


def test_a_lease_is_written_down_longer_than_the_node_counts_it_and_forgotten_when_it_is_over(central: Engines) -> None:
    camera, director = _district(central)
    node, hub, lasts = camera.device.node_id, LocalHub(central), LEASE_LASTS + LEASE_MARGIN
    hub.orders(node, 0, at=NOW)
    hub.orders(node, 0, at=after(-60))  # a clock that was set back shortens nothing
    assert _leases(central, node) == {1: NOW + lasts}
    _place(central, director, camera)
    hub.orders(node, 0, at=after(5))
    assert _leases(central, node) == {1: NOW + lasts, 2: after(5) + lasts}
    hub.orders(node, 2, at=NOW + lasts)
    assert _leases(central, node) == {2: NOW + 2 * lasts}


def test_a_node_that_is_not_known_gets_no_lease(central_sqlite: Engines) -> None:
    hub = LocalHub(central_sqlite)
    acts: list[Callable[[], object]] = [
        lambda: hub.orders(NodeId(1), 0, at=NOW),
        lambda: hub.hold_seq(NodeId(1)),
        lambda: hub.answer_holds(NodeId(1), 0, [], at=NOW),
    ]
    for act in acts:
        with pytest.raises(NotFound, match="vms init"):
            act()


def test_a_hub_that_knows_less_than_the_node_lets_nothing_be_destroyed(central: Engines) -> None:
    camera, director = _district(central)
    node, hub = camera.device.node_id, LocalHub(central)
    _place(central, director, camera)
    with pytest.raises(Conflict, match="Nothing may be destroyed"):
        hub.orders(node, 2, at=NOW)
    with pytest.raises(Conflict, match="restored"):
        hub.answer_holds(node, 2, [], at=NOW)
    assert _leases(central, node) == {}


def test_a_release_that_is_due_is_written_by_the_orders_themselves(central: Engines) -> None:
    """With the web down nobody else does it."""
    with central.writing() as session:
        camera, other = a_camera(session), a_camera(session, a_branch(session, "Harbor"))
        director, second = deciders(session)
        scope = of_cameras(camera.camera.id, other.camera.id)
        hold = a_hold(session, director, a_new_hold(scope))
        done(propose_release(session, director, hold.id, "settled", at=NOW))
        done(confirm_release(session, second, hold.id, at=NOW))
    hub, node = LocalHub(central), camera.device.node_id
    assert [one.time for one in hub.orders(node, 0, at=NOW + COOL_OFF - timedelta(seconds=1)).changes] == [hold.time, hold.time]
    told = hub.orders(node, 2, at=NOW + COOL_OFF)
    cameras = sorted(scope.cameras)
    assert told.changes == tuple(HoldChange(seq, hold.id, camera_id, None) for seq, camera_id in zip((3, 4), cameras, strict=True))
    assert told.hold_seq == 4
    assert [(one.seq, one.time is None) for one in hub.orders(node, 0, at=NOW + COOL_OFF).changes] == [
        (1, False),
        (2, False),
        (3, True),
        (4, True),
    ]


def test_what_a_node_says_late_takes_the_place_of_nothing_newer(central: Engines) -> None:
    camera, director = _district(central)
    node, hub = camera.device.node_id, LocalHub(central)
    hold, _ = (_place(central, director, camera) for _ in range(2))
    hub.orders(node, 0, at=NOW)
    answers = [an_answer(hold, camera.camera.id, kept) for kept in range(4)]
    for applied, answer, at in ((2, answers[1], 1), (1, answers[2], 2), (2, answers[3], 3)):
        hub.answer_holds(node, applied, [answer], at=after(at))
    with central.reading() as session:
        standing = done(hold_for(session, director, hold))
        assert leases.applied_by_node(session) == {node: 2}
    assert [(one.answer.kept_segments, one.at) for one in standing.answers] == [(3, after(3))]


def test_an_answer_about_what_the_node_does_not_record_is_left_out(central: Engines) -> None:
    camera, director = _district(central)
    hold = _place(central, director, camera)
    with central.writing() as session:
        other = a_camera(session, a_branch(session, "Harbor"))
    hub = LocalHub(central)
    strange = [an_answer(hold, other.camera.id), an_answer(HoldId(5), camera.camera.id), an_answer(hold, camera.camera.id)]
    hub.orders(camera.device.node_id, 0, at=NOW)
    hub.answer_holds(camera.device.node_id, 1, strange, at=NOW)
    with central.reading() as session:
        assert [one.answer.camera_id for one in leases.answers_of(session, hold)] == [camera.camera.id]


@dataclass
class _Race:
    """Rounds of one who places a hold and one who asks for a lease, both let go at once."""

    engines: Engines
    camera: CameraDetails
    director: Person
    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))
    applied: int = 0
    missing: list[int] = field(default_factory=list)
    """Numbers of holds that a lease was granted over without them."""
    late: list[int] = field(default_factory=list)
    """Numbers of holds that had committed when a lease with an older number was granted."""
    before: int = 0
    """Rounds in which the hold came first."""

    def round(self, number: int, pool: ThreadPoolExecutor) -> None:
        node = self.camera.device.node_id
        placing = pool.submit(self._placed)
        self.barrier.wait()
        orders = LocalHub(self.engines).orders(node, self.applied, at=after(number / 1000))
        seq, seen = placing.result()
        carried = {change.seq for change in orders.changes}
        self.missing += [seq] if seq <= orders.hold_seq and seq not in carried else []
        now = {lease: until for lease, until in _leases(self.engines, node).items() if lease < seq}
        self.late += [] if now == seen else [seq]
        self.before += seq <= orders.hold_seq
        self.applied = orders.hold_seq

    def _placed(self) -> tuple[int, dict[int, datetime]]:
        """Place a hold; return its number and, once it has committed, the leases without it."""
        self.barrier.wait()
        with self.engines.writing() as session:
            a_hold(session, self.director, a_new_hold(HoldScope(branches=frozenset({self.camera.branch.id}))))
            seq = holds.seq(session)
        return seq, {lease: until for lease, until in _leases(self.engines, self.camera.device.node_id).items() if lease < seq}


@pytest.mark.slow
def test_no_lease_overtakes_a_hold(central: Engines) -> None:
    _race(central, ROUNDS)


@pytest.mark.long
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_no_lease_overtakes_a_hold_ten_thousand_times(central: Engines, part: int) -> None:
    """In parts, as a lease looks at every hold there is and a district with ten thousand of them would be raced slowly."""
    del part
    _race(central, LONG_ROUNDS)


def _race(engines: Engines, rounds: int) -> None:
    race = _Race(engines, *_district(engines))
    with ThreadPoolExecutor(1) as pool:
        for number in range(rounds):
            race.round(number, pool)
    assert (race.missing, race.late) == ([], [])
    assert 0 < race.before < rounds, "one of the two was always first: nothing was raced"

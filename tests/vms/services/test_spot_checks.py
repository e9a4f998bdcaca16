"""Spot checks: who may ask about which day, that asking and each verdict are written, and that a machine answers once what it was asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, STREAM, a_branch, a_camera, a_person, done, elsewhere, refused
from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.day_proof import DayProof, Verdict
from vms.domain.ids import HoldId, NodeId, SpotCheckId
from vms.domain.people import Person, Role
from vms.domain.purge import Batch, Purge, PurgeHead
from vms.domain.spot_check import WAITS
from vms.domain.timespan import Timespan, ms_of
from vms.errors import Conflict, InvalidInput
from vms.services import spot_checks
from vms.services.cameras import remove_camera
from vms.services.district import District, save_district
from vms.services.hub_link import LocalHub
from vms.services.purge_heads import note_head
from vms.store import access_log
from vms.store.database import Engines

DAYS = 10
LATER = NOW + timedelta(days=DAYS)
DAY = "2026-03-15"


@pytest.fixture
def camera(central: Engines) -> CameraDetails:
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        return a_camera(session)


@pytest.fixture
def auditor(central: Engines) -> Person:
    with central.writing() as session:
        return a_person(session, Role.AUDITOR)


def _picked(central: Engines, person: Person, camera: CameraDetails) -> SpotCheckId:
    with central.writing() as session:
        return done(spot_checks.pick(session, person, camera.camera.id, DAY, at=LATER))


def _proof(camera: CameraDetails, day: Timespan) -> DayProof:
    start = ms_of(day.start)
    batch = Batch(1, STREAM, camera.camera.id, start, start, start + 60_000, 1, 7, 14 * 86_400_000, 1, ms_of(LATER))
    return DayProof(
        camera_id=camera.camera.id,
        day=day,
        verdict=Verdict.GONE,
        keeps_days=14,
        over_at=LATER,
        held=(HoldId(4),),
        purges=(Purge(batch, 3, ms_of(LATER), bytes(range(32))),),
        rows=0,
        files=0,
        left=(),
        keys_there=0,
        keys_destroyed=24,
        entries=3,
        broken_at=None,
        heads=1,
        unmounted=(),
    )


def _events(session: Session, action: Action) -> list[dict[str, str]]:
    found = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({action})), limit=99)
    return [one.detail for one in reversed(found)]


def test_a_machine_answers_what_it_was_asked_once_and_the_log_has_both(central: Engines, camera: CameraDetails, auditor: Person) -> None:
    number, hub, node = _picked(central, auditor, camera), LocalHub(central), camera.device.node_id
    (asked,) = hub.spot_checks(node)
    assert (asked.id, asked.camera_id, asked.day.duration) == (number, camera.camera.id, timedelta(days=1))
    with central.writing() as session:
        note_head(session, node, PurgeHead(2, bytes(32), 0, 0), at=NOW)
        note_head(session, node, PurgeHead(5, bytes(32), 1, 7), at=NOW)
        note_head(session, node, PurgeHead(9, bytes(32), 1, 7), at=NOW)
    hub.answer_spot_check(NodeId(node + 1), number, _proof(camera, asked.day), at=LATER)
    assert hub.spot_checks(node), "only the machine that was asked answers"
    hub.answer_spot_check(node, number, _proof(camera, asked.day), at=LATER)
    hub.answer_spot_check(node, number, _proof(camera, asked.day), at=LATER + timedelta(hours=1))
    assert hub.spot_checks(node) == []
    with central.reading() as session:
        check = done(spot_checks.check_for(session, auditor, number))
        heads = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.PURGE_HEAD})), limit=9)
        assert _events(session, Action.SPOT_CHECK_ASK) == [{"day": DAY, "how": "picked"}]
        assert _events(session, Action.SPOT_CHECK_ANSWER) == [{"day": DAY, "verdict": "gone", "asked_by": auditor.label}]
    assert check.answered_at == LATER
    assert check.proof is not None
    assert (check.proof.verdict, check.proof.held, check.proof.keys_destroyed) == (Verdict.GONE, (4,), 24)
    (purge,) = check.proof.purges
    assert (purge.position, purge.root, purge.keeps_days, purge.policy_version) == (3, bytes(range(32)).hex(), 14, 1)
    behind = next(one.number for one in heads if one.detail["position"] == "5")
    assert check.proof.log_entry == behind, "the first that has the position, or one behind it"


def test_every_day_can_be_drawn_and_each_drawing_is_in_the_log(central: Engines, camera: CameraDetails, auditor: Person) -> None:
    """Ten days: that one of them never comes in 300 draws happens once in 10^13 runs."""
    hub, days = LocalHub(central), set()
    for _ in range(15):
        for _ in range(spot_checks.MOST_WAITING):
            with central.writing() as session:
                spot_checks.draw(session, auditor, at=LATER)
        for asked in hub.spot_checks(camera.device.node_id):
            days.add(asked.day)
            hub.answer_spot_check(camera.device.node_id, asked.id, _proof(camera, asked.day), at=LATER)
    assert len(days) == DAYS
    with central.reading() as session:
        found = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.SPOT_CHECK_ASK})), limit=999)
    assert len(found) == 15 * spot_checks.MOST_WAITING
    assert {one.detail["how"] for one in found} == {"drawn"}


def test_no_more_waits_than_machines_can_look_into(central: Engines, camera: CameraDetails, auditor: Person) -> None:
    for _ in range(spot_checks.MOST_WAITING):
        _picked(central, auditor, camera)
    with central.writing() as session, pytest.raises(Conflict, match="20 checks wait"):
        spot_checks.draw(session, auditor, at=LATER + WAITS - timedelta(seconds=1))


def test_a_check_that_no_machine_answered_lapses_and_keeps_nobody_from_asking(
    central: Engines, camera: CameraDetails, auditor: Person
) -> None:
    numbers = [_picked(central, auditor, camera) for _ in range(spot_checks.MOST_WAITING)]
    over, hub = LATER + WAITS, LocalHub(central)
    with central.writing() as session:
        spot_checks.draw(session, auditor, at=over)
        waits = done(spot_checks.check_for(session, auditor, numbers[0]))
    assert [waits.has_lapsed(at) for at in (over - timedelta(seconds=1), over)] == [False, True]
    hub.answer_spot_check(camera.device.node_id, waits.id, _proof(camera, waits.day), at=over)
    with central.reading() as session:
        late = done(spot_checks.check_for(session, auditor, waits.id))
    assert (late.answered_at, late.has_lapsed(over)) == (over, False), "a late answer is taken"


@pytest.mark.parametrize("day", ["2026-03-25", "2026-03-24", "yesterday", "", "9999-12-31", "0001-01-01T00:00"])
def test_a_day_that_is_not_over_or_is_none_is_refused(central: Engines, camera: CameraDetails, auditor: Person, day: str) -> None:
    with central.writing() as session, pytest.raises(InvalidInput):
        spot_checks.pick(session, auditor, camera.camera.id, day, at=LATER)


def test_nobody_asks_about_or_sees_a_camera_out_of_reach(central: Engines, camera: CameraDetails, auditor: Person) -> None:
    number = _picked(central, auditor, camera)
    with central.writing() as session:
        director = elsewhere(a_person(session, Role.DIRECTOR), a_branch(session, "Elsewhere").id)
        refused(spot_checks.pick(session, director, camera.camera.id, DAY, at=LATER))
        refused(spot_checks.check_for(session, director, number))
        assert spot_checks.list_checks(session, director) == []
        assert [one.id for one in spot_checks.list_checks(session, auditor)] == [number]
        with pytest.raises(Conflict, match="no day to draw"):
            spot_checks.draw(session, director, at=LATER)


def test_a_removed_camera_is_checked_like_any_other(central: Engines, camera: CameraDetails, auditor: Person) -> None:
    with central.writing() as session:
        done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW + timedelta(days=3)))
        assert [one.until for one in spot_checks.checkable(session, auditor)] == [NOW + timedelta(days=3)]
    assert LocalHub(central).spot_checks(camera.device.node_id) == []
    _picked(central, auditor, camera)
    assert len(LocalHub(central).spot_checks(camera.device.node_id)) == 1

"""Legal holds: who places one, what it covers, what comes under it later, and how far it is in force."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, elsewhere, refused
from tests.vms.services.holding import a_hold, a_new_hold, an_answer, of_cameras
from vms.domain.access import Action
from vms.domain.hold import HeldTime, HoldKind, HoldScope
from vms.domain.ids import AreaId, BranchId, CameraId, HoldId, PersonId, SessionId
from vms.domain.legal_hold import DEFAULT_REVIEW, MAX_REVIEW, HoldState
from vms.domain.outcome import Refusal
from vms.domain.people import PERMISSIONS, Permission, Person, Role
from vms.domain.retention import LEASE_LASTS, LEASE_MARGIN
from vms.domain.timespan import ms_of
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.cameras import CameraEdit, edit_camera, remove_camera
from vms.services.holds import NewHold, hold_for, hold_named, list_holds, list_overviews, named_within, place_hold
from vms.services.hub_link import LocalHub
from vms.store import access_log, holds
from vms.store.database import Engines
from vms.store.hold_tables import HoldClockRow

DESK = Person(PersonId(1), "Ana", Role.DESK, SessionId(1))
CAMERA = HoldScope(cameras=frozenset({CameraId(1)}))


def test_a_hold_covers_its_cameras_each_with_a_number_of_its_own(central: Engines) -> None:
    with central.writing() as session:
        branch = a_branch(session)
        first, second = a_camera(session, branch, "Entrance"), a_camera(session, branch, "Parking")
        removed, other = a_camera(session, branch, "Old door"), a_camera(session, a_branch(session, "Harbor"))
        done(remove_camera(session, CONSOLE, removed.camera.id, at=NOW))
        director = a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(HoldScope(branches=frozenset({branch.id}))))
        standing = done(hold_for(session, director, hold.id))
    assert {one.camera_id for one in standing.cameras} == {one.camera.id for one in (first, second, removed)}
    assert other.camera.id not in {one.camera_id for one in standing.cameras}
    assert sorted(one.seq for one in standing.cameras) == [1, 2, 3]
    assert (hold.time, hold.review_at) == (HeldTime(ms_of(NOW), ms_of(after(600)) + 1), NOW + DEFAULT_REVIEW)
    assert standing.hold == hold


def test_placing_a_hold_is_an_entry_of_the_log(central: Engines) -> None:
    with central.writing() as session:
        camera = a_camera(session)
        director = a_person(session, Role.DIRECTOR)
        new = a_new_hold(of_cameras(camera.camera.id), authority="Alder County 26-CV-1188")
        hold = a_hold(session, director, new)
        (entry, *_) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.HOLD_PLACE})), limit=9)
    assert (entry.actor, entry.detail["hold"], entry.detail["matter"]) == (director.label, str(hold.id), "Smith v. District")
    assert (entry.detail["of"], entry.detail["cameras"]) == ("Main Street/Entrance", "1")
    assert (entry.detail["kind"], entry.detail["authority"]) == ("litigation", "Alder County 26-CV-1188")


@pytest.mark.parametrize("role", list(Role))
def test_only_who_decides_places_holds(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        camera, person = a_camera(session), a_person(session, role)
        answer = place_hold(session, person, a_new_hold(of_cameras(camera.camera.id)), at=NOW)
        may = Permission.HOLD_PLACE in PERMISSIONS[role]
        assert may is (role in (Role.DIRECTOR, Role.DELEGATE))
        assert may or refused(answer).refusal is Refusal.NOT_ALLOWED
        assert len(holds.unreleased(session)) == may


def test_the_console_places_none_and_sees_them(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session)
        assert refused(place_hold(session, CONSOLE, a_new_hold(of_cameras(camera.camera.id)), at=NOW)).logged
        hold = a_hold(session, a_person(session, Role.DIRECTOR), a_new_hold(of_cameras(camera.camera.id)))
        assert done(list_holds(session, CONSOLE)) == [hold]


@pytest.mark.parametrize("role", [Role.DESK, Role.COUNSEL, Role.SUPERVISOR])
def test_who_has_nothing_to_do_with_holds_sees_none(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        person = a_person(session, role)
        assert refused(list_holds(session, person)).refusal is Refusal.NOT_ALLOWED
        assert refused(hold_for(session, person, HoldId(1))).refusal is Refusal.NOT_ALLOWED


def test_what_is_out_of_reach_is_what_does_not_exist(central: Engines) -> None:
    with central.writing() as session:
        harbor, main = a_branch(session, "Harbor"), a_branch(session)
        there, here = a_camera(session, harbor, area="Door"), a_camera(session, main)
        assert there.area is not None
        director = a_person(session, Role.DIRECTOR)
        limited = elsewhere(director, main.id)
        for scope in (
            of_cameras(there.camera.id, here.camera.id),
            HoldScope(areas=frozenset({there.area.id})),
            HoldScope(branches=frozenset({harbor.id})),
        ):
            assert refused(place_hold(session, limited, a_new_hold(scope), at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        for scope in (CAMERA, HoldScope(areas=frozenset({AreaId(1)})), HoldScope(branches=frozenset({BranchId(1)}))):
            assert refused(place_hold(session, director, a_new_hold(scope), at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        theirs = a_hold(session, director, a_new_hold(HoldScope(areas=frozenset({there.area.id}))))
        both = a_hold(session, director, a_new_hold(of_cameras(there.camera.id, here.camera.id), matter="both"), at=after(1))
        assert done(list_holds(session, limited)) == [both]
        assert [one.camera_id for one in done(hold_for(session, limited, both.id)).cameras] == [here.camera.id]
        assert refused(hold_for(session, limited, theirs.id)).refusal is Refusal.OUT_OF_SCOPE
        assert done(list_holds(session, elsewhere(director, harbor.id))) == [both, theirs]


def test_a_hold_on_a_branch_without_cameras_is_seen_by_who_looks_after_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        harbor, main = a_branch(session, "Harbor"), a_branch(session)
        director = a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(HoldScope(branches=frozenset({harbor.id})), end=None))
        assert done(list_holds(session, elsewhere(director, harbor.id))) == [hold]
        assert done(list_holds(session, elsewhere(director, main.id))) == []
        assert done(hold_for(session, director, hold.id)).effective(NOW)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (a_new_hold(HoldScope()), "at least one"),
        (a_new_hold(CAMERA, matter="  "), "Name the matter"),
        (a_new_hold(CAMERA, matter="x" * 121), "120"),
        (a_new_hold(CAMERA, reason=""), "why it is to be kept"),
        (a_new_hold(CAMERA, reason="x" * 501), "500"),
        (a_new_hold(CAMERA, authority="x" * 201), "200"),
        (a_new_hold(CAMERA, end=NOW), "ends after it starts"),
        (a_new_hold(CAMERA, end=after(-1)), "ends after it starts"),
        (a_new_hold(CAMERA, start=NOW + MAX_REVIEW + timedelta(days=1), end=None), "at the latest"),
        (a_new_hold(CAMERA, start=NOW.replace(year=1969)), "before there was footage"),
        (a_new_hold(CAMERA, end=NOW.replace(year=9999)), "Leave it out"),
        (a_new_hold(CAMERA, review_at=NOW), "review date"),
        (a_new_hold(CAMERA, review_at=NOW + MAX_REVIEW + timedelta(seconds=1)), "review date"),
        (a_new_hold(CAMERA, expires_at=after(60)), "only a provisional one"),
        (a_new_hold(CAMERA, kind=HoldKind.PROVISIONAL, expires_at=NOW), "a day to come"),
        (a_new_hold(CAMERA, kind=HoldKind.PROVISIONAL, expires_at=NOW + MAX_REVIEW + timedelta(seconds=1)), "a day to come"),
    ],
)
def test_what_can_not_be_meant_is_said(central_sqlite: Engines, new: NewHold, says: str) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        with pytest.raises(InvalidInput, match=says):
            place_hold(session, director, new, at=NOW)


def test_a_hold_is_found_by_number_and_by_matter(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id)))
        assert done(hold_named(session, director, str(hold.id))) == hold
        assert done(hold_named(session, director, "smith v.  district")) == hold
        assert "vms hold list" in refused(hold_named(session, director, "nothing")).sentence
        assert refused(hold_named(session, DESK, "nothing")).refusal is Refusal.NOT_ALLOWED
        a_hold(session, director, a_new_hold(of_cameras(camera.camera.id)))
        with pytest.raises(Conflict, match="number"):
            hold_named(session, director, "Smith v. District")


def test_hardware_that_is_replaced_mid_hold_stays_under_it(central: Engines) -> None:
    with central.writing() as session:
        camera, director = a_camera(session, password=""), a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), end=None))
        edit = CameraEdit(camera.camera.version, host="10.20.1.99", sub_path="/other")
        after_ = done(edit_camera(session, CONSOLE, camera.camera.id, edit, at=after(60), allow_loopback=False))
        assert [one.camera_id for one in done(hold_for(session, director, hold.id)).cameras] == [camera.camera.id]
    told = LocalHub(central).orders(camera.device.node_id, 0, at=after(61))
    assert [(change.hold_id, change.camera_id) for change in told.changes] == [(hold.id, camera.camera.id)]
    assert {rule.stream_id for rule in told.rules} <= {stream.id for stream in after_.camera.streams}


def test_a_camera_that_comes_to_a_branch_comes_under_its_open_hold(central: Engines) -> None:
    with central.writing() as session:
        branch, director = a_branch(session), a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(HoldScope(branches=frozenset({branch.id})), end=None))
        over = a_hold(session, director, a_new_hold(HoldScope(branches=frozenset({branch.id})), start=after(-900), end=after(-600)))
        camera = a_camera(session, branch, at=after(60))
        elsewhere_ = a_camera(session, a_branch(session, "Harbor"), at=after(60))
        assert [one.camera_id for one in done(hold_for(session, director, hold.id)).cameras] == [camera.camera.id]
        assert done(hold_for(session, director, over.id)).cameras == ()
        wanted = access_log.Filter(actions=frozenset({Action.HOLD_COVER}))
        (entry,) = access_log.find(session, DISTRICT, None, wanted, limit=9)
    assert (entry.camera_id, entry.detail["hold"]) == (camera.camera.id, str(hold.id))
    assert "Smith" not in str(entry.detail)  # who reads of a camera need not know of holds
    told = LocalHub(central).orders(camera.device.node_id, 0, at=after(61))
    assert [(change.seq, change.camera_id, change.time) for change in told.changes] == [(1, camera.camera.id, hold.time)]
    assert elsewhere_.camera.id not in {change.camera_id for change in told.changes}


def test_a_camera_that_is_moved_into_an_area_comes_under_its_hold_and_stays_under_it(central: Engines) -> None:
    with central.writing() as session:
        branch, director = a_branch(session), a_person(session, Role.DIRECTOR)
        stands = a_camera(session, branch, "Door", area="Entrance")
        moved = a_camera(session, branch, "Hall")
        assert stands.area is not None
        hold = a_hold(session, director, a_new_hold(HoldScope(areas=frozenset({stands.area.id})), end=None))
        seen = [{one.camera_id for one in done(hold_for(session, director, hold.id)).cameras}]
        for version, area in ((1, "entrance"), (2, ""), (3, "Entrance")):
            edit = CameraEdit(version, area=area)
            done(edit_camera(session, CONSOLE, moved.camera.id, edit, at=after(60), allow_loopback=False))
            seen.append({one.camera_id for one in done(hold_for(session, director, hold.id)).cameras})
    assert seen == [{stands.camera.id}, *[{stands.camera.id, moved.camera.id}] * 3]


def test_a_hold_is_pending_until_its_node_has_applied_it_or_its_older_lease_is_over(central: Engines) -> None:
    hub = LocalHub(central)
    with central.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    node = camera.device.node_id
    before = hub.orders(node, 0, at=NOW)
    with central.writing() as session:
        hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id)), at=after(1))
    safe_from = NOW + LEASE_LASTS + LEASE_MARGIN
    newer = hub.orders(node, before.hold_seq, at=after(2))  # its reply may be lost: the older lease is still used
    with central.reading() as session:
        (standing,) = done(hold_for(session, director, hold.id)).nodes
    assert (standing.applied, standing.safe_from) == (False, safe_from)
    assert not standing.effective(safe_from - timedelta(seconds=1))
    assert standing.effective(safe_from)
    hub.answer_holds(node, newer.hold_seq, [an_answer(hold.id, camera.camera.id)], at=after(3))
    with central.reading() as session:
        told = done(hold_for(session, director, hold.id))
    assert told.effective(after(3))
    assert [(one.answer, one.at) for one in told.answers] == [(an_answer(hold.id, camera.camera.id), after(3))]


def test_where_no_lease_was_granted_a_hold_is_in_force_at_once(central: Engines) -> None:
    with central.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id)))
        standing = done(hold_for(session, director, hold.id))
    assert standing.effective(NOW)
    assert not standing.nodes[0].applied
    assert standing.hold.state(NOW) is HoldState.ACTIVE


def test_the_list_says_how_far_each_hold_is_in_force_and_of_a_released_one_nothing(central: Engines) -> None:
    hub = LocalHub(central)
    with central.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    hub.orders(camera.device.node_id, 0, at=NOW)
    with central.writing() as session:
        released, pending = (a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), matter=name), at=after(1)) for name in "ab")
        holds.lock(session)
        assert holds.release(session, released.id, by="test", at=after(2))
        first, last = done(list_overviews(session, director))
    assert (first.hold.id, last.hold.id, last.nodes) == (pending.id, released.id, ())
    safe_from = NOW + LEASE_LASTS + LEASE_MARGIN
    assert [(node.node_id, node.safe_from) for node in first.pending(after(2))] == [(camera.device.node_id, safe_from)]
    assert first.pending(safe_from) == last.pending(after(2)) == []


def test_what_a_hold_names_beyond_the_reach_of_a_reader_is_not_told(central: Engines) -> None:
    with central.writing() as session:
        here, there = a_branch(session, "Here"), a_branch(session, "There")
        mine, theirs = a_camera(session, here, "Door", area="Hall"), a_camera(session, there, "Safe", area="Cellar")
        assert mine.area is not None
        assert theirs.area is not None
        everything = HoldScope(
            frozenset({mine.camera.id, theirs.camera.id}), frozenset({mine.area.id, theirs.area.id}), frozenset({here.id, there.id})
        )
        director = a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(everything))
        whole, part = (named_within(session, one, hold) for one in (director, elsewhere(director, here.id)))
    assert (whole.scope, whole.beyond) == (everything, False)
    assert part.scope == HoldScope(frozenset({mine.camera.id}), frozenset({mine.area.id}), frozenset({here.id}))
    assert (part.names, part.beyond) == (("Here", "Here/Hall", "Here/Door"), True)


def test_the_list_is_for_who_may_see_holds(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        refused(list_overviews(session, a_person(session, Role.DESK)))


def test_without_the_row_that_numbers_them_no_hold_is_placed(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        session.execute(delete(HoldClockRow))
        with pytest.raises(Corrupt, match="hold_clock"):
            place_hold(session, director, a_new_hold(CAMERA), at=NOW)

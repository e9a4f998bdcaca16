"""Retention policies: raised at once with a reason, lowered by two people after 72 hours, and told to the nodes per camera."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_hub_that_ran, a_person, after, an_account, done, elsewhere, refused
from tests.vms.services.holding import a_hold, a_new_hold, deciders, of_cameras
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import Branch, CameraDetails, RecordingMode
from vms.domain.footage import CoverageSpan
from vms.domain.ids import CameraId, PolicyVersion
from vms.domain.outcome import Refusal
from vms.domain.people import Person, Role
from vms.domain.policy import DISTRICT, LOWER_WAIT, Days, Effect, PlaceKind, PolicyPlace, RetentionPolicy, Window
from vms.domain.timespan import ms_of
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT as LOG
from vms.services.cameras import CameraEdit, edit_camera
from vms.services.district import District, load_district, save_district
from vms.services.due_acts import announce, carry_out_due
from vms.services.hub_link import LocalHub
from vms.services.policies import NewPolicy, approve_policy, checked_hours, confirm_lowering, list_versions, plan_policy, set_policy
from vms.services.policy_standing import versions_for
from vms.services.second_person import list_waiting, names_of, stop
from vms.store import access_log, coverage, holds, policies
from vms.store.database import Engines

DAY_MS = 86_400_000
MOMENT = timedelta(seconds=1)
ALDER = District("Alder", "America/Los_Angeles", 14, "Helen Marsh")
EVERYWHERE = (None, None, None)


def _district(session: Session) -> tuple[Person, Person]:
    """Return a Director and a Delegate of a district that was just set up."""
    save_district(session, CONSOLE, ALDER, at=NOW)
    return deciders(session)


def _branch(branch: Branch) -> PolicyPlace:
    return PolicyPlace(PlaceKind.BRANCH, branch.id)


def _camera(camera: CameraId) -> PolicyPlace:
    return PolicyPlace(PlaceKind.CAMERA, camera)


def _days(target: int | None = None, least: int | None = None, most: int | None = None) -> Days:
    return Days(least, target, most)


def _district_days(target: int) -> Days:
    return Days(0, target, 30)


def _new(place: PolicyPlace, days: Days, reason: str = "the Board asked") -> NewPolicy:
    return NewPolicy(place, days, reason)


def _kept(engines: Engines, camera: CameraDetails) -> set[int]:
    rules = LocalHub(engines).orders(camera.device.node_id, 0, at=NOW).rules
    return {rule.keep_ms // DAY_MS for rule in rules if rule.camera_id == camera.camera.id}


def _events(session: Session) -> list[AccessEvent]:
    return [*reversed(access_log.find(session, LOG, None, access_log.Filter(), limit=99))]


def _actions(session: Session) -> list[Action]:
    return [event.action for event in _events(session) if event.action is not Action.PERSON_ADD and event.action is not Action.SESSION_OPEN]


def _current(session: Session, place: PolicyPlace = DISTRICT) -> RetentionPolicy:
    found = policies.current(session, place)
    assert found is not None
    return found


def test_set_up_makes_the_first_version_in_force_and_signed_by_nobody(central: Engines) -> None:
    with central.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
    with central.reading() as session:
        first = _current(session)
        assert (first.version, first.days, first.made_by, first.approval) == (1, Days(0, 14, 30), CONSOLE.label, None)
        assert first.in_force is not None
        assert first.in_force.at == NOW
        assert load_district(session) == ALDER
        assert [one.action for one in _events(session)][-3:] == [Action.POLICY_SET, Action.POLICY_FORCE, Action.DISTRICT_EDIT]


def test_other_days_are_no_set_up_but_a_version(central: Engines) -> None:
    with central.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        save_district(session, CONSOLE, replace(ALDER, name="Alder County"), at=NOW)
        with pytest.raises(Conflict, match="vms policy set --target 20"):
            save_district(session, CONSOLE, replace(ALDER, days=20), at=NOW)
        assert [one.version for one in policies.versions(session, limit=9)] == [1]


def test_each_camera_is_kept_as_its_place_says_and_the_nodes_ask_again(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        main, harbor = a_branch(session), a_branch(session, "Harbor")
        plain, own = a_camera(session, main), a_camera(session, main, "Desk")
        there, room = a_camera(session, harbor), a_camera(session, harbor, "Room", area="Children")
        before = holds.seq(session)
        assert room.area is not None
        for place, days in (
            (_branch(harbor), _days(20)),
            (PolicyPlace(PlaceKind.AREA, room.area.id), _days(25)),
            (_camera(own.camera.id), _days(30)),
        ):
            assert done(set_policy(session, director, _new(place, days), at=NOW)).outcome.effect is Effect.RAISES
        assert holds.seq(session) == before + 3
    assert [_kept(central, one) for one in (plain, own, there, room)] == [{14}, {30}, {20}, {25}]


def test_raising_counts_at_once_with_a_reason_and_an_entry(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        camera = a_camera(session)
        planned = done(set_policy(session, director, _new(DISTRICT, _district_days(21)), at=after(5)))
        assert (planned.policy.version, planned.waits) == (2, None)
        assert planned.policy.in_force is not None
        assert planned.policy.approval is not None
        assert planned.policy.approval.by_name == director.name
        assert [(one.before, one.after) for one in planned.outcome.cameras] == [(Window(0, 14, 30), Window(0, 21, 30))]
        told = _events(session)[-2:]
        assert [one.action for one in told] == [Action.POLICY_SET, Action.POLICY_FORCE]
        assert told[0].detail["reason"] == "the Board asked"
        assert told[1].detail["target"] == "21"
    assert _kept(central, camera) == {21}


def test_lowering_waits_for_a_second_person_and_72_hours(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        camera = a_camera(session)
        planned = done(set_policy(session, director, _new(DISTRICT, _district_days(7)), at=NOW))
        version = planned.policy.version
        assert planned.waits is not None
        assert (planned.waits.earliest_at, planned.waits.alone_at, planned.policy.in_force) == (NOW + LOWER_WAIT, None, None)
    assert _kept(central, camera) == {14}
    with central.writing() as session:
        leapt = refused(confirm_lowering(session, delegate, version, at=NOW + LOWER_WAIT))
        assert "may have leapt" in leapt.sentence
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        own = refused(confirm_lowering(session, director, version, at=NOW + LOWER_WAIT))
        early = refused(confirm_lowering(session, delegate, version, at=NOW + LOWER_WAIT - MOMENT))
        assert (own.refusal, early.refusal) == (Refusal.NOT_ALLOWED, Refusal.NOT_ALLOWED)
    assert _kept(central, camera) == {14}
    with central.writing() as session:
        seq = holds.seq(session)
        counted = done(confirm_lowering(session, delegate, version, at=NOW + LOWER_WAIT))
        assert counted.in_force is not None
        assert (counted.in_force.by, counted.in_force.seq) == (delegate.label, seq + 1)
        assert refused(confirm_lowering(session, delegate, version, at=NOW + LOWER_WAIT)).refusal is Refusal.OUT_OF_SCOPE
        assert _actions(session)[-3:] == [Action.ACCESS_REFUSE, Action.PROPOSAL_APPROVE, Action.POLICY_FORCE]
    assert _kept(central, camera) == {7}


@pytest.mark.parametrize("what", ["target", "floor", "mixed"])
def test_whatever_keeps_anything_shorter_waits(central_sqlite: Engines, what: str) -> None:
    with central_sqlite.writing() as session:
        director, _ = _district(session)
        branch = a_branch(session)
        done(set_policy(session, director, _new(_branch(branch), _days(20, 10, 25)), at=NOW))
        days = {"target": _days(19, 10, 25), "floor": _days(20, 9, 25), "mixed": _days(25, 5, 25)}[what]
        assert done(set_policy(session, director, _new(_branch(branch), days), at=NOW)).waits is not None


def test_a_lower_ceiling_of_the_district_cuts_what_a_branch_says_and_says_so(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        branch = a_branch(session, "Harbor")
        camera = a_camera(session, branch)
        done(set_policy(session, director, _new(_branch(branch), _days(30)), at=NOW))
        planned = done(plan_policy(session, director, _new(DISTRICT, Days(0, 14, 20)), at=NOW))
        assert planned.outcome.clipped == ("Harbor",)
        assert planned.outcome.effect is Effect.LOWERS
        assert [(one.camera_id, one.after.target_days) for one in planned.outcome.cameras] == [(camera.camera.id, 20)]


def test_where_nobody_else_could_confirm_it_counts_after_72_hours_in_which_everybody_was_told(central: Engines, tmp_path: Path) -> None:
    with central.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        director, camera = a_person(session, Role.DIRECTOR), a_camera(session)
        planned = done(set_policy(session, director, _new(DISTRICT, _district_days(7)), at=NOW))
        assert planned.waits is not None
        assert planned.waits.alone_at == NOW + LOWER_WAIT
        announce(session, Settings(data_dir=tmp_path), at=NOW)
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        assert carry_out_due(session, at=NOW + LOWER_WAIT - MOMENT) == []
        assert carry_out_due(session, at=NOW + timedelta(days=9)) == [], "the log was not signed the day before: that clock leapt"
    assert _kept(central, camera) == {14}
    with central.writing() as session:
        assert len(carry_out_due(session, at=NOW + LOWER_WAIT)) == 1
        assert [one.action for one in _events(session)][-2:] == [Action.PROPOSAL_ALONE, Action.POLICY_FORCE]
    assert _kept(central, camera) == {7}


def test_what_was_stopped_never_counts_and_frees_its_place(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        planned = done(set_policy(session, director, _new(DISTRICT, _district_days(7)), at=NOW))
        assert planned.waits is not None
        with pytest.raises(Conflict, match="Version 2 for the district waits"), session.begin_nested():
            set_policy(session, director, _new(DISTRICT, _district_days(20)), at=NOW)
        (waiting,) = list_waiting(session, delegate)
        assert names_of(session, [waiting]) == {waiting.id: "retention policy, version 2 (the district)"}
        done(stop(session, delegate, waiting.id, at=NOW))
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        assert refused(confirm_lowering(session, delegate, planned.policy.version, at=NOW + LOWER_WAIT)).refusal is Refusal.OUT_OF_SCOPE
        assert done(set_policy(session, director, _new(DISTRICT, _district_days(20)), at=NOW)).policy.version == 3
        assert _current(session).days.target_days == 20
        assert [one.version for one, _, _ in done(list_versions(session, director))] == [3, 2, 1]


def test_a_second_person_of_another_branch_is_none(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        harbor, west = a_branch(session, "Harbor"), a_branch(session, "West")
        an_account(session, Role.DELEGATE, branches=frozenset({west.id}))
        director = a_person(session, Role.DIRECTOR)
        planned = done(set_policy(session, director, _new(_branch(harbor), _days(7)), at=NOW))
        assert planned.waits is not None
        assert planned.waits.alone_at is not None, "nobody else could: the Delegate looks after West alone"


def test_only_who_reaches_a_place_says_how_long_it_keeps(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        harbor, west = a_branch(session, "Harbor"), a_branch(session, "West")
        local = elsewhere(director, harbor.id)
        for place in (DISTRICT, _branch(west), _branch(Branch(harbor.id, "", "UTC")), _camera(CameraId(5))):
            answer = set_policy(session, local, _new(place, Days(0, 20, 30)), at=NOW)
            assert (place == _branch(harbor)) == (not hasattr(answer, "refusal")), place
        done(set_policy(session, director, _new(_branch(west), _days(7)), at=NOW))
        assert refused(confirm_lowering(session, elsewhere(delegate, harbor.id), PolicyVersion(3), at=NOW + LOWER_WAIT)).sentence
        assert [one.version for one, _, _ in done(list_versions(session, local))] == [2, 1]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DIRECTOR])
def test_only_the_director_says_how_long(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        person = a_person(session, role)
        for answer in (
            set_policy(session, person, _new(DISTRICT, _district_days(20)), at=NOW),
            plan_policy(session, person, _new(DISTRICT, _district_days(20)), at=NOW),
            approve_policy(session, person, PolicyVersion(1), at=NOW),
        ):
            assert refused(answer).refusal is Refusal.NOT_ALLOWED
        may_read = role in {Role.DELEGATE, Role.IT, Role.AUDITOR}
        assert isinstance(list_versions(session, person), list) == may_read


def test_the_console_reads_and_says_nothing(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, ALDER, at=NOW)
        assert refused(set_policy(session, CONSOLE, _new(DISTRICT, _district_days(20)), at=NOW)).logged
        assert refused(confirm_lowering(session, CONSOLE, PolicyVersion(1), at=NOW)).logged
        assert len(done(list_versions(session, CONSOLE))) == 1


def test_the_first_version_is_signed_once(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        signed = done(approve_policy(session, director, PolicyVersion(1), at=after(9)))
        assert signed.approval is not None
        assert (signed.approval.by_name, signed.approval.at) == (director.name, after(9))
        assert "signed it" in refused(approve_policy(session, director, PolicyVersion(1), at=after(10))).sentence
        assert refused(approve_policy(session, director, PolicyVersion(99), at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert _actions(session)[-1] is Action.POLICY_APPROVE


def test_texts_stay_unless_said_and_change_at_once(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        review = after(86_400)
        new = NewPolicy(DISTRICT, _district_days(14), "the schedule", "GS2 1.042", "Kept for two weeks.", review)
        planned = done(set_policy(session, director, new, at=NOW))
        assert (planned.outcome.effect, planned.waits) == (Effect.NEITHER, None)
        done(set_policy(session, director, replace(new, days=_district_days(20), legal_basis=None, public_text="", review_at=None), at=NOW))
        now = _current(session)
        assert (now.legal_basis, now.public_text, now.review_at) == ("GS2 1.042", "", review)
        assert [one.legal_basis for one in policies.versions(session, limit=9)] == ["GS2 1.042", "GS2 1.042", ""]


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        (_new(DISTRICT, _district_days(14)), "nothing would change"),
        (_new(DISTRICT, _district_days(20), reason=" "), "why"),
        (_new(DISTRICT, Days(0, 20, None)), "names floor, target and ceiling"),
        (_new(DISTRICT, Days(20, 14, 30)), "target of 14"),
        (_new(DISTRICT, Days(0, 14, 30, early=True)), "floor of at least 1 day"),
        (NewPolicy(DISTRICT, _district_days(14), "x", legal_basis="y" * 301), "legal basis"),
        (NewPolicy(DISTRICT, _district_days(14), "x", public_text="y\x07"), "public text"),
        (NewPolicy(DISTRICT, _district_days(14), "x", review_at=NOW), "a day to come"),
    ],
)
def test_what_can_t_be_said_is_told_in_a_sentence(central_sqlite: Engines, new: NewPolicy, sentence: str) -> None:
    with central_sqlite.writing() as session:
        director, _ = _district(session)
        with pytest.raises(InvalidInput, match=sentence):
            set_policy(session, director, new, at=NOW)


def test_a_dry_run_says_how_much_would_go_less_what_holds_keep(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        camera = a_camera(session)
        first, second = (stream.id for stream in camera.camera.streams)
        day = timedelta(days=1)

        def recorded(start_days: float, end_days: float) -> CoverageSpan:
            return CoverageSpan(first, ms_of(NOW - start_days * day), ms_of(NOW - end_days * day))

        beside = replace(recorded(9.5, 8), stream_id=second)
        coverage.put(session, camera.device.node_id, [recorded(20, 9), beside, recorded(7.5, 1)])
        before = holds.seq(session)
        new = _new(DISTRICT, _district_days(7))
        (effect,) = done(plan_policy(session, director, new, at=NOW)).outcome.cameras
        assert effect.going_s == 6.5 * 86_400, "14 to 8 days back and 7.5 to 7; the two streams beside each other count once"
        held = a_new_hold(of_cameras(camera.camera.id), start=NOW - 13 * day, end=NOW - 12 * day)
        a_hold(session, director, held)
        (effect,) = done(plan_policy(session, director, new, at=NOW)).outcome.cameras
        assert 5.4 * 86_400 < effect.going_s < 5.5 * 86_400
        assert holds.seq(session) == before + 1, "a dry run changes nothing but what the hold did"
        assert [one.version for one in policies.versions(session, limit=9)] == [1]
        (effect,) = done(plan_policy(session, director, _new(DISTRICT, _district_days(20)), at=NOW)).outcome.cameras
        assert effect.going_s == 0


def test_letting_footage_go_early_waits_says_how_much_might_and_reaches_the_recorder_as_its_floor(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        camera, day = a_camera(session), timedelta(days=1)
        spans = [CoverageSpan(camera.camera.streams[0].id, ms_of(NOW - 20 * day), ms_of(NOW))]
        coverage.put(session, camera.device.node_id, spans)
        a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=NOW - 13 * day, end=NOW - 12 * day))
        planned = done(set_policy(session, director, _new(DISTRICT, Days(5, 14, 30, early=True)), at=NOW))
        (effect,) = planned.outcome.cameras
        assert (planned.outcome.effect, effect.going_s, effect.early) == (Effect.LOWERS, 0, "on full disks from 5 days on")
        assert 7.9 * 86_400 < effect.early_s < 8 * 86_400, "14 to 5 days back, less the hold"
        assert planned.waits is not None
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
    assert {rule.floor_ms for rule in LocalHub(central).orders(camera.device.node_id, 0, at=NOW).rules} == {None}
    with central.writing() as session:
        done(confirm_lowering(session, delegate, planned.policy.version, at=NOW + LOWER_WAIT))
        assert _events(session)[-1].detail["early"] == "yes"
        back = done(plan_policy(session, director, _new(DISTRICT, Days(5, 14, 30)), at=NOW))
        assert (back.outcome.effect, back.outcome.cameras[0].early) == (Effect.RAISES, "not before its day")
    assert {rule.floor_ms for rule in LocalHub(central).orders(camera.device.node_id, 0, at=NOW).rules} == {5 * DAY_MS}


def test_a_camera_goes_nowhere_where_it_would_be_kept_shorter_before_the_director_said_so(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        branch = a_branch(session)
        room, lot = a_camera(session, branch, "Room", area="Children"), a_camera(session, branch, "Lot", area="Parking")
        assert room.area is not None
        done(set_policy(session, director, _new(PolicyPlace(PlaceKind.AREA, room.area.id), _days(7)), at=NOW))
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        done(confirm_lowering(session, delegate, PolicyVersion(2), at=NOW + LOWER_WAIT))
        move = CameraEdit(1, area="Children")
        answer = refused(edit_camera(session, CONSOLE, lot.camera.id, move, at=NOW, allow_loopback=False))
        assert f"vms policy set --camera {lot.camera.id}" in answer.sentence
        seq = holds.seq(session)
        done(edit_camera(session, CONSOLE, room.camera.id, CameraEdit(1, area="Parking"), at=NOW, allow_loopback=False))
        assert holds.seq(session) == seq + 1, "kept longer there: nodes ask again"
    assert (_kept(central, room), _kept(central, lot)) == ({14}, {14})


_OPENING = "Mon-Fri 09:00-21:00; Sat 10:00-17:00; Sun closed; 2026-12-25 closed"


def _hours(text: str) -> Days:
    return Days(0, 14, 30, checked_hours(text))


def _told_hours(engines: Engines, camera: CameraDetails) -> list[str] | None:
    configuration = LocalHub(engines).configuration(camera.device.node_id, 0)
    assert configuration is not None
    (found,) = {stream.hours for stream in configuration.streams if stream.camera_id == camera.camera.id}
    assert found is None or found.timezone == "America/Los_Angeles"
    return None if found is None else found.hours.lines


def test_hours_that_no_camera_goes_by_count_at_once_and_those_who_go_by_them_are_told(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        weekly, always = a_camera(session, recording_mode=RecordingMode.WEEKLY), a_camera(session, a_branch(session, "Harbor"), "Desk")
        done(
            edit_camera(
                session, CONSOLE, weekly.camera.id, CameraEdit(1, recording_mode=RecordingMode.ALWAYS), at=NOW, allow_loopback=False
            )
        )
        planned = done(set_policy(session, director, _new(DISTRICT, _hours(_OPENING)), at=NOW))
        assert (planned.outcome.effect, planned.outcome.cameras, planned.waits) == (Effect.NEITHER, (), None)
        force = next(event for event in reversed(_events(session)) if event.action is Action.POLICY_FORCE)
        assert force.detail["hours"] == _OPENING
        done(
            edit_camera(
                session, CONSOLE, weekly.camera.id, CameraEdit(2, recording_mode=RecordingMode.WEEKLY), at=NOW, allow_loopback=False
            )
        )
    assert _told_hours(central, weekly) == _OPENING.split("; ")
    assert _told_hours(central, always) is None


def test_fewer_hours_of_a_camera_that_goes_by_them_wait_for_a_second_person_and_the_node_asks_again(central: Engines) -> None:
    with central.writing() as session:
        director, delegate = _district(session)
        camera = a_camera(session, recording_mode=RecordingMode.WEEKLY)
        planned = done(set_policy(session, director, _new(DISTRICT, _hours(_OPENING)), at=NOW))
        assert (planned.outcome.effect, [one.hours for one in planned.outcome.cameras]) == (Effect.LOWERS, ["fewer hours"])
    assert _told_hours(central, camera) == []
    before = LocalHub(central).configuration(camera.device.node_id, 0)
    assert before is not None
    with central.writing() as session:
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        done(confirm_lowering(session, delegate, planned.policy.version, at=NOW + LOWER_WAIT))
    after_it = LocalHub(central).configuration(camera.device.node_id, before.version)
    assert after_it is not None, "the node asks by the version that it knows"
    assert _told_hours(central, camera) == _OPENING.split("; ")
    with central.writing() as session:
        more = _new(_camera(camera.camera.id), Days(hours=checked_hours("2026-12-25 10:00-12:00; Sun 12:00-17:00")))
        raised = done(set_policy(session, director, more, at=NOW + LOWER_WAIT))
        assert (raised.outcome.effect, [one.hours for one in raised.outcome.cameras]) == (Effect.RAISES, ["more hours"])
    assert _told_hours(central, camera) == [
        "Mon-Fri 09:00-21:00",
        "Sat 10:00-17:00",
        "Sun 12:00-17:00",
        "2026-12-25 10:00-12:00",
    ]


def test_a_camera_goes_nowhere_where_it_would_be_recorded_less_before_the_director_said_so(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, _ = _district(session)
        branch = a_branch(session)
        room = a_camera(session, branch, "Room", area="Children")
        lot = a_camera(session, branch, "Lot", area="Parking")
        assert room.area is not None
        said = Days(hours=checked_hours(_OPENING))
        done(set_policy(session, director, _new(PolicyPlace(PlaceKind.AREA, room.area.id), said), at=NOW))
        weekly = CameraEdit(1, recording_mode=RecordingMode.WEEKLY)
        done(edit_camera(session, CONSOLE, lot.camera.id, weekly, at=NOW, allow_loopback=False))
        answer = refused(edit_camera(session, CONSOLE, lot.camera.id, CameraEdit(2, area="Children"), at=NOW, allow_loopback=False))
        assert "‘Lot’ would be recorded in fewer hours" in answer.sentence
        done(edit_camera(session, CONSOLE, room.camera.id, CameraEdit(1, area="Parking"), at=NOW, allow_loopback=False))


def test_a_hold_on_what_is_to_come_changes_no_hours(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, _ = _district(session)
        camera = a_camera(session)
        done(set_policy(session, director, _new(DISTRICT, _hours(_OPENING)), at=NOW))
        weekly = CameraEdit(1, recording_mode=RecordingMode.WEEKLY)
        done(edit_camera(session, CONSOLE, camera.camera.id, weekly, at=NOW, allow_loopback=False))
        a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), end=None))
    assert _told_hours(central_sqlite, camera) == _OPENING.split("; ")


def test_by_which_version_something_was_purged_follows_from_the_number_it_was_purged_under(central: Engines) -> None:
    with central.writing() as session:
        director, _ = _district(session)
        camera = a_camera(session)
        first = holds.seq(session)
        done(set_policy(session, director, _new(_branch(camera.branch), _days(20)), at=NOW))
        done(set_policy(session, director, _new(DISTRICT, _district_days(15)), at=NOW))
        own = done(set_policy(session, director, _new(_camera(camera.camera.id), _days(25)), at=NOW)).policy
        done(set_policy(session, director, _new(_camera(camera.camera.id), _days(26, 20)), at=NOW))
        told = versions_for(session, camera, range(first - 1, first + 5))
        assert own.version == 4
        assert [told[first + step] for step in range(-1, 5)] == [None, 1, 2, 2, 4, 5]


def test_a_version_that_says_no_target_was_not_what_kept_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, _ = _district(session)
        camera = a_camera(session)
        done(set_policy(session, director, _new(_camera(camera.camera.id), _days(least=3)), at=NOW))
        now = holds.seq(session)
        assert versions_for(session, camera, [now]) == {now: 1}

"""What staff keep at once: where, how much, for how long, and that the Director is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, done, refused
from tests.vms.services.holding import a_hold, a_new_hold, deciders, of_cameras
from tests.vms.services.requesting import a_request
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.hold import HoldKind
from vms.domain.ids import CameraId
from vms.domain.legal_hold import COOL_OFF, LAPSE_GRACE, Ending, HoldState
from vms.domain.people import PERMISSIONS, Actor, Permission, Role
from vms.domain.request import RequestAct
from vms.domain.timespan import datetime_of_ms
from vms.errors import InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.hold_orders import orders
from vms.services.hold_release import confirm_release, end_due, propose_release
from vms.services.holds import list_holds
from vms.services.provisional_holds import LASTS, MOST_CAMERAS, MOST_OPEN, REACHES_BACK, REACHES_ON, keep_at_once, undecided
from vms.services.request_acts import act_on
from vms.store import access_log, holds, mails, nodes
from vms.store.database import Engines


def _told(settings: Settings) -> Settings:
    return settings.model_copy(update={"smtp_host": "mail.example", "director_address": "director@alder.example"})


@pytest.mark.parametrize("role", [Role.DESK, Role.SUPERVISOR])
def test_it_protects_from_the_next_orders_on_and_the_director_sees_it(central: Engines, settings: Settings, role: Role) -> None:
    with central.writing() as session:
        details, director = a_camera(session), a_person(session, Role.DIRECTOR)
        staff = replace(director, role=role, branches=frozenset({details.branch.id}))
        hold = done(keep_at_once(session, _told(settings), staff, frozenset({details.camera.id}), "somebody fell", at=NOW))
        assert (hold.kind, hold.expires_at) == (HoldKind.PROVISIONAL, NOW + LASTS)
        assert hold.time.end_ms is not None
        assert datetime_of_ms(hold.time.end_ms) - datetime_of_ms(hold.time.start_ms) == REACHES_BACK + REACHES_ON
        (change,) = orders(session, nodes.find(session)[0].id, 0, at=NOW, sure=True).changes
        assert (change.hold_id, change.time) == (hold.id, hold.time)
        assert [one.reason for one in done(list_holds(session, director))] == ["somebody fell"]
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.HOLD_PLACE})), limit=9)
        assert (entry.actor, entry.detail["reason"]) == (staff.label, "somebody fell")
        (letter,) = mails.due(session, NOW, limit=9)
        assert letter.recipient == "director@alder.example"
        assert f"vms hold show {hold.id}" in letter.body
        assert "fell" not in letter.body


def test_it_ends_by_itself_and_that_is_written(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        details = a_camera(session)
        desk = a_person(session, Role.DESK)
        hold = done(keep_at_once(session, settings, desk, frozenset({details.camera.id}), "somebody fell", at=NOW))
        over = NOW + LASTS
        assert (hold.state(over), end_due(session, at=over)) == (HoldState.LAPSING, [])
        assert [one.id for one in end_due(session, at=over + LAPSE_GRACE)] == [hold.id]
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.HOLD_END})), limit=9)
        assert entry.detail["by"] == "its expiry"


def test_nobody_keeps_beyond_the_own_reach_or_without_the_right(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        mine, theirs = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        desk = replace(a_person(session, Role.DESK), branches=frozenset({mine.branch.id}))
        both = frozenset({mine.camera.id, theirs.camera.id})
        assert "no such camera" in refused(keep_at_once(session, settings, desk, both, "somebody fell", at=NOW)).sentence
        may = {role for role in Role if Permission.HOLD_START in PERMISSIONS[role]}
        assert may == {Role.DESK, Role.SUPERVISOR, Role.DIRECTOR, Role.DELEGATE}, "besides who places holds of every kind"
        others: list[Actor] = [replace(desk, role=role) for role in Role if role not in may]
        for actor in (*others, CONSOLE):
            assert refused(keep_at_once(session, settings, actor, frozenset({mine.camera.id}), "somebody fell", at=NOW)).logged
        assert holds.unreleased(session) == []
        assert not desk.may(Permission.HOLD_PLACE)


def test_what_staff_keep_is_bounded(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session).camera.id
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        for cameras, reason in (
            (frozenset[CameraId](), "x"),
            (frozenset(CameraId(n) for n in range(MOST_CAMERAS + 1)), "x"),
            ({camera}, " "),
        ):
            with pytest.raises(InvalidInput):
                keep_at_once(session, settings, desk, frozenset(cameras), reason, at=NOW)
        a_hold(session, director, a_new_hold(of_cameras(camera)))
        for _ in range(MOST_OPEN):
            done(keep_at_once(session, settings, desk, frozenset({camera}), "somebody fell", at=NOW))
        assert "Ask the Director" in refused(keep_at_once(session, settings, desk, frozenset({camera}), "again", at=NOW)).sentence
        done(keep_at_once(session, settings, desk, frozenset({camera}), "later", at=NOW + LASTS + timedelta(seconds=1)))


@pytest.mark.parametrize("role", list(Role))
def test_who_places_holds_is_told_until_it_is_decided(central: Engines, settings: Settings, role: Role) -> None:
    """Also once it has expired: till the grace is over its footage can still be saved."""
    with central.writing() as session:
        camera = a_camera(session).camera.id
        desk, person = a_person(session, Role.DESK, name="d.nakamura"), a_person(session, role)
        assert undecided(session, person) == []
        hold = done(keep_at_once(session, settings, desk, frozenset({camera}), "somebody fell", at=NOW))
        told = [hold.id] if person.may(Permission.HOLD_PLACE) else []
        assert [one.id for one in undecided(session, person)] == told
        end_due(session, at=NOW + LASTS)
        assert [one.id for one in undecided(session, person)] == told
        end_due(session, at=NOW + LASTS + LAPSE_GRACE)
        assert undecided(session, person) == []


def test_what_is_kept_for_requests_that_have_ended_is_none_of_what_staff_keep(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk, camera = a_person(session, Role.DESK), a_camera(session).camera.id
        for _ in range(MOST_OPEN):
            request = a_request(session, settings, desk, camera=camera)
            done(act_on(session, settings, desk, request.id, RequestAct.WITHDRAW, "by phone, today", at=NOW))
        done(keep_at_once(session, settings, desk, frozenset({camera}), "somebody fell", at=NOW))


def test_only_a_hold_that_keeps_all_of_it_decides(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        branch = a_branch(session)
        cameras = [a_camera(session, branch, name).camera.id for name in ("Door", "Steps")]
        desk, director = a_person(session, Role.DESK), a_person(session, Role.DIRECTOR)
        kept = done(keep_at_once(session, settings, desk, frozenset(cameras), "somebody fell", at=NOW))
        start, end = NOW - REACHES_BACK, NOW + REACHES_ON
        moment = timedelta(milliseconds=2)  # a hold that is placed takes up to one more than it says
        for less in (
            a_new_hold(of_cameras(cameras[0]), start=start, end=end),
            a_new_hold(of_cameras(*cameras), start=start + moment, end=end),
            a_new_hold(of_cameras(*cameras), start=start, end=end - moment),
            a_new_hold(of_cameras(*cameras), start=start, end=end, kind=HoldKind.PROVISIONAL),
        ):
            a_hold(session, director, less)
            assert kept.id in [one.id for one in undecided(session, director)]
        whole = a_hold(session, director, a_new_hold(of_cameras(*cameras), start=start, end=end))
        assert undecided(session, director) == []
        ending = Ending(NOW + COOL_OFF, director.label, "director", "no more")
        assert holds.begin_ending(session, whole.id, ending)
        assert [one.id for one in undecided(session, director)] == [kept.id]


def test_proposing_its_release_decides_and_agreeing_to_it_does(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = a_person(session, Role.DESK)
        director, delegate = deciders(session)
        camera = a_camera(session).camera.id
        kept = done(keep_at_once(session, settings, desk, frozenset({camera}), "somebody fell", at=NOW))
        done(propose_release(session, director, kept.id, "nobody did", at=NOW))
        assert undecided(session, delegate) == []
        done(confirm_release(session, delegate, kept.id, at=NOW))
        assert undecided(session, delegate) == []


def test_nobody_is_told_of_what_lies_elsewhere(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        mine, theirs = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        desk = a_person(session, Role.DESK)
        local = replace(a_person(session, Role.DELEGATE), branches=frozenset({mine.branch.id}))
        done(keep_at_once(session, settings, desk, frozenset({theirs.camera.id}), "somebody fell", at=NOW))
        assert undecided(session, local) == []

"""Reading the access log, which is written too."""

from __future__ import annotations

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused, span
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.domain.access import AccessEvent, Action, Purpose
from vms.domain.ids import NodeId
from vms.domain.outcome import Refusal
from vms.domain.people import Actor, Node, Role, System
from vms.services.access_log import DISTRICT, list_events, record
from vms.services.footage import open_view
from vms.store import access_log
from vms.store.database import Engines


def test_reading_the_log_is_an_entry_of_its_own(central: Engines) -> None:
    with central.writing() as session:
        auditor = a_person(session, Role.AUDITOR)
        page = done(list_events(session, auditor, at=NOW))
        again = done(list_events(session, auditor, at=NOW))
    own = again.lines[0]
    assert isinstance(own, AccessEvent)
    assert (own.action, own.number) == (Action.LOG_READ, page.own_number)
    assert again.lines[1:] == page.lines


def test_the_log_goes_on_where_a_page_ended(central: Engines) -> None:
    with central.writing() as session:
        auditor = a_person(session, Role.AUDITOR)
        first = done(list_events(session, auditor, at=NOW, limit=1))
        rest = done(list_events(session, auditor, at=NOW, before=first.lines[-1].number))
    assert first.lines[-1].number == rest.lines[0].number + 1


@pytest.mark.parametrize("role", [Role.DESK, Role.IT])
def test_who_may_not_read_the_log_is_written_down_for_trying(central: Engines, role: Role) -> None:
    with central.writing() as session:
        person = a_person(session, role)
        assert refused(list_events(session, person, at=NOW)).refusal is Refusal.NOT_ALLOWED
        newest = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]
    assert (newest.action, newest.actor, newest.detail["what"]) == (Action.ACCESS_REFUSE, person.label, "log:read")


def test_the_console_does_not_read_the_log(central: Engines) -> None:
    with central.writing() as session:
        assert refused(list_events(session, CONSOLE, at=NOW)).refusal is Refusal.NOT_ALLOWED


def test_a_director_of_some_branches_reads_about_their_cameras_only(central: Engines) -> None:
    with central.writing() as session:
        ours, theirs = a_branch(session, "Ours"), a_branch(session, "Theirs")
        cameras = [a_camera(session, branch) for branch in (ours, theirs)]
        desk = a_person(session)
        for details in cameras:
            done(open_view(session, desk, camera_id=details.camera.id, purpose=Purpose.LIVE, span=None, at=NOW))
        director = a_person(session, Role.DIRECTOR, branches=frozenset({ours.id}))
        page = done(list_events(session, director, at=NOW, actions=frozenset({Action.VIEW_OPEN})))
    assert [line.camera_id for line in page.lines if isinstance(line, AccessEvent)] == [cameras[0].camera.id]


def test_entries_of_holds_are_for_who_may_see_holds(central: Engines) -> None:
    with central.writing() as session:
        readers = [a_person(session, role) for role in (Role.AUDITOR, Role.BRANCH_MANAGER)]
        hold = a_hold(session, a_person(session, Role.DIRECTOR), a_new_hold(of_cameras(a_camera(session).camera.id)))
        shown = {
            (reader.role, wanted is None): [
                line.detail["matter"]
                for line in done(list_events(session, reader, at=NOW, actions=wanted)).lines
                if isinstance(line, AccessEvent) and line.action is Action.HOLD_PLACE
            ]
            for reader in readers
            for wanted in (None, frozenset({Action.HOLD_PLACE}))
        }
    assert shown == {
        (Role.AUDITOR, True): [hold.matter],
        (Role.AUDITOR, False): [hold.matter],
        (Role.BRANCH_MANAGER, True): [],
        (Role.BRANCH_MANAGER, False): [],
    }


def test_a_day_and_a_person_narrow_the_log(central: Engines) -> None:
    with central.writing() as session:
        auditor, desk = a_person(session, Role.AUDITOR), a_person(session, at=after(600))
        page = done(list_events(session, auditor, at=after(700), actor_label=desk.label, during=span(500, 650)))
    assert [line.action for line in page.lines if isinstance(line, AccessEvent)] == [Action.SESSION_OPEN]


@pytest.mark.parametrize(
    ("actor", "name", "role"),
    [(CONSOLE, "pat@branch-server", "console"), (System("digest"), "digest", "system"), (Node(NodeId(9)), "9", "node")],
)
def test_every_kind_of_actor_signs_with_name_and_role(central_sqlite: Engines, actor: Actor, name: str, role: str) -> None:
    with central_sqlite.writing() as session:
        record(session, actor=actor, action=Action.CAMERA_TEST, at=NOW)
        (event,) = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)
    assert (event.actor, event.actor_name, event.role) == (actor.label, name, role)

"""Requests for footage: taken down by anybody, kept from then on, seen by those whom they concern, and by nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused
from tests.vms.services.requesting import a_new_request, a_request, footage, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.hold import HoldKind
from vms.domain.ids import CameraId, RequestId
from vms.domain.instruments import Instrument
from vms.domain.people import PERMISSIONS, Permission, Proof, Role, needs_second_factor
from vms.domain.request import FREE_CAMERAS, HOLD_REVIEW, RequestAct, Requester, RequestState
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput
from vms.services import requests
from vms.services.access_log import DISTRICT
from vms.services.hold_orders import orders
from vms.services.provisional_holds import keep_at_once, undecided
from vms.services.request_acts import act_on
from vms.services.requests import MOST_AHEAD, enter, list_requests, request_called, request_for, waiting_for
from vms.store import access_log, holds, mails, matter_keys, nodes
from vms.store.database import Engines
from vms.store.request_tables import ExportRequestRow


def test_what_is_asked_for_is_kept_from_the_next_orders_on(central: Engines, settings: Settings) -> None:
    settings = settings.model_copy(update={"smtp_host": "mail.example", "director_address": "director@alder.example"})
    with central.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
        request = a_request(session, settings, desk, camera=camera)
        (hold,) = (holds.get(session, None, number) for number in request.holds)
        assert hold is not None
        assert (hold.kind, hold.expires_at, hold.review_at) == (HoldKind.PROVISIONAL, None, NOW + HOLD_REVIEW)
        assert (hold.time.start_ms, hold.time.end_ms) == (ms_of(after(-600)), ms_of(after(0)))
        (change,) = orders(session, nodes.find(session)[0].id, 0, at=NOW, sure=True).changes
        assert (change.hold_id, change.camera_id) == (hold.id, camera)
        (letter,) = mails.due(session, NOW, limit=9)
        assert (letter.recipient, request.number in letter.body) == ("director@alder.example", True)
        for told in ("Alvarez", "Sheriff", "bicycle"):
            assert told not in letter.body + letter.subject


def test_a_request_is_numbered_by_its_year_and_has_its_due_day(central: Engines, settings: Settings) -> None:
    settings = settings.model_copy(update={"holidays": (date(2026, 3, 16),)})
    with central.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
        first = a_request(session, settings, desk, camera=camera)
        warrant = a_request(session, settings, desk, Instrument.SEARCH_WARRANT, camera=camera)
        early = a_request(session, settings, desk, camera=camera, answer_by=after(86_400))
        assert [one.number for one in (first, warrant, early)] == ["2026-0001", "2026-0002", "2026-0003"]
        assert first.due_at.date() == date(2026, 3, 31), "ten working days after a Saturday, without a holiday"
        assert warrant.due_at.date() == date(2026, 3, 15), "the end of today"
        assert early.due_at == after(86_400)
        assert a_request(session, settings, desk, camera=camera, at=NOW + timedelta(days=365)).number == "2027-0001"


def test_every_role_may_enter_one_and_the_paper_s_handling_asks_for_no_second_factor(central_sqlite: Engines, settings: Settings) -> None:
    assert all(Permission.REQUEST_ENTER in PERMISSIONS[role] for role in Role)
    assert {role for role in Role if Permission.REQUEST_DECIDE in PERMISSIONS[role]} == {Role.DIRECTOR, Role.DELEGATE}
    assert {role for role in Role if Permission.REQUEST_ADVISE in PERMISSIONS[role]} == {Role.DIRECTOR, Role.DELEGATE, Role.COUNSEL}
    assert not needs_second_factor(Role.AUDITOR)
    assert needs_second_factor(Role.COUNSEL), "who reads the register reads who is looked for"
    with central_sqlite.writing() as session:
        camera, person = a_camera(session).camera.id, a_person(session)
        for role in Role:
            assert a_request(session, settings, replace(person, role=role), camera=camera).state is RequestState.SUBMITTED
        assert refused(enter(session, settings, CONSOLE, a_new_request(footage(camera)), at=NOW)).logged
        barely = replace(person, role=Role.DIRECTOR, proof=Proof.PASSWORD)
        assert refused(enter(session, settings, barely, a_new_request(footage(camera)), at=NOW)).logged


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"requester": Requester("", "Sheriff", "", "")}, "who asks"),
        ({"requester": Requester("R. " + "A" * 300, "", "", "")}, "200 characters"),
        ({"purpose": " "}, "needed for"),
        ({"court": ""}, "which court"),
        ({"docket": ""}, "number there"),
        ({"served_on": "last week"}, "is no day"),
        ({"local_time": ""}, "in words"),
        ({"footage": ()}, "at least one camera"),
        ({"verified": "x" * 201}, "how it was made sure who asks"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_stored(
    central_sqlite: Engines, settings: Settings, more: dict[str, Any], sentence: str
) -> None:
    with central_sqlite.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
        with pytest.raises(InvalidInput, match=sentence):
            enter(session, settings, desk, replace(a_new_request(footage(camera)), **more), at=NOW)
        assert done(list_requests(session, desk)) == []
        assert holds.unreleased(session) == []
        assert list(settings.secrets_dir.iterdir()) == [], "no key is left of what was not stored"


def test_only_a_paper_of_a_court_names_one(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        request = a_request(session, settings, a_person(session), Instrument.AGENCY_REQUEST, court="", docket="")
        assert request.instrument is Instrument.AGENCY_REQUEST


def test_so_much_needs_a_reason_and_so_far_ahead_is_refused(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk, branch = a_person(session), a_branch(session)
        cameras = [a_camera(session, branch, f"Door {number}").camera.id for number in range(FREE_CAMERAS + 1)]
        many = a_new_request(footage(*cameras))
        with pytest.raises(InvalidInput, match="say why"):
            enter(session, settings, desk, many, at=NOW)
        assert done(enter(session, settings, desk, replace(many, necessity="every door"), at=NOW)).necessity == "every door"
        far = a_new_request(footage(cameras[0], start_s=0, end_s=MOST_AHEAD.total_seconds() + 1))
        with pytest.raises(InvalidInput, match="still to come"):
            enter(session, settings, desk, far, at=NOW)


def test_a_camera_elsewhere_is_one_that_there_is_not(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        mine, theirs = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        desk = replace(a_person(session), branches=frozenset({mine.branch.id}))
        for camera in (theirs.camera.id, CameraId(7)):
            assert refused(enter(session, settings, desk, a_new_request(footage(mine.camera.id, camera)), at=NOW)).sentence == (
                "There is no such camera."
            )
        assert holds.unreleased(session) == []


def test_each_span_of_time_has_its_own_hold(central_sqlite: Engines, settings: Settings) -> None:
    """A week between two spans is not kept because of them."""
    with central_sqlite.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
        spans = footage(camera) + footage(camera, start_s=-700_000, end_s=-699_000)
        request = done(enter(session, settings, desk, a_new_request(spans), at=NOW))
        kept = [hold.time for number in request.holds if (hold := holds.get(session, None, number)) is not None]
        assert sorted(kept) == sorted(request.scope.by_time())


def test_it_is_seen_by_who_entered_it_and_by_the_register_s_readers_within_reach(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        here, elsewhere = a_camera(session), a_camera(session, a_branch(session, "Harbor"), "Pier")
        request = a_request(session, settings, people.desk, camera=here.camera.id)
        local, far = (replace(people.director, branches=frozenset({one.branch.id})) for one in (here, elsewhere))
        counsel, auditor = replace(people.director, role=Role.COUNSEL), replace(people.director, role=Role.AUDITOR)
        for person in (people.desk, people.director, people.delegate, local, counsel):
            assert [one.id for one in done(list_requests(session, person))] == [request.id]
            assert done(request_called(session, person, request.number)).id == request.id
            assert done(request_called(session, person, str(request.id))).id == request.id
        for person in (far, auditor, replace(people.desk, id=people.delegate.id)):
            assert done(list_requests(session, person)) == []
            assert refused(request_for(session, settings, person, request.id)) == refused(
                request_for(session, settings, person, RequestId(7))
            )
        refused(list_requests(session, CONSOLE))
        refused(request_for(session, settings, CONSOLE, request.id))
        assert [waiting_for(session, one) for one in (people.director, local, far, people.desk)] == [1, 1, 0, 0]


def test_the_log_says_that_somebody_asked_and_not_who_or_why(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        request = a_request(session, settings, a_person(session))
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=99)
        (entry,) = (one for one in entries if one.action is Action.REQUEST_ENTER)
        assert (entry.detail["number"], entry.detail["sha256"], entry.detail["cameras"]) == (request.number, request.sha256, "1")
        assert not any(word in str(one.detail) for one in entries for word in ("Alvarez", "Sheriff", "bicycle", "26-CV-1188"))


def test_what_is_kept_for_a_request_is_no_hold_of_staff_s_own(central_sqlite: Engines, settings: Settings) -> None:
    """It is decided with the request, and counts for nobody's limit."""
    with central_sqlite.writing() as session:
        people, camera = staff(session), a_camera(session).camera.id
        for _ in range(5):
            a_request(session, settings, people.desk, camera=camera)
        assert undecided(session, people.director) == []
        kept = done(keep_at_once(session, settings, people.desk, frozenset({camera}), "somebody fell", at=NOW))
        assert [one.id for one in undecided(session, people.director)] == [kept.id]


def test_its_history_begins_with_who_entered_it(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = a_person(session)
        request = a_request(session, settings, desk)
        standing = done(request_for(session, settings, desk, request.id))
        assert [(one.act, one.by) for one in standing.history] == [(RequestAct.SUBMIT, desk.label), (RequestAct.VERIFY, desk.label)]
        assert list(standing.names.values()) == ["Main Street/Entrance"]
        assert matter_keys.read(settings.secrets_dir, request.matter)[0] == request.matter


def test_after_9999_the_next_number_has_five_digits(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, camera = a_person(session), a_camera(session).camera.id
        first = a_request(session, settings, desk, camera=camera)
        for number in ("2026-9999", "2026-10000"):
            session.execute(update(ExportRequestRow).where(ExportRequestRow.id == first.id).values(number=number))
            first = a_request(session, settings, desk, camera=camera)
        assert first.number == "2026-10001"


def test_one_person_enters_no_more_than_somebody_can_look_at(
    central_sqlite: Engines, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_A_DAY", 2)
    monkeypatch.setattr(requests, "MOST_OPEN", 3)
    with central_sqlite.writing() as session:
        desk, other, camera = a_person(session), a_person(session, name="another"), a_camera(session).camera.id
        new, tomorrow = a_new_request(footage(camera)), NOW + timedelta(days=1)
        entered = [done(enter(session, settings, desk, new, at=NOW)) for _ in range(2)]
        assert "within a day" in refused(enter(session, settings, desk, new, at=NOW)).sentence
        done(enter(session, settings, other, new, at=NOW))
        done(enter(session, settings, desk, new, at=tomorrow))
        assert "are open" in refused(enter(session, settings, desk, new, at=tomorrow)).sentence
        done(act_on(session, settings, desk, entered[0].id, RequestAct.WITHDRAW, "they called", at=tomorrow))
        done(enter(session, settings, desk, new, at=tomorrow))

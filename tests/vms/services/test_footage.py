"""Watching: who may see what, and the entry that is written before the first byte."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, elsewhere, refused, span
from vms.domain.access import VIEW_DEADLINE, AccessEvent, Action, Purpose, View
from vms.domain.camera import CameraDetails
from vms.domain.ids import CameraId, ViewId
from vms.domain.outcome import Refusal
from vms.domain.people import Person, Role
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.cameras import remove_camera
from vms.services.footage import LIMIT_GRACE, MAX_INTERVALS, close_view, extend_view, grant_for, open_view, record_read, view_for
from vms.store import access_log
from vms.store.database import Engines


def _newest(engines: Engines) -> AccessEvent:
    with engines.reading() as session:
        return access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]


def _scene(engines: Engines, role: Role = Role.DESK) -> tuple[CameraDetails, Person]:
    with engines.writing() as session:
        return a_camera(session), a_person(session, role)


def _opened(engines: Engines, camera: CameraDetails, person: Person, recorded: Timespan | None = None) -> View:
    purpose = Purpose.LIVE if recorded is None else Purpose.INCIDENT
    with engines.writing() as session:
        return done(open_view(session, person, camera_id=camera.camera.id, purpose=purpose, span=recorded, at=NOW))


def test_opening_a_view_names_who_what_why_and_when(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person, span(-600, 0))
    event = _newest(central)
    assert (event.action, event.actor, event.actor_name, event.role) == (Action.VIEW_OPEN, person.label, "desk person", "desk")
    assert (event.camera_id, event.purpose, event.span, event.view_id) == (camera.camera.id, Purpose.INCIDENT, span(-600, 0), view.id)
    assert view.deadline == NOW + VIEW_DEADLINE


def test_a_report_number_is_written_with_the_view(central_sqlite: Engines) -> None:
    camera, person = _scene(central_sqlite)

    def told(incident: str) -> View:
        with central_sqlite.writing() as session:
            number = camera.camera.id
            return done(
                open_view(session, person, camera_id=number, purpose=Purpose.INCIDENT, span=span(-600, 0), at=NOW, incident=incident)
            )

    told(" 2026-\t114 ")
    assert _newest(central_sqlite).detail == {"incident": "2026- 114"}
    for wrong in ("x" * 41, "bell\a"):
        with pytest.raises(InvalidInput, match="report"):
            told(wrong)


@pytest.mark.parametrize(("minutes", "asked"), [(1, False), (5, False), (6, False), (7, True), (60, True)])
def test_what_was_just_live_needs_no_reason_for_minutes(central_sqlite: Engines, minutes: int, *, asked: bool) -> None:
    camera, person = _scene(central_sqlite)
    with central_sqlite.writing() as session:
        try:
            open_view(session, person, camera_id=camera.camera.id, purpose=Purpose.LIVE_INCIDENT, span=span(-60 * minutes, 0), at=NOW)
        except InvalidInput:
            assert asked
        else:
            assert not asked


@pytest.mark.parametrize("role", [Role.IT, Role.AUDITOR])
@pytest.mark.parametrize("recorded", [None, span(-60, 0)])
def test_who_keeps_cameras_or_audits_does_not_watch(central_sqlite: Engines, role: Role, recorded: Timespan | None) -> None:
    camera, person = _scene(central_sqlite, role)
    with central_sqlite.writing() as session:
        answer = open_view(session, person, camera_id=camera.camera.id, purpose=Purpose.MAINTENANCE, span=recorded, at=NOW)
    assert refused(answer).refusal is Refusal.NOT_ALLOWED
    event = _newest(central_sqlite)
    assert (event.action, event.camera_id, event.detail["what"]) == (Action.ACCESS_REFUSE, camera.camera.id, "view:open")


def test_the_console_does_not_watch(central_sqlite: Engines) -> None:
    camera, _ = _scene(central_sqlite)
    with central_sqlite.writing() as session:
        answer = open_view(session, CONSOLE, camera_id=camera.camera.id, purpose=Purpose.LIVE, span=None, at=NOW)
    assert refused(answer).refusal is Refusal.SIGN_IN


def test_a_camera_of_another_branch_looks_like_none(central: Engines) -> None:
    camera, person = _scene(central)
    with central.writing() as session:
        stranger = elsewhere(person, a_branch(session, "West").id)
        answers = [
            open_view(session, stranger, camera_id=number, purpose=Purpose.LIVE, span=None, at=NOW)
            for number in (camera.camera.id, CameraId(1))
        ]
    assert refused(answers[0]) == refused(answers[1])
    assert refused(answers[0]).refusal is Refusal.OUT_OF_SCOPE


def test_the_desk_sees_three_days_back_and_the_director_further(central: Engines) -> None:
    camera, desk = _scene(central)
    limit = timedelta(hours=72)
    with central.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        inside = Timespan(NOW - limit - LIMIT_GRACE, NOW - limit + timedelta(hours=1))
        outside = Timespan(NOW - limit - LIMIT_GRACE - timedelta(seconds=1), NOW - limit)
        done(open_view(session, desk, camera_id=camera.camera.id, purpose=Purpose.INCIDENT, span=inside, at=NOW))
        answer = refused(open_view(session, desk, camera_id=camera.camera.id, purpose=Purpose.INCIDENT, span=outside, at=NOW))
        assert answer.refusal is Refusal.NOT_ALLOWED
        assert "Director" in answer.sentence
        done(open_view(session, director, camera_id=camera.camera.id, purpose=Purpose.REQUEST, span=outside, at=NOW))


@pytest.mark.parametrize(("purpose", "recorded"), [(Purpose.LIVE, span(-60, 0)), (Purpose.INCIDENT, span(-90_000, 0))])
def test_a_view_needs_a_reason_and_an_end(central_sqlite: Engines, purpose: Purpose, recorded: Timespan) -> None:
    camera, person = _scene(central_sqlite)
    with pytest.raises(InvalidInput), central_sqlite.writing() as session:
        open_view(session, person, camera_id=camera.camera.id, purpose=purpose, span=recorded, at=NOW)


def test_a_removed_camera_is_not_live_and_its_recordings_stay(central: Engines) -> None:
    camera, person = _scene(central)
    with central.writing() as session:
        done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW))
        live = open_view(session, person, camera_id=camera.camera.id, purpose=Purpose.LIVE, span=None, at=NOW)
        assert refused(live).refusal is Refusal.OUT_OF_SCOPE
        done(open_view(session, person, camera_id=camera.camera.id, purpose=Purpose.INCIDENT, span=span(-60, 0), at=NOW))


def test_a_view_ends_at_its_deadline(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person)
    with central.reading() as session:
        assert view_for(session, person, view.id, at=view.deadline - timedelta(seconds=1)) == view
        assert refused(view_for(session, person, view.id, at=view.deadline)).refusal is Refusal.OUT_OF_SCOPE


def test_extending_moves_the_deadline_and_is_written(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person)
    with central.writing() as session:
        extended = done(extend_view(session, person, view.id, at=after(600)))
    assert extended.deadline == after(600) + VIEW_DEADLINE
    assert _newest(central).action is Action.VIEW_EXTEND
    with central.reading() as session:
        assert view_for(session, person, view.id, at=view.deadline) == extended


def test_what_slips_behind_the_desks_limit_is_cut_off_an_open_view(central: Engines) -> None:
    camera, desk = _scene(central)
    oldest = timedelta(hours=-72).total_seconds()
    view = _opened(central, camera, desk, span(oldest, oldest + 400))
    with central.writing() as session:
        extended = done(extend_view(session, desk, view.id, at=after(360)))
    assert extended.span == span(oldest + 300, oldest + 400)
    assert _newest(central).span == extended.span
    with central.writing() as session:
        refusal = refused(extend_view(session, desk, view.id, at=after(460)))
        assert refusal.refusal is Refusal.NOT_ALLOWED
        assert done(close_view(session, desk, view.id, intervals=[], at=after(460))).span == view.span


def test_a_view_that_ended_is_not_extended(central_sqlite: Engines) -> None:
    camera, person = _scene(central_sqlite)
    view = _opened(central_sqlite, camera, person)
    with central_sqlite.writing() as session:
        refused(extend_view(session, person, view.id, at=view.deadline))


def test_who_lost_a_branch_does_not_extend(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person)
    with central.writing() as session:
        moved = elsewhere(person, a_branch(session, "West").id)
        assert refused(extend_view(session, moved, view.id, at=after(60))).refusal is Refusal.OUT_OF_SCOPE


def test_a_view_belongs_to_who_opened_it(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person)
    with central.writing() as session:
        other = a_person(session, name="another")
        answers = [
            view_for(session, other, view.id, at=NOW),
            extend_view(session, other, view.id, at=NOW),
            close_view(session, other, view.id, intervals=[], at=NOW),
            view_for(session, other, ViewId("x" * 22), at=NOW),
        ]
    assert [refused(answer).refusal for answer in answers] == [Refusal.OUT_OF_SCOPE] * 4


def test_closing_writes_what_was_shown_inside_the_view_once(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person, span(-600, 0))
    told = [span(-999, -540), span(-540, -500), span(-100, -90), span(5, 9)]
    with central.writing() as session:
        done(close_view(session, person, view.id, intervals=told, at=after(60)))
        done(close_view(session, person, view.id, intervals=[], at=after(90)))
        refused(view_for(session, person, view.id, at=after(61)))
        closed = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.VIEW_CLOSE})), limit=9)
    assert [event.detail["shown"] for event in closed] == [
        f"{after(-600).isoformat()}/{after(-500).isoformat()} {after(-100).isoformat()}/{after(-90).isoformat()}"
    ]


def test_a_list_of_intervals_that_is_too_long_is_cut_and_says_so(central_sqlite: Engines) -> None:
    camera, person = _scene(central_sqlite)
    view = _opened(central_sqlite, camera, person)
    with central_sqlite.writing() as session:
        done(close_view(session, person, view.id, intervals=[span(2 * n, 2 * n + 1) for n in range(MAX_INTERVALS + 3)], at=after(60)))
    assert _newest(central_sqlite).detail["streamed"].endswith("and 3 more")


def test_a_grant_covers_the_camera_and_the_span_of_its_view(central: Engines) -> None:
    camera, person = _scene(central)
    view = _opened(central, camera, person, span(-600, 0))
    with central.reading() as session:
        grant = grant_for(session, view)
    assert grant.streams == {stream.id for stream in camera.camera.streams}
    assert (grant.view_id, grant.span, grant.deadline) == (view.id, view.span, view.deadline)


def test_reading_footage_is_written(central: Engines) -> None:
    camera, _ = _scene(central)
    with central.writing() as session:
        record_read(session, CONSOLE, camera_id=camera.camera.id, span=span(0, 60), purpose=Purpose.MAINTENANCE, at=NOW)
    event = _newest(central)
    assert (event.action, event.actor, event.span) == (Action.FOOTAGE_READ, CONSOLE.label, span(0, 60))

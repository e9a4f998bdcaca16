"""Recordings left open at a screen that locks: closed in the log with what was really streamed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_screen, after, an_account, done, span
from vms.config import Settings
from vms.domain.access import AccessEvent, Action, Purpose, View
from vms.domain.people import IDLE_LIMITS, Person, Proof, Role
from vms.services.access_log import DISTRICT
from vms.services.emergency import close_emergency, open_emergency
from vms.services.footage import close_view, extend_view, open_view, record_read
from vms.services.left_views import close_left_views, left_views
from vms.services.screens import Enrolled, end_screen
from vms.services.sessions import (
    Browser,
    OpenSession,
    act_in_session,
    digest,
    open_session,
    session_for_token,
    sign_out,
    touch_session,
)
from vms.store import access_log
from vms.store.database import Engines

_IDLE = IDLE_LIMITS[Role.DESK].total_seconds()


@dataclass
class Scene:
    engines: Engines
    screen: Enrolled
    person: Person
    view: View

    def closes(self, seconds: float) -> list[AccessEvent]:
        """Close what was left by then, and return the entries that say so."""
        with self.engines.writing() as session:
            left = left_views(session, at=after(seconds))
            assert close_left_views(session, at=after(seconds)) == left
        with self.engines.reading() as session:
            return list(access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.VIEW_CLOSE})), limit=9))

    def watch_on(self, seconds: float) -> None:
        with self.engines.writing() as session:
            touch_session(session, self.person.session_id, at=after(seconds))


def _scene(engines: Engines, *, at_screen: bool = True) -> Scene:
    with engines.writing() as session:
        branch = a_branch(session)
        camera, screen = a_camera(session, branch).camera.id, a_screen(session, branch)
        browser = Browser(digest(screen.token) if at_screen else b"")
        account = an_account(session, Role.DESK)
        person = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW, browser=browser)).person
        # Just before the lock: a view ends by itself after 15 minutes.
        opened = after(_IDLE - 60)
        view = done(open_view(session, person, camera_id=camera, purpose=Purpose.INCIDENT, span=span(-3600, -600), at=opened))
        for name, start, end in (("a", -3600, -3450), ("b", -3540, -3390), ("c", -900, -750)):
            record_read(
                session, person, camera_id=camera, span=span(start, end), purpose=view.purpose, at=opened, view_id=view.id,
                detail={"segment": name},
            )  # fmt: skip
        record_read(session, person, camera_id=camera, span=view.span or span(0, 1), purpose=view.purpose, at=opened, view_id=view.id)
    return Scene(engines, screen, person, view)


def test_a_lock_closes_the_recording_with_what_was_streamed(central: Engines) -> None:
    scene = _scene(central)
    scene.watch_on(_IDLE - 1)
    assert scene.closes(_IDLE - 1) == []
    (event,) = scene.closes(_IDLE)
    streamed = " ".join(f"{one.start.isoformat()}/{one.end.isoformat()}" for one in (span(-3600, -3390), span(-900, -750)))
    assert (event.actor, event.view_id, event.span) == (scene.person.label, scene.view.id, scene.view.span)
    assert event.detail == {"streamed": streamed, "why": "locked"}
    assert len(scene.closes(_IDLE + 5)) == 1


def test_a_view_that_was_closed_in_time_is_closed_once(central_sqlite: Engines) -> None:
    scene = _scene(central_sqlite)
    scene.watch_on(_IDLE - 1)
    with central_sqlite.writing() as session:
        done(close_view(session, scene.person, scene.view.id, intervals=[], at=after(_IDLE - 1)))
    (event,) = scene.closes(_IDLE)
    assert event.detail == {"shown": ""}


@pytest.mark.parametrize("how", ["screen", "sign-out"])
def test_the_end_of_the_session_closes_it_too(central: Engines, how: str) -> None:
    scene = _scene(central)
    at = after(_IDLE - 50)
    with central.writing() as session:
        if how == "screen":
            done(end_screen(session, CONSOLE, scene.screen.screen.id, at=at))
        else:
            sign_out(session, scene.person, at=at)
    (event,) = scene.closes(_IDLE - 49)
    assert event.detail["why"] == "ended"


def test_a_recording_elsewhere_is_left_alone(central_sqlite: Engines) -> None:
    scene = _scene(central_sqlite, at_screen=False)
    with central_sqlite.writing() as session:
        sign_out(session, scene.person, at=after(_IDLE - 50))
    assert scene.closes(_IDLE) == []


def test_a_live_picture_is_left_to_the_gateway(central_sqlite: Engines) -> None:
    scene = _scene(central_sqlite)
    with central_sqlite.writing() as session:
        done(open_view(session, scene.person, camera_id=scene.view.camera_id, purpose=Purpose.LIVE, span=None, at=after(_IDLE - 55)))
    scene.watch_on(_IDLE - 1)
    assert [event.view_id for event in scene.closes(_IDLE)] == [scene.view.id]


@pytest.mark.parametrize(("ended_at", "closed_at"), [(600, 601), (None, 1800)])
def test_a_recording_under_an_emergency_is_closed_when_that_is_over(central: Engines, ended_at: int | None, closed_at: int) -> None:
    with central.writing() as session:
        here, there = a_branch(session, "East"), a_branch(session, "West")
        theirs, screen = a_camera(session, there).camera.id, a_screen(session, here)
        account = an_account(session, Role.DESK, branches=frozenset({here.id}))
        opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW, browser=Browser(digest(screen.token))))
        access = done(open_emergency(session, Settings(data_dir=Path("/nowhere")), opened.person, reason="fire", at=NOW))

    def person(seconds: float) -> Person:
        with central.writing() as session:
            found = session_for_token(session, opened.token, at=after(seconds))
            assert isinstance(found, OpenSession)
            act_in_session(session, found.person, at=after(seconds))
            return found.person

    who = person(0)
    with central.writing() as session:
        view = done(open_view(session, who, camera_id=theirs, purpose=Purpose.INCIDENT, span=span(-600, 0), at=NOW))
    for seconds in range(300, closed_at, 300):
        who = person(seconds)
        with central.writing() as session:
            done(extend_view(session, who, view.id, at=after(seconds)))
            assert close_left_views(session, at=after(seconds)) == []
        if seconds == ended_at:
            with central.writing() as session:
                done(close_emergency(session, who, access.id, at=after(seconds)))
    with central.writing() as session:
        assert close_left_views(session, at=after(closed_at)) == [view.id]
        assert close_left_views(session, at=after(closed_at + 1)) == []
    with central.reading() as session:
        (event,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.VIEW_CLOSE})), limit=9)
    assert (event.view_id, event.detail["why"]) == (view.id, "emergency over")

"""Enrolled screens: added, enrolled once, ended; what a session opened at one is; the wall; and one person in another's place."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, NOW, a_branch, a_person, a_screen, after, an_account, done, refused
from tests.waiting import is_somebody_locked_out, wait_until
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import Branch
from vms.domain.ids import BranchId, PersonId, ScreenId, SessionId
from vms.domain.outcome import Refusal
from vms.domain.people import IDLE_LIMITS, PERMISSIONS, SESSION_LIMITS, WALL_LIMIT, Permission, Person, Proof, Role
from vms.domain.screens import CODE_LASTS, ScreenKind, SessionKind
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.screens import Enrolled, add_screen, end_screen, enrol_screen, list_screens, names_of_screens, show_wall
from vms.services.sessions import (
    TOUCH_EVERY,
    Browser,
    OpenSession,
    SignedIn,
    act_in_session,
    digest,
    list_sessions,
    open_session,
    prove_session,
    session_for_token,
    sign_out,
    touch_session,
)
from vms.store import access_log, people, screens, sessions
from vms.store.database import Engines

_IDLE = IDLE_LIMITS[Role.DESK]


def _scene(engines: Engines, kind: ScreenKind = ScreenKind.WORKSTATION) -> tuple[Branch, Enrolled]:
    with engines.writing() as session:
        branch = a_branch(session)
        return branch, a_screen(session, branch, kind, name="Central, desk 1")


def _sign_in(
    engines: Engines, screen: Enrolled | None, role: Role = Role.DESK, *, name: str = "", branches: frozenset[BranchId] | None = None
) -> SignedIn:
    with engines.writing() as session:
        account = an_account(session, role, name=name or f"{role} person", branches=branches)
        people.confirm(session, account.id, NOW)
        return done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW, browser=_browser(screen)))


def _browser(screen: Enrolled | None, gives_way: SignedIn | None = None) -> Browser:
    return Browser(digest(screen.token) if screen else b"", gives_way.person.session_id if gives_way else None)


def _now(engines: Engines, token: str, seconds: float) -> OpenSession:
    with engines.reading() as session:
        return done(session_for_token(session, token, at=after(seconds)))


def _events(engines: Engines, *actions: Action) -> list[AccessEvent]:
    with engines.reading() as session:
        return list(reversed(access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset(actions)), limit=100)))


def test_a_screen_is_added_enrolled_and_ended_in_the_log(central: Engines) -> None:
    branch, enrolled = _scene(central)
    with central.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        done(end_screen(session, director, enrolled.screen.id, at=after(9)))
        done(end_screen(session, director, enrolled.screen.id, at=after(10)))
    told = {"screen": str(enrolled.screen.id), "name": "Central, desk 1", "kind": "workstation", "branch": str(branch.id)}
    added, joined, ended = _events(central, Action.SCREEN_ADD, Action.SCREEN_ENROL, Action.SCREEN_END)
    assert (added.actor, added.detail) == (CONSOLE.label, told)
    assert (joined.actor, joined.detail) == ("system:enrolment", told)
    assert (ended.actor, ended.detail) == (director.label, told | {"sessions_ended": "0"})
    with central.reading() as session:
        assert done(list_screens(session, CONSOLE)) == []


def test_neither_code_nor_token_is_kept(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        new = done(add_screen(session, CONSOLE, name="Wall", branch=a_branch(session).id, kind=ScreenKind.WALL, at=NOW))
        enrolled = done(enrol_screen(session, new.code, at=NOW))
    with central_sqlite.read.begin() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM screen").all())
    assert enrolled.token not in rows
    assert new.code.replace("-", "") not in rows


def test_a_code_enrols_one_browser_within_its_hour(central: Engines) -> None:
    with central.writing() as session:
        branch = a_branch(session)
        first, second = (
            done(add_screen(session, CONSOLE, name=name, branch=branch.id, kind=ScreenKind.WALL, at=NOW)) for name in ("One", "Two")
        )
        done(enrol_screen(session, f" {first.code.upper()} ", at=NOW + CODE_LASTS - timedelta(seconds=1)))
        again = refused(enrol_screen(session, first.code, at=NOW + CODE_LASTS - timedelta(seconds=1)))
        late = refused(enrol_screen(session, second.code, at=NOW + CODE_LASTS))
        made_up = refused(enrol_screen(session, "", at=NOW))
    assert again == late == made_up
    assert again.refusal is Refusal.NOT_ALLOWED
    assert len(_events(central, Action.ACCESS_REFUSE)) == 3


def test_an_ended_screens_code_enrols_nothing(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        new = done(add_screen(session, CONSOLE, name="One", branch=a_branch(session).id, kind=ScreenKind.WALL, at=NOW))
        done(end_screen(session, CONSOLE, new.screen.id, at=NOW))
        refused(enrol_screen(session, new.code, at=after(1)))


def test_a_name_is_free_in_every_branch_so_that_nobody_learns_of_anothers(central: Engines) -> None:
    with central.writing() as session:
        for name in ("Harbor", "West"):
            branch = a_branch(session, name).id
            done(add_screen(session, CONSOLE, name="Desk 1", branch=branch, kind=ScreenKind.WORKSTATION, at=NOW))


def test_a_name_is_one_screens_until_that_ends(central: Engines) -> None:
    branch, enrolled = _scene(central)

    def add(name: str) -> None:
        with central.writing() as session:
            done(add_screen(session, CONSOLE, name=name, branch=branch.id, kind=ScreenKind.WALL, at=NOW))

    with pytest.raises(Conflict, match="already"):
        add("central, DESK 1")
    with pytest.raises(InvalidInput):
        add(" ")
    with central.writing() as session:
        done(end_screen(session, CONSOLE, enrolled.screen.id, at=NOW))
    add("Central, desk 1")


def test_a_screen_stands_in_a_branch_that_exists_and_one_that_does_not_can_not_end(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        assert (
            refused(add_screen(session, CONSOLE, name="X", branch=BranchId(4), kind=ScreenKind.WALL, at=NOW)).refusal
            is Refusal.OUT_OF_SCOPE
        )
        assert refused(end_screen(session, CONSOLE, ScreenId(4), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


@pytest.mark.parametrize("role", list(Role))
def test_it_and_the_director_manage_screens_and_nobody_else(central_sqlite: Engines, role: Role) -> None:
    branch, enrolled = _scene(central_sqlite)
    actor = Person(PersonId(1), "Ana", role, SessionId(2))
    with central_sqlite.writing() as session:
        answers = [
            list_screens(session, actor),
            add_screen(session, actor, name="Another", branch=branch.id, kind=ScreenKind.WALL, at=NOW),
            end_screen(session, actor, enrolled.screen.id, at=NOW),
        ]
    if role in (Role.IT, Role.DIRECTOR):
        assert [done(answer) for answer in answers]
    else:
        assert [refused(answer).refusal for answer in answers] == [Refusal.NOT_ALLOWED] * 3
        assert len(_events(central_sqlite, Action.ACCESS_REFUSE)) == 2


def test_a_session_remembers_its_screen_and_the_log_names_it(central: Engines) -> None:
    _, enrolled = _scene(central)
    opened = _sign_in(central, enrolled)
    person = _now(central, opened.token, 1).person
    assert (person.kind, person.screen_id) == (SessionKind.WORKSTATION, enrolled.screen.id)
    (event,) = _events(central, Action.SESSION_OPEN)
    assert event.detail == {"how": "totp", "screen": "Central, desk 1"}
    with central.reading() as session:
        (mine,) = list_sessions(session, person, at=after(1))
        assert names_of_screens(session, [mine.screen_id, None]) == {enrolled.screen.id: "Central, desk 1"}


@pytest.mark.parametrize("told", ["", "constructor", "a" * 43])
def test_a_forged_screen_changes_nothing(central_sqlite: Engines, told: str) -> None:
    _, enrolled = _scene(central_sqlite)
    opened = _sign_in(central_sqlite, replace(enrolled, token=told))
    assert (opened.person.kind, opened.person.screen_id) == (SessionKind.ORDINARY, None)


def test_an_ended_screen_changes_nothing(central_sqlite: Engines) -> None:
    _, enrolled = _scene(central_sqlite)
    with central_sqlite.writing() as session:
        done(end_screen(session, CONSOLE, enrolled.screen.id, at=NOW))
    opened = _sign_in(central_sqlite, enrolled)
    assert (opened.person.kind, opened.person.screen_id) == (SessionKind.ORDINARY, None)


def test_a_screens_token_opens_nothing_by_itself(central_sqlite: Engines) -> None:
    _, enrolled = _scene(central_sqlite)
    with central_sqlite.reading() as session:
        assert refused(session_for_token(session, enrolled.token, at=NOW)).refusal is Refusal.SIGN_IN


def test_ending_a_screen_ends_the_sessions_opened_there_and_no_others(central: Engines) -> None:
    _, enrolled = _scene(central)
    there, elsewhere = _sign_in(central, enrolled), _sign_in(central, None, name="somebody else")
    with central.writing() as session:
        done(end_screen(session, CONSOLE, enrolled.screen.id, at=after(1)))
        refused(session_for_token(session, there.token, at=after(2)))
        done(session_for_token(session, elsewhere.token, at=after(2)))
    assert _events(central, Action.SCREEN_END)[0].detail["sessions_ended"] == "1"


def test_what_is_watched_keeps_a_workstations_session_and_does_not_keep_it_unlocked(central: Engines) -> None:
    _, enrolled = _scene(central)
    opened, at = _sign_in(central, enrolled), NOW
    while at < NOW + SESSION_LIMITS[Role.DESK] - _IDLE:
        at += _IDLE - timedelta(seconds=1)
        with central.writing() as session:
            found = done(session_for_token(session, opened.token, at=at))
            assert found.watching_counts
            touch_session(session, found.person.session_id, at=at, screen=found.person.screen_id)
    with central.reading() as session:
        person = done(session_for_token(session, opened.token, at=at)).person
        assert person.locked_since == NOW + _IDLE
        assert done(list_screens(session, CONSOLE))[0].seen_at == at
        refused(session_for_token(session, opened.token, at=NOW + SESSION_LIMITS[Role.DESK]))


def test_watching_counts_at_no_other_browser(central_sqlite: Engines) -> None:
    _, wall = _scene(central_sqlite, ScreenKind.WALL)
    assert not _now(central_sqlite, _sign_in(central_sqlite, None).token, 1).watching_counts
    assert not _now(central_sqlite, _sign_in(central_sqlite, wall, name="at the wall").token, 1).watching_counts


def test_a_request_by_hand_puts_the_lock_off_and_takes_it_off_never(central: Engines) -> None:
    _, enrolled = _scene(central)
    opened, idle = _sign_in(central, enrolled), _IDLE.total_seconds()
    assert not _now(central, opened.token, TOUCH_EVERY.total_seconds() - 1).act_due(after(TOUCH_EVERY.total_seconds() - 1))
    with central.writing() as session:
        found = done(session_for_token(session, opened.token, at=after(idle - 1)))
        assert found.act_due(after(idle - 1))
        act_in_session(session, found.person, at=after(idle - 1))
    assert _now(central, opened.token, 2 * idle - 2).person.locked_since is None
    with central.writing() as session:
        touch_session(session, opened.person.session_id, at=after(2 * idle - 2))
        locked = done(session_for_token(session, opened.token, at=after(2 * idle)))
        assert not locked.act_due(after(2 * idle))
        act_in_session(session, locked.person, at=after(2 * idle))
    assert _now(central, opened.token, 2 * idle + 1).person.locked_since == after(2 * idle - 1)


def test_a_new_proof_unlocks_under_another_token(central: Engines) -> None:
    _, enrolled = _scene(central)
    opened, idle = _sign_in(central, enrolled), _IDLE.total_seconds()
    with central.writing() as session:
        touch_session(session, opened.person.session_id, at=after(idle - 1))
        locked = done(session_for_token(session, opened.token, at=after(idle))).person
        assert not locked.may(Permission.RECORDED_VIEW)
        proved = prove_session(session, locked, Proof.TOTP, at=after(idle + 1))
        refused(session_for_token(session, opened.token, at=after(idle + 2)))
    assert proved.person.may(Permission.RECORDED_VIEW)
    assert _now(central, proved.token, idle + 2).person == proved.person


def test_a_wall_reaches_its_branch_alone_and_lasts_its_hours(central: Engines) -> None:
    branch, enrolled = _scene(central, ScreenKind.WALL)
    with central.writing() as session:
        other = a_branch(session, "Harbor")
    opened = _sign_in(central, enrolled, Role.DIRECTOR)
    both = _sign_in(central, enrolled, Role.DESK, branches=frozenset({branch.id, other.id}))
    assert opened.person.kind is SessionKind.ORDINARY
    for one in (opened, both):
        with central.writing() as session:
            assert done(show_wall(session, one.person, at=after(1))).id == enrolled.screen.id
        person = _now(central, one.token, 2).person
        assert (person.kind, person.branches) == (SessionKind.WALL, frozenset({branch.id}))
    event = _events(central, Action.WALL_SHOW)[0]
    assert (event.actor, event.detail) == (opened.person.label, {"screen": str(enrolled.screen.id), "name": "Central, desk 1"})
    at = NOW
    while at < NOW + WALL_LIMIT - IDLE_LIMITS[Role.DIRECTOR]:
        at += IDLE_LIMITS[Role.DIRECTOR] - timedelta(seconds=1)
        with central.writing() as session:
            found = done(session_for_token(session, opened.token, at=at))
            assert found.watching_counts
            touch_session(session, opened.person.session_id, at=at)
    with central.reading() as session:
        refused(session_for_token(session, opened.token, at=NOW + WALL_LIMIT))


def test_a_wall_shows_nothing_once_its_branch_is_not_its_persons_any_more(central_sqlite: Engines) -> None:
    branch, enrolled = _scene(central_sqlite, ScreenKind.WALL)
    opened = _sign_in(central_sqlite, enrolled, branches=frozenset({branch.id}))
    with central_sqlite.writing() as session:
        done(show_wall(session, opened.person, at=after(1)))
        session.execute(text("DELETE FROM person_branch"))
    assert _now(central_sqlite, opened.token, 2).person.branches == frozenset()


def test_a_wall_that_is_not_heard_from_ends(central_sqlite: Engines) -> None:
    _, enrolled = _scene(central_sqlite, ScreenKind.WALL)
    opened = _sign_in(central_sqlite, enrolled)
    with central_sqlite.writing() as session:
        done(show_wall(session, opened.person, at=after(1)))
        refused(session_for_token(session, opened.token, at=NOW + _IDLE))


def test_a_wall_is_shown_at_a_wall_screen_of_ones_own_branch_by_who_may_watch(central_sqlite: Engines) -> None:
    _, workstation = _scene(central_sqlite)
    with central_sqlite.writing() as session:
        wall, elsewhere = a_screen(session, a_branch(session, "West"), ScreenKind.WALL), a_branch(session, "Harbor")
    tries = [
        _sign_in(central_sqlite, None, name="one").person,
        _sign_in(central_sqlite, workstation, name="two").person,
        _sign_in(central_sqlite, wall, Role.IT).person,
        _sign_in(central_sqlite, wall, name="three", branches=frozenset({elsewhere.id})).person,
    ]
    with central_sqlite.writing() as session:
        assert [refused(show_wall(session, person, at=NOW)).refusal for person in tries] == [Refusal.NOT_ALLOWED] * 4
    assert len(_events(central_sqlite, Action.ACCESS_REFUSE)) == 4
    assert _events(central_sqlite, Action.WALL_SHOW) == []


def test_the_next_person_takes_the_place_of_the_one_before(central: Engines) -> None:
    _, enrolled = _scene(central)
    before = _sign_in(central, enrolled)
    with central.writing() as session:
        account = an_account(session, Role.SUPERVISOR, name="next")
        browser = _browser(enrolled, before)
        opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=after(5), browser=browser))
    with central.reading() as session:
        refused(session_for_token(session, before.token, at=after(6)))
    assert _now(central, opened.token, 6).person.role is Role.SUPERVISOR
    closed, event = _events(central, Action.SESSION_CLOSE, Action.SESSION_OPEN)[1:]
    assert (closed.action, closed.actor, closed.detail) == (Action.SESSION_CLOSE, before.person.label, {"why": "switched"})
    assert (event.actor, event.detail) == (opened.person.label, {"how": "totp", "screen": "Central, desk 1"})


def test_who_may_not_sign_in_takes_nobodys_place(central: Engines) -> None:
    _, enrolled = _scene(central)
    before = _sign_in(central, enrolled)
    with central.writing() as session:
        browser = _browser(enrolled, before)
        refused(open_session(session, person_id=PersonId(1), proof=Proof.TOTP, at=after(5), browser=browser))
    assert _now(central, before.token, 6).person == before.person
    assert _events(central, Action.SESSION_CLOSE) == []


def test_every_role_keeps_its_permissions_at_a_workstation(central_sqlite: Engines) -> None:
    _, enrolled = _scene(central_sqlite)
    for role in Role:
        person = _now(central_sqlite, _sign_in(central_sqlite, enrolled, role).token, 1).person
        assert {one for one in Permission if person.may(one)} == PERMISSIONS[role]


def test_watching_at_a_screen_and_a_change_of_shift_there_take_turns(central_postgresql: Engines) -> None:
    """Who signs in at a screen holds it before the session that gives way; so does what counts the watching, or the two would block."""
    with central_postgresql.writing() as session:
        enrolled = a_screen(session, a_branch(session))
        account = an_account(session)
        browser = Browser(digest(enrolled.token))
        person = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW, browser=browser)).person

    def watch() -> None:
        with central_postgresql.writing() as session:
            touch_session(session, person.session_id, at=after(90), screen=enrolled.screen.id)

    watching = threading.Thread(target=watch)
    with central_postgresql.writing() as session:
        assert screens.held_for_token(session, digest(enrolled.token)) is not None
        watching.start()
        wait_until(lambda: is_somebody_locked_out(central_postgresql))
        sign_out(session, person, at=after(90))
    watching.join()
    with central_postgresql.reading() as session:
        assert not sessions.is_open(session, person.session_id)

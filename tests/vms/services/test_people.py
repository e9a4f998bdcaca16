"""Accounts, sign-in and sessions."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import CONSOLE, NOW, PASSWORD, a_branch, a_camera, a_person, after, an_account, done, quick_hash, refused
from vms.domain.access import AccessEvent, Action
from vms.domain.ids import BranchId, PersonId
from vms.domain.outcome import Refusal
from vms.domain.people import IDLE_LIMITS, SESSION_LIMIT, Account, Person, Role
from vms.errors import Conflict, InvalidInput
from vms.services import people
from vms.services.access_log import DISTRICT
from vms.services.cameras import list_cameras
from vms.services.people import (
    SignedIn,
    add_person,
    confirm_person,
    hash_password,
    list_people,
    open_session,
    session_for_token,
    sign_in,
    sign_out,
    touch_session,
)
from vms.store import access_log
from vms.store.database import Engines

_IDLE = IDLE_LIMITS[Role.DESK]


def _signed_in(engines: Engines, role: Role = Role.DESK) -> SignedIn:
    with engines.writing() as session:
        account = an_account(session, role)
        return done(open_session(session, person_id=account.id, at=NOW))


def _newest(engines: Engines) -> AccessEvent:
    with engines.reading() as session:
        return access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]


def test_name_and_password_open_a_session(central: Engines) -> None:
    with central.writing() as session:
        account = an_account(session, Role.DIRECTOR, name="Helen Marsh")
    opened = done(sign_in(central, name=" helen MARSH".strip(), password=PASSWORD, at=NOW, address="192.0.2.7"))
    with central.reading() as session:
        assert done(session_for_token(session, opened.token, at=after(1))).person == opened.person
    assert (opened.person.id, opened.person.role, opened.person.branches) == (account.id, Role.DIRECTOR, None)
    event = _newest(central)
    assert (event.action, event.actor_name, event.detail) == (
        Action.SESSION_OPEN,
        "Helen Marsh",
        {"address": "192.0.2.7", "how": "password"},
    )


def test_neither_token_nor_password_is_in_the_files(central_sqlite: Engines, tmp_path: Path) -> None:
    opened = _signed_in(central_sqlite)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("central.db*"))
    assert b"desk person" in stored
    assert opened.token.encode() not in stored
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize(
    ("name", "password"), [("Desk person", "wrong password here"), ("Nobody", PASSWORD), ("", ""), ("Desk person", "")]
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(central: Engines, name: str, password: str) -> None:
    with central.writing() as session:
        an_account(session, name="Desk person")
    answer = refused(sign_in(central, name=name, password=password, at=NOW))
    assert (answer.refusal, answer.sentence) == (Refusal.SIGN_IN, "Name or password is wrong.")


def test_a_refused_sign_in_is_written_without_what_was_typed(central: Engines) -> None:
    refused(sign_in(central, name="my password by mistake", password="x", at=NOW, address="192.0.2.7"))
    event = _newest(central)
    assert (event.action, event.actor, event.detail) == (
        Action.SESSION_REFUSE,
        "system:sign-in",
        {"address": "192.0.2.7", "account": "unknown"},
    )


def test_no_more_than_two_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        """A hasher that waits until it is released and counts how many wait beside it."""

        def __init__(self) -> None:
            self.inside, self.most = 0, 0
            self.lock, self.release = threading.Lock(), threading.Event()

        def hash(self, password: str) -> str:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                if self.inside == 2:
                    self.release.set()
            self.release.wait(10)
            with self.lock:
                self.inside -= 1
            return password

    counting = Counting()
    monkeypatch.setattr(people, "_HASHER", counting)
    threads = [threading.Thread(target=hash_password, args=(PASSWORD,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counting.most == 2


@pytest.mark.slow
def test_a_hashed_password_fits_itself_alone(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        done(
            add_person(session, CONSOLE, name="Ana", role=Role.DESK, branches=None, password_hash=hash_password("fifteen letters"), at=NOW)
        )
    done(sign_in(central_sqlite, name="Ana", password="fifteen letters", at=NOW))
    refused(sign_in(central_sqlite, name="Ana", password="fifteen letterS", at=NOW))


@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 257])
def test_a_password_of_the_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="characters"):
        hash_password(password)


def test_a_session_ends_when_nobody_uses_it(central: Engines) -> None:
    opened = _signed_in(central)
    with central.reading() as session:
        done(session_for_token(session, opened.token, at=NOW + _IDLE - timedelta(seconds=1)))
        assert refused(session_for_token(session, opened.token, at=NOW + _IDLE)).refusal is Refusal.SIGN_IN


def test_a_session_in_use_ends_after_its_whole_length(central: Engines) -> None:
    opened, at = _signed_in(central), NOW
    while at < NOW + SESSION_LIMIT - _IDLE:
        at += _IDLE - timedelta(seconds=1)
        with central.writing() as session:
            found = done(session_for_token(session, opened.token, at=at))
            assert found.touch_due(at)
            touch_session(session, found.person.session_id, at=at)
    with central.reading() as session:
        assert done(session_for_token(session, opened.token, at=at)).ends_at <= NOW + SESSION_LIMIT
        refused(session_for_token(session, opened.token, at=NOW + SESSION_LIMIT))


def test_a_request_is_written_down_at_most_once_a_minute(central_sqlite: Engines) -> None:
    opened = _signed_in(central_sqlite)
    with central_sqlite.reading() as session:
        found = done(session_for_token(session, opened.token, at=after(59)))
    assert not found.touch_due(after(59))
    assert found.touch_due(after(60))


def test_a_clock_set_back_does_not_lengthen_a_session(central_sqlite: Engines) -> None:
    opened = _signed_in(central_sqlite)
    with central_sqlite.writing() as session:
        refused(session_for_token(session, opened.token, at=NOW - timedelta(seconds=1)))


@pytest.mark.parametrize("token", ["", "x", "constructor", "\x00", "’" * 40, "a" * 100_000])
def test_a_made_up_token_opens_nothing(central_sqlite: Engines, token: str) -> None:
    _signed_in(central_sqlite)
    with central_sqlite.reading() as session:
        assert refused(session_for_token(session, token, at=NOW)).refusal is Refusal.SIGN_IN


def test_signing_out_ends_the_session_once(central: Engines) -> None:
    opened = _signed_in(central)
    with central.writing() as session:
        sign_out(session, opened.person, at=after(1))
        sign_out(session, opened.person, at=after(2))
    with central.reading() as session:
        refused(session_for_token(session, opened.token, at=after(2)))
        closed = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.SESSION_CLOSE})), limit=9)
    assert [event.at for event in closed] == [after(1)]


def test_a_name_is_given_once(central: Engines) -> None:
    with central.writing() as session:
        an_account(session, name="Ana")
    with pytest.raises(Conflict, match="already"), central.writing() as session:
        an_account(session, name="ANA")


def test_an_account_needs_a_name(central_sqlite: Engines) -> None:
    with pytest.raises(InvalidInput), central_sqlite.writing() as session:
        an_account(session, name="\n ")


def test_an_account_sees_the_branches_it_was_given(central: Engines) -> None:
    with central.writing() as session:
        ours, theirs = a_branch(session, "Ours"), a_branch(session, "Theirs")
        seen, _ = a_camera(session, ours), a_camera(session, theirs)
        person = a_person(session, branches=frozenset({ours.id}))
        nobody = a_person(session, name="nobody", branches=frozenset())
        assert list_cameras(session, person) == [seen]
        assert list_cameras(session, nobody) == []


def test_an_account_for_a_branch_that_is_not_there_is_refused(central: Engines) -> None:
    with central.writing() as session:
        answer = add_person(
            session, CONSOLE, name="Ana", role=Role.DESK, branches=frozenset({BranchId(1)}), password_hash=quick_hash(), at=NOW
        )
        assert refused(answer).refusal is Refusal.OUT_OF_SCOPE


def _proposed(engines: Engines) -> tuple[Account, Person]:
    """Return an account that the console added after the Director had signed in, and the Director."""
    with engines.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        return an_account(session, name="Ana"), director


def test_once_a_director_signed_in_the_console_only_proposes(central: Engines) -> None:
    proposed, _ = _proposed(central)
    assert proposed.confirmed_at is None
    answer = refused(sign_in(central, name="Ana", password=PASSWORD, at=NOW))
    assert "Director's confirmation" in answer.sentence
    assert "wrong" in refused(sign_in(central, name="Ana", password="not the password", at=NOW)).sentence


def test_a_director_confirms_what_was_proposed(central: Engines) -> None:
    proposed, director = _proposed(central)
    with central.writing() as session:
        assert done(confirm_person(session, director, proposed.id, at=after(5))).confirmed_at == after(5)
        assert done(confirm_person(session, director, proposed.id, at=after(9))).confirmed_at == after(5)
    done(sign_in(central, name="Ana", password=PASSWORD, at=NOW))


def test_nobody_but_a_director_confirms(central_sqlite: Engines) -> None:
    proposed, director = _proposed(central_sqlite)
    with central_sqlite.writing() as session:
        assert refused(confirm_person(session, CONSOLE, proposed.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert refused(confirm_person(session, director, PersonId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_only_it_and_the_console_add_accounts(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        for role in (Role.DESK, Role.AUDITOR, Role.DIRECTOR):
            person = a_person(session, role) if role is not Role.DIRECTOR else a_person(session, role, name="last of them")
            answer = add_person(session, person, name="Eve", role=Role.DIRECTOR, branches=None, password_hash=quick_hash(), at=NOW)
            assert refused(answer).refusal is Refusal.NOT_ALLOWED


def test_the_list_of_accounts_is_for_who_keeps_it(central: Engines) -> None:
    with central.writing() as session:
        desk, it = a_person(session), a_person(session, Role.IT)
        assert [account.name for account in done(list_people(session, it))] == ["desk person", "it person"]
        assert [account.name for account in done(list_people(session, CONSOLE))] == ["desk person", "it person"]
        assert refused(list_people(session, desk)).refusal is Refusal.NOT_ALLOWED


def test_no_session_opens_for_an_account_that_is_not_there(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        assert refused(open_session(session, person_id=PersonId(1), at=NOW)).refusal is Refusal.SIGN_IN

"""Sessions: how long they last, what ends them, and a new proof."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories import NOW, a_person, after, an_account, done, refused
from vms.domain.access import Action
from vms.domain.ids import PersonId, SessionId
from vms.domain.outcome import Refusal
from vms.domain.people import IDLE_LIMITS, PERMISSIONS, PROOF_LASTS, SESSION_LIMITS, Permission, Person, Proof, Role, needs_second_factor
from vms.services.access_log import DISTRICT
from vms.services.sessions import (
    SignedIn,
    list_sessions,
    open_session,
    prove_session,
    revoke_sessions,
    session_for_token,
    sign_out,
    touch_session,
)
from vms.store import access_log
from vms.store.database import Engines

_IDLE = IDLE_LIMITS[Role.DESK]


def _signed_in(engines: Engines, role: Role = Role.DESK, proof: Proof = Proof.TOTP) -> SignedIn:
    with engines.writing() as session:
        account = an_account(session, role)
        return done(open_session(session, person_id=account.id, proof=proof, at=NOW))


def test_a_session_ends_when_nobody_uses_it(central: Engines) -> None:
    opened = _signed_in(central)
    with central.reading() as session:
        done(session_for_token(session, opened.token, at=NOW + _IDLE - timedelta(seconds=1)))
        assert refused(session_for_token(session, opened.token, at=NOW + _IDLE)).refusal is Refusal.SIGN_IN


def test_a_session_in_use_ends_after_its_whole_length(central: Engines) -> None:
    opened, at = _signed_in(central), NOW
    while at < NOW + SESSION_LIMITS[Role.DESK] - _IDLE:
        at += _IDLE - timedelta(seconds=1)
        with central.writing() as session:
            found = done(session_for_token(session, opened.token, at=at))
            assert found.touch_due(at)
            touch_session(session, found.person.session_id, at=at)
    with central.reading() as session:
        assert done(session_for_token(session, opened.token, at=at)).ends_at <= NOW + SESSION_LIMITS[Role.DESK]
        refused(session_for_token(session, opened.token, at=NOW + SESSION_LIMITS[Role.DESK]))


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


def test_no_session_opens_for_an_account_that_is_not_there(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        assert refused(open_session(session, person_id=PersonId(1), proof=Proof.TOTP, at=NOW)).refusal is Refusal.SIGN_IN


@pytest.mark.parametrize("role", list(Role))
def test_a_password_alone_opens_nothing_for_who_watches_or_changes_things(central_sqlite: Engines, role: Role) -> None:
    person = _signed_in(central_sqlite, role, Proof.PASSWORD).person
    assert person.must_enrol is needs_second_factor(role)
    for permission in Permission:
        always = permission in (Permission.PUBLIC, Permission.SIGNED_IN, Permission.SESSION_OWN)
        assert person.may(permission) is (always or (permission in PERMISSIONS[role] and not person.must_enrol))


def test_who_only_reads_the_log_needs_no_second_factor_and_all_others_do() -> None:
    """Counsel reads who is looked for, and writes what is privileged."""
    assert {role for role in Role if not needs_second_factor(role)} == {Role.AUDITOR}


@pytest.mark.parametrize("proof", sorted(set(Proof) - {Proof.PASSWORD}))
def test_every_other_proof_is_enough(central_sqlite: Engines, proof: Proof) -> None:
    assert not _signed_in(central_sqlite, proof=proof).person.must_enrol


def test_a_proof_is_fresh_for_five_minutes_and_a_new_one_changes_the_token(central: Engines) -> None:
    opened = _signed_in(central)
    late = NOW + PROOF_LASTS
    assert opened.person.proved_lately(late - timedelta(seconds=1))
    assert not opened.person.proved_lately(late)
    assert not opened.person.proved_lately(NOW - timedelta(seconds=1))
    with central.writing() as session:
        proved = prove_session(session, opened.person, Proof.TOTP, at=late)
    with central.reading() as session:
        refused(session_for_token(session, opened.token, at=late))
        found = done(session_for_token(session, proved.token, at=late)).person
        assert (found, found.proved_lately(late)) == (proved.person, True)
        events = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.SESSION_PROVE})), limit=9)
    assert [event.detail for event in events] == [{"how": "totp"}]


def test_a_new_proof_does_not_lengthen_the_session(central_sqlite: Engines) -> None:
    opened = _signed_in(central_sqlite)
    end = NOW + SESSION_LIMITS[Role.DESK]
    with central_sqlite.writing() as session:
        proved = prove_session(session, opened.person, Proof.TOTP, at=end - timedelta(minutes=1))
        assert done(session_for_token(session, proved.token, at=end - timedelta(seconds=1))).ends_at == end
        refused(session_for_token(session, proved.token, at=end))


def _three_sessions(engines: Engines) -> tuple[Person, list[SignedIn]]:
    with engines.writing() as session:
        account = an_account(session)
        opened = [
            done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=after(number), address=f"192.0.2.{number}"))
            for number in range(3)
        ]
    return opened[0].person, opened


def test_one_sees_where_one_is_signed_in(central: Engines) -> None:
    person, opened = _three_sessions(central)
    with central.writing() as session:
        sign_out(session, opened[1].person, at=after(3))
        mine = list_sessions(session, person, at=after(4))
        assert [(one.address, one.opened_at) for one in mine] == [("192.0.2.2", after(2)), ("192.0.2.0", after(0))]
        assert list_sessions(session, person, at=NOW + _IDLE + timedelta(minutes=1)) == []


def test_signing_out_everywhere_else_leaves_this_session(central: Engines) -> None:
    person, opened = _three_sessions(central)
    with central.writing() as session:
        assert done(revoke_sessions(session, person, person.id, at=after(4))) == 2
        done(session_for_token(session, opened[0].token, at=after(4)))
        for one in opened[1:]:
            refused(session_for_token(session, one.token, at=after(4)))
        events = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.SESSION_REVOKE})), limit=9)
    assert [event.detail["sessions"] for event in events] == ["2"]


@pytest.mark.parametrize("role", [Role.IT, Role.DIRECTOR])
def test_it_and_the_director_end_the_sessions_of_others(central: Engines, role: Role) -> None:
    person, opened = _three_sessions(central)
    with central.writing() as session:
        actor = a_person(session, role)
        assert done(revoke_sessions(session, actor, person.id, at=after(4), only=opened[2].person.session_id)) == 1
        assert done(revoke_sessions(session, actor, person.id, at=after(4))) == 2
        assert done(revoke_sessions(session, actor, person.id, at=after(4))) == 0


def test_nobody_else_ends_them(central_sqlite: Engines) -> None:
    person, opened = _three_sessions(central_sqlite)
    with central_sqlite.writing() as session:
        for role in set(Role) - {Role.IT, Role.DIRECTOR}:
            actor = Person(PersonId(1), "Ana", role, SessionId(2))
            assert refused(revoke_sessions(session, actor, person.id, at=after(4))).refusal is Refusal.NOT_ALLOWED
        done(session_for_token(session, opened[1].token, at=after(4)))


def test_a_session_of_somebody_else_is_not_ended_as_ones_own(central_sqlite: Engines) -> None:
    _, opened = _three_sessions(central_sqlite)
    with central_sqlite.writing() as session:
        eve = a_person(session, name="Eve")
        assert done(revoke_sessions(session, eve, eve.id, at=after(4), only=opened[1].person.session_id)) == 0
        done(session_for_token(session, opened[1].token, at=after(4)))

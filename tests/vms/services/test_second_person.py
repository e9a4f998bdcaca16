"""The second-person rule: who proposes does not approve; where nobody else could, the act waits, everybody is told, anybody stops it."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, FACTOR_KEY, NOW, PASSWORD, a_person, after, an_account, done, quick_hash, refused
from vms.domain.access import Action
from vms.domain.ids import PersonId, ProposalId, SessionId
from vms.domain.outcome import Refusal
from vms.domain.people import Account, Person, Proof, Role
from vms.domain.second_person import ALONE_WAIT, OF_PERSONS, POWERS, Act, Proposal
from vms.errors import Conflict
from vms.services.access_log import DISTRICT
from vms.services.due_acts import carry_out_due
from vms.services.people import (
    INVITATION_LASTS,
    RESET_WAIT,
    NewAccount,
    add_person,
    confirm_person,
    disable_person,
    finish_reset,
    invite_person,
    propose_reset,
    second_half,
)
from vms.services.second_factor import enrol_totp, factors_of, offer_totp
from vms.services.second_person import approve, list_waiting, mark_announced, propose, stop, take_due, waits_for
from vms.services.sessions import SignedIn, open_session, session_for_token
from vms.services.sign_in import join, sign_in
from vms.store import access_log, identities, people, proposals
from vms.store.database import Engines

KEY = FACTOR_KEY


def _person(role: Role, number: int = 1) -> Person:
    return Person(PersonId(number), "Ana", role, SessionId(2))


def _actions(engines: Engines) -> list[Action]:
    with engines.reading() as session:
        return [event.action for event in reversed(access_log.find(session, DISTRICT, None, access_log.Filter(), limit=99))]


@pytest.mark.parametrize("act", list(Act))
def test_who_proposed_does_not_approve(central: Engines, act: Act) -> None:
    with central.writing() as session:
        director, other = an_account(session, Role.DIRECTOR), an_account(session, Role.DIRECTOR, name="other")
        subject = an_account(session)
        proposing, approving = (Person(one.id, one.name, one.role, SessionId(2)) for one in (director, other))
        propose(session, proposing, act, subject.id, at=NOW)
        assert refused(approve(session, proposing, act, subject.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert done(approve(session, approving, act, subject.id, at=NOW)).act is act
        assert refused(approve(session, approving, act, subject.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


@pytest.mark.parametrize("act", sorted(OF_PERSONS))
def test_nobody_approves_what_is_about_the_own_account(central_sqlite: Engines, act: Act) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        propose(session, CONSOLE, act, director.id, at=NOW)
        assert refused(approve(session, director, act, director.id, at=NOW)).refusal is Refusal.NOT_ALLOWED


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("role", list(Role))
def test_only_who_holds_the_power_approves(central_sqlite: Engines, act: Act, role: Role) -> None:
    with central_sqlite.writing() as session:
        subject = an_account(session, name="Eve")
        propose(session, CONSOLE, act, subject.id, at=NOW)
        answer = approve(session, _person(role), act, subject.id, at=NOW)
    assert isinstance(answer, Proposal) is _person(role).may(POWERS[act])


def test_what_is_about_no_account_is_about_nobody(central_sqlite: Engines) -> None:
    """A hold may have the number of an account."""
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        propose(session, CONSOLE, Act.HOLD_RELEASE, director.id, at=NOW)
        (waiting,) = list_waiting(session, director)
        assert not waiting.is_about(director)
        assert done(approve(session, director, Act.HOLD_RELEASE, director.id, at=NOW)).act is Act.HOLD_RELEASE


def test_the_same_act_about_the_same_person_waits_once(central: Engines) -> None:
    with central.writing() as session:
        subject = an_account(session)
        propose(session, CONSOLE, Act.PERSON_RESET, subject.id, at=NOW)
        propose(session, CONSOLE, Act.PERSON_CONFIRM, subject.id, at=NOW)
    with pytest.raises(Conflict, match="already"), central.writing() as session:
        propose(session, CONSOLE, Act.PERSON_RESET, subject.id, at=NOW)


def test_with_somebody_to_ask_nothing_is_done_alone(central: Engines) -> None:
    with central.writing() as session:
        an_account(session, Role.DIRECTOR)
        subject = an_account(session)
        assert propose(session, CONSOLE, Act.PERSON_CONFIRM, subject.id, at=NOW).alone_at is None
        assert take_due(session, at=NOW + timedelta(days=900)) == []


def test_a_director_who_is_gone_is_nobody_to_ask(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, subject = an_account(session, Role.DIRECTOR), an_account(session)
        people.disable(session, director.id, NOW)
        assert propose(session, CONSOLE, Act.PERSON_CONFIRM, subject.id, at=NOW).alone_at == NOW + ALONE_WAIT


def _without_director(engines: Engines) -> Account:
    """Return an account that was proposed when the only Director was gone."""
    with engines.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        done(disable_person(session, director, director.id, at=NOW))
        account = an_account(session, Role.SUPERVISOR, name="supervisor")
        mark_announced(session, at=NOW)
        return account


def test_alone_an_act_is_done_after_three_days_and_written_as_that(central: Engines) -> None:
    account = _without_director(central)
    with central.writing() as session:
        assert carry_out_due(session, at=NOW + ALONE_WAIT - timedelta(seconds=1)) == []
    assert "waits" in refused(sign_in(central, name=account.name, password=PASSWORD, key=KEY, at=NOW)).sentence
    with central.writing() as session:
        assert [one.subject for one in carry_out_due(session, at=NOW + ALONE_WAIT)] == [account.id]
        assert carry_out_due(session, at=NOW + ALONE_WAIT) == []
    assert isinstance(sign_in(central, name=account.name, password=PASSWORD, key=KEY, at=NOW + ALONE_WAIT), SignedIn)
    assert _actions(central)[-3:] == [Action.PROPOSAL_ALONE, Action.PERSON_CONFIRM, Action.SESSION_OPEN]


@pytest.mark.parametrize("role", list(Role))
def test_everybody_is_told_of_an_act_done_alone_and_anybody_stops_it(central: Engines, role: Role) -> None:
    _without_director(central)
    person = _person(role)
    with central.writing() as session:
        (waiting,) = list_waiting(session, person)
        assert waits_for(session, person) == 1
        done(stop(session, person, waiting.id, at=after(5)))
        assert refused(stop(session, person, waiting.id, at=after(5))).refusal is Refusal.OUT_OF_SCOPE
        assert waits_for(session, person) == 0
        assert carry_out_due(session, at=NOW + 2 * ALONE_WAIT) == []


@pytest.mark.parametrize("act", list(Act))
def test_who_may_approve_is_told_and_nobody_else(central_sqlite: Engines, act: Act) -> None:
    with central_sqlite.writing() as session:
        an_account(session, Role.DIRECTOR)
        propose(session, CONSOLE, act, an_account(session, name="Eve").id, at=NOW)
        told = {role: waits_for(session, _person(role)) for role in Role}
    assert told == {role: int(_person(role).may(POWERS[act])) for role in Role}


def test_who_proposed_is_not_told_to_approve(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        delegate, director = a_person(session, Role.DELEGATE), a_person(session, Role.DIRECTOR)
        propose(session, director, Act.HOLD_RELEASE, 5, at=NOW)
        assert (waits_for(session, director), waits_for(session, delegate)) == (0, 1)


def test_the_boards_paper_appoints_a_director_whom_the_old_one_does_not_confirm_but_may_stop(central: Engines) -> None:
    with central.writing() as session:
        old = a_person(session, Role.DIRECTOR)
        new = NewAccount("new director", Role.DIRECTOR)
        account = done(add_person(session, CONSOLE, new, at=NOW, board_paper="minutes of 2026-03-10, item 7"))
        mark_announced(session, at=NOW)
        assert account.confirmed_at is None
        (waiting,) = list_waiting(session, old)
        assert (waiting.reason, waiting.alone_at) == ("minutes of 2026-03-10, item 7", NOW + ALONE_WAIT)
        carry_out_due(session, at=NOW + ALONE_WAIT)
        confirmed = people.get(session, account.id)
        assert confirmed is not None
        assert confirmed.confirmed_at == NOW + ALONE_WAIT


def test_the_boards_paper_serves_for_a_director_at_the_console_alone(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        it = a_person(session, Role.IT)
        for actor, role in ((it, Role.DIRECTOR), (CONSOLE, Role.SUPERVISOR)):
            answer = add_person(session, actor, NewAccount("Eve", role), at=NOW, board_paper="a letter")
            assert refused(answer).refusal is Refusal.NOT_ALLOWED


def test_an_account_that_is_ended_takes_what_waits_about_it_along(central_sqlite: Engines) -> None:
    account = _without_director(central_sqlite)
    with central_sqlite.writing() as session:
        done(disable_person(session, CONSOLE, account.id, at=after(1)))
        assert proposals.waiting(session, limit=9) == []
        assert carry_out_due(session, at=NOW + ALONE_WAIT) == []


def _reset_begun(engines: Engines) -> tuple[Person, Person, SignedIn]:
    return _reset_begun_with_half(engines)[:3]


def _reset_begun_with_half(engines: Engines) -> tuple[Person, Person, SignedIn, str]:
    """Return IT, the Director, a session of somebody whose reset IT has begun, and the half that IT was shown."""
    with engines.writing() as session:
        it, desk = a_person(session, Role.IT), an_account(session, Role.DESK, name="Ana")
        director = a_person(session, Role.DIRECTOR)
        opened = done(open_session(session, person_id=desk.id, proof=Proof.TOTP, at=NOW))
        begun = done(propose_reset(session, it, desk.id, at=NOW))
    return it, director, opened, begun.invitation.code


def test_it_begins_a_reset_and_never_finishes_it(central: Engines) -> None:
    it, director, opened, first = _reset_begun_with_half(central)
    owner = opened.person.id
    late = NOW + RESET_WAIT
    with central.writing() as session:
        assert refused(finish_reset(session, it, owner, at=late)).refusal is Refusal.NOT_ALLOWED
        assert "waits until" in refused(finish_reset(session, director, owner, at=late - timedelta(seconds=1))).sentence
        done(session_for_token(session, opened.token, at=after(60)))
        refused_half = second_half(session, director, owner, at=late)
        assert refused_half is None  # the account is in use
        second = done(finish_reset(session, director, owner, at=late))
        refused(session_for_token(session, opened.token, at=after(60)))
        assert factors_of(session, owner).totp_since is None
        for actor in (it, CONSOLE):
            assert refused(invite_person(session, actor, owner, at=late)).refusal is Refusal.NOT_ALLOWED
    refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=late))
    for alone in (first, second):
        refused(join(central, name="Ana", invitation=alone, password=PASSWORD, at=late))
    assert done(join(central, name="Ana", invitation=first, second=second, password=PASSWORD, at=late)).person.must_enrol


def test_a_reset_whose_first_half_has_run_out_is_not_finished(central_sqlite: Engines) -> None:
    _, director, opened = _reset_begun(central_sqlite)
    too_late = NOW + RESET_WAIT + INVITATION_LASTS
    with central_sqlite.writing() as session:
        assert "has run out" in refused(finish_reset(session, director, opened.person.id, at=too_late)).sentence
        done(finish_reset(session, director, opened.person.id, at=too_late - timedelta(seconds=1)))


def test_whom_a_reset_is_about_is_told_and_stops_it(central: Engines) -> None:
    _, director, opened = _reset_begun(central)
    with central.writing() as session:
        assert waits_for(session, opened.person) == 1
        assert waits_for(session, _person(Role.SUPERVISOR)) == 0
        (waiting,) = list_waiting(session, opened.person)
        done(stop(session, opened.person, waiting.id, at=after(9)))
        assert refused(finish_reset(session, director, opened.person.id, at=NOW + RESET_WAIT)).refusal is Refusal.OUT_OF_SCOPE
        done(session_for_token(session, opened.token, at=after(60)))


def test_whom_it_does_not_concern_neither_sees_nor_stops_a_reset(central_sqlite: Engines) -> None:
    _, director, _ = _reset_begun(central_sqlite)
    with central_sqlite.writing() as session:
        (waiting,) = list_waiting(session, director)
        assert list_waiting(session, _person(Role.SUPERVISOR)) == []
        assert refused(stop(session, _person(Role.SUPERVISOR), waiting.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert refused(stop(session, director, ProposalId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_the_only_directors_account_is_not_reset(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = an_account(session, Role.DIRECTOR)
        assert "Board" in refused(propose_reset(session, CONSOLE, director.id, at=NOW)).sentence
        an_account(session, Role.DIRECTOR, name="other")
        done(propose_reset(session, CONSOLE, director.id, at=NOW))


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.IT}))
def test_only_it_begins_a_reset(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session, name="Eve")
        assert refused(propose_reset(session, _person(role), account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert refused(propose_reset(session, CONSOLE, PersonId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_confirming_is_approving(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        account = an_account(session)
        done(confirm_person(session, director, account.id, at=after(1)))
    assert _actions(central_sqlite)[-3:] == [Action.PROPOSAL_OPEN, Action.PROPOSAL_APPROVE, Action.PERSON_CONFIRM]


def test_a_reset_that_nobody_can_finish_any_more_waits_for_a_new_director(central_sqlite: Engines) -> None:
    """Done alone, its invitation would be shown to nobody."""
    _, director, opened = _reset_begun(central_sqlite)
    with central_sqlite.writing() as session:
        done(disable_person(session, director, director.id, at=NOW))
        (waiting,) = list_waiting(session, opened.person)
        assert waiting.alone_at is None
        assert carry_out_due(session, at=NOW + 2 * ALONE_WAIT) == []
        done(session_for_token(session, opened.token, at=after(60)))


def test_no_director_comes_into_office_alone_without_the_boards_paper(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        done(disable_person(session, director, director.id, at=NOW))
        account = done(add_person(session, CONSOLE, NewAccount("new director", Role.DIRECTOR), at=NOW))
        mark_announced(session, at=NOW)
        assert carry_out_due(session, at=NOW + 9 * ALONE_WAIT) == []
        (waiting,) = proposals.waiting(session, limit=9)
        assert (waiting.subject, waiting.alone_at) == (account.id, None)


def test_what_it_adds_on_a_page_waits_also_before_a_director_ever_signed_in(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        it = a_person(session, Role.IT)
        assert done(add_person(session, it, NewAccount("Eve", Role.SUPERVISOR), at=NOW)).confirmed_at is None
        assert done(add_person(session, CONSOLE, NewAccount("Ana", Role.SUPERVISOR), at=NOW)).confirmed_at == NOW


def test_time_in_which_nobody_could_see_it_does_not_count(central: Engines) -> None:
    """The machine was off for three days, or the clock leapt: the wait begins when a running hub tells everybody."""
    account = _without_director(central)
    with central.writing() as session:
        session.execute(text("UPDATE proposal SET announced_at = NULL"))
        assert carry_out_due(session, at=NOW + ALONE_WAIT) == []
        mark_announced(session, at=NOW + ALONE_WAIT)
        assert carry_out_due(session, at=NOW + ALONE_WAIT) == []
        assert [one.subject for one in carry_out_due(session, at=NOW + 2 * ALONE_WAIT)] == [account.id]


def test_many_proposals_hide_none_that_concerns_everybody(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        for number in range(5):
            an_account(session, name=f"account {number}")
        board = done(add_person(session, CONSOLE, NewAccount("new", Role.DIRECTOR), at=after(9), board_paper="minutes"))
        assert [one.subject for one in proposals.concerning(session, _person(Role.DESK), limit=1)] == [board.id]
        assert len(list_waiting(session, director)) == 6


def test_a_reset_takes_every_way_in_away(central: Engines) -> None:
    _, director, opened = _reset_begun(central)
    owner, late = opened.person.id, NOW + RESET_WAIT
    with central.writing() as session:
        identities.add(session, owner, issuer="https://id.example", subject="mallory", at=NOW)
        secret = done(offer_totp(session, opened.person, key=KEY)).secret
        done(enrol_totp(session, opened.person, pyotp.TOTP(secret).at(NOW), key=KEY, at=NOW))
        done(finish_reset(session, director, owner, at=late))
        assert identities.of_person(session, owner) is None
        assert (factors_of(session, owner).totp_since, factors_of(session, owner).recovery_codes_left) == (None, 0)


def test_a_password_change_that_was_under_way_does_not_undo_a_reset(central: Engines) -> None:
    _, director, opened = _reset_begun(central)
    owner, late = opened.person.id, NOW + RESET_WAIT
    with central.writing() as session:
        before = people.password_of(session, owner)
        done(finish_reset(session, director, owner, at=late))
        assert not people.set_password(session, owner, quick_hash("mallory's four words"), before=before)
        assert people.password_of(session, owner) == ""
    refused(sign_in(central, name="Ana", password="mallory's four words", key=KEY, at=late))

"""Accounts: proposed, confirmed, invited, ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.factories import (
    CONSOLE,
    FACTOR_KEY,
    NOW,
    PASSWORD,
    a_branch,
    a_camera,
    a_hub_that_ran,
    a_person,
    after,
    an_account,
    done,
    quick_hash,
    refused,
)
from vms.domain.access import Action
from vms.domain.ids import BranchId, PersonId, SessionId
from vms.domain.outcome import Refusal
from vms.domain.people import MAX_DELEGATION, Account, Person, Proof, Role
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.cameras import list_cameras
from vms.services.people import (
    INVITATION_LASTS,
    NewAccount,
    add_person,
    any_over,
    confirm_person,
    disable_person,
    finish_reset,
    invite_person,
    lacking_half,
    last_day,
    list_people,
    propose_reset,
    second_half,
    write_down_ends,
)
from vms.services.refusals import BEYOND
from vms.services.second_person import list_waiting, stop
from vms.services.sessions import SignedIn, open_session, revoke_sessions, session_for_token
from vms.services.sign_in import join, sign_in
from vms.store import access_log, factors, identities, passkeys, people
from vms.store.database import Engines

KEY = FACTOR_KEY


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
        answer = add_person(session, CONSOLE, NewAccount("Ana", Role.DESK, frozenset({BranchId(1)})), at=NOW)
        assert refused(answer).refusal is Refusal.OUT_OF_SCOPE


def _proposed(engines: Engines) -> tuple[Account, Person]:
    """Return an account that the console added after the Director had signed in, and the Director."""
    with engines.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        return an_account(session, name="Ana"), director


def test_it_of_one_branch_adds_accounts_of_that_branch_alone(central: Engines) -> None:
    with central.writing() as session:
        ours, theirs = a_branch(session, "Ours"), a_branch(session, "Theirs")
        ana = a_person(session, Role.IT, branches=frozenset({ours.id}))
        told = refused(add_person(session, ana, NewAccount("Ben", Role.DESK, None), at=NOW))
        assert (told.refusal, "IT of the whole district" in told.sentence) == (Refusal.NOT_ALLOWED, True)
        assert (
            refused(add_person(session, ana, NewAccount("Ben", Role.DESK, frozenset({theirs.id})), at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        )
        assert done(add_person(session, ana, NewAccount("Ben", Role.DESK, frozenset({ours.id})), at=NOW)).branches == frozenset({ours.id})


def test_who_sees_one_branch_acts_on_no_account_that_sees_more(central: Engines) -> None:
    with central.writing() as session:
        ours = a_branch(session, "Ours")
        mine = frozenset({ours.id})
        wide, ana = a_person(session, Role.SUPERVISOR, name="wide"), a_person(session, Role.IT, branches=mine)
        unused = an_account(session, Role.SUPERVISOR, name="unused")
        director = a_person(session, Role.DIRECTOR, branches=mine)
        waiting = done(add_person(session, ana, NewAccount("Ben", Role.DESK, mine), at=NOW))
        for answer in (
            invite_person(session, ana, unused.id, at=NOW),
            propose_reset(session, ana, wide.id, at=NOW),
            finish_reset(session, director, wide.id, at=NOW),
            confirm_person(session, director, done(add_person(session, CONSOLE, NewAccount("Cy", Role.DESK), at=NOW)).id, at=NOW),
            disable_person(session, director, wide.id, at=NOW),
            revoke_sessions(session, ana, wide.id, at=NOW),
        ):
            assert refused(answer) == replace(BEYOND, logged=True)
        done(confirm_person(session, director, waiting.id, at=NOW))
        done(invite_person(session, ana, waiting.id, at=NOW))
        assert revoke_sessions(session, wide, wide.id, at=NOW) == 0


def test_once_a_director_signed_in_the_console_only_proposes(central: Engines) -> None:
    proposed, _ = _proposed(central)
    assert proposed.confirmed_at is None
    answer = refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))
    assert "Director's confirmation" in answer.sentence
    assert "wrong" in refused(sign_in(central, name="Ana", password="not the password", key=KEY, at=NOW)).sentence


def test_a_director_confirms_what_was_proposed(central: Engines) -> None:
    proposed, director = _proposed(central)
    with central.writing() as session:
        assert done(confirm_person(session, director, proposed.id, at=after(5))).confirmed_at == after(5)
        assert done(confirm_person(session, director, proposed.id, at=after(9))).confirmed_at == after(5)
    done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))


def test_nobody_but_a_director_confirms(central_sqlite: Engines) -> None:
    proposed, director = _proposed(central_sqlite)
    with central_sqlite.writing() as session:
        assert refused(confirm_person(session, CONSOLE, proposed.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert refused(confirm_person(session, director, PersonId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_only_it_and_the_console_add_accounts(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        for role in set(Role) - {Role.IT}:
            person = Person(PersonId(1), "Ana", role, SessionId(2))
            answer = add_person(session, person, NewAccount("Eve", Role.DIRECTOR), at=NOW)
            assert refused(answer).refusal is Refusal.NOT_ALLOWED


def test_the_list_of_accounts_is_for_who_keeps_it(central: Engines) -> None:
    with central.writing() as session:
        desk, it = a_person(session), a_person(session, Role.IT)
        assert [account.name for account in done(list_people(session, it))] == ["desk person", "it person"]
        assert [account.name for account in done(list_people(session, CONSOLE))] == ["desk person", "it person"]
        assert refused(list_people(session, desk)).refusal is Refusal.NOT_ALLOWED


@pytest.mark.parametrize("ends_at", [None, NOW, NOW + MAX_DELEGATION + timedelta(seconds=1)])
def test_a_delegate_is_one_until_a_day_that_is_not_far(central_sqlite: Engines, ends_at: datetime | None) -> None:
    with pytest.raises(InvalidInput), central_sqlite.writing() as session:
        add_person(session, CONSOLE, NewAccount("Ana", Role.DELEGATE, ends_at=ends_at), at=NOW)


def test_a_contractor_has_a_last_day(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        with pytest.raises(InvalidInput, match="contractor"):
            add_person(session, CONSOLE, NewAccount("Ana", Role.IT, firm="Alder Cabling"), at=NOW)
        account = done(add_person(session, CONSOLE, NewAccount("Ana", Role.IT, ends_at=after(60), firm="Alder Cabling"), at=NOW))
        assert (account.firm, account.in_use(after(59)), account.in_use(after(60))) == ("Alder Cabling", True, False)


def test_an_account_that_ended_opens_nothing_and_its_open_session_ends_with_it(central: Engines) -> None:
    with central.writing() as session:
        account = done(
            add_person(session, CONSOLE, NewAccount("Ana", Role.DELEGATE, ends_at=after(60)), at=NOW, password_hash=quick_hash())
        )
        opened = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW))
        assert done(session_for_token(session, opened.token, at=after(59))).ends_at == after(60)
        refused(session_for_token(session, opened.token, at=after(60)))
    assert "wrong" in refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=after(60))).sentence


def test_ending_an_account_signs_it_out_everywhere(central: Engines) -> None:
    with central.writing() as session:
        account = an_account(session)
        opened = [done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW)) for _ in range(2)]
        assert done(disable_person(session, CONSOLE, account.id, at=after(1))).disabled_at == after(1)
        assert done(disable_person(session, CONSOLE, account.id, at=after(2))).disabled_at == after(1)
        for one in opened:
            refused(session_for_token(session, one.token, at=after(1)))
        ends = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.PERSON_DISABLE})), limit=9)
    assert [(event.at, event.detail["name"]) for event in ends] == [(after(1), "desk person")]


def _opened_by(session: Session, person: PersonId) -> tuple[str, int, bool, bool]:
    """Return what opens an account: its password, how many codes on paper, whether a passkey, whether an invitation."""
    return (
        people.password_of(session, person),
        factors.unused_recovery_codes(session, person),
        passkeys.has_any(session, person),
        people.first_half(session, person, NOW) is not None,
    )


def _with_everything(session: Session, name: str, ends_at: datetime | None = None) -> Account:
    account = done(add_person(session, CONSOLE, NewAccount(name, Role.DESK, ends_at=ends_at), at=NOW))
    people.set_password(session, account.id, quick_hash(), before="")
    people.invite(session, account.id, bytes(32), after(9 * 86_400))
    factors.set_recovery_codes(session, account.id, [bytes(32)])
    passkeys.add(session, passkeys.Passkey(account.id, account.id, account.id.to_bytes(16), b"key", "localhost", 0, "phone", NOW))
    assert _opened_by(session, account.id)[1:] == (1, True, True)
    return account


def test_nothing_that_opened_an_account_outlives_it(central: Engines) -> None:
    with central.writing() as session:
        ended, other = _with_everything(session, "Ana"), _with_everything(session, "Ben")
        done(disable_person(session, CONSOLE, ended.id, at=after(1)))
        assert _opened_by(session, ended.id) == ("", 0, False, False)
        assert _opened_by(session, other.id)[1:] == (1, True, True)


def test_no_password_is_put_into_an_account_that_has_ended(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        account = _with_everything(session, "Ana")
        done(disable_person(session, CONSOLE, account.id, at=after(1)))
        assert not people.set_password(session, account.id, quick_hash(), before="")
        assert people.password_of(session, account.id) == ""


@pytest.mark.parametrize("name", ["ended account, name purged on 2026-03-14", "Ended  Account, name purged on"])
def test_nobody_is_given_what_stands_where_a_name_was_purged(central_sqlite: Engines, name: str) -> None:
    with pytest.raises(InvalidInput, match="name was purged"), central_sqlite.writing() as session:
        an_account(session, name=name)


def test_an_account_ends_on_its_last_day_with_what_opened_it_and_an_entry(central: Engines) -> None:
    with central.writing() as session:
        account = _with_everything(session, "Ana", ends_at=after(2 * 86_400))
        assert not any_over(session, at=after(86_400))
        a_hub_that_ran(session, at=after(3 * 86_400))
        assert any_over(session, at=after(3 * 86_400))
        assert [write_down_ends(session, at=after(3 * 86_400)) for _ in range(2)] == [1, 0]
        assert _opened_by(session, account.id) == ("", 0, False, False)
        ended = people.get(session, account.id)
        assert ended is not None
        assert ended.disabled_at == account.ends_at
        (told,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.PERSON_DISABLE})), limit=9)
    assert (told.actor, told.detail["name"]) == ("system:accounts", "Ana")


def test_a_clock_that_leapt_ends_no_account_for_good(central: Engines) -> None:
    with central.writing() as session:
        account = _with_everything(session, "Ana", ends_at=after(2 * 86_400))
        assert not any_over(session, at=after(3 * 86_400))
        assert write_down_ends(session, at=after(3 * 86_400)) == 0
        assert _opened_by(session, account.id)[1:] == (1, True, True)


def test_it_does_not_end_the_directors_account(central: Engines) -> None:
    with central.writing() as session:
        it, director = a_person(session, Role.IT), a_person(session, Role.DIRECTOR)
        for actor in (it, CONSOLE):
            assert refused(disable_person(session, actor, director.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert done(disable_person(session, director, it.id, at=NOW)).disabled_at == NOW


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.IT, Role.DIRECTOR}))
def test_only_it_and_the_director_end_accounts(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session, name="Eve")
        actor = Person(PersonId(1), "Ana", role, SessionId(2))
        assert refused(disable_person(session, actor, account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert refused(disable_person(session, CONSOLE, PersonId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_an_account_that_was_refused_stays_refused(central: Engines) -> None:
    proposed, director = _proposed(central)
    with central.writing() as session:
        done(disable_person(session, director, proposed.id, at=NOW))
        assert refused(confirm_person(session, director, proposed.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def _invited(engines: Engines, role: Role = Role.DESK) -> str:
    with engines.writing() as session:
        account = done(add_person(session, CONSOLE, NewAccount("Ana", role), at=NOW))
        return done(invite_person(session, CONSOLE, account.id, at=NOW)).code


@pytest.mark.slow
def test_the_invited_chooses_a_password_once(central: Engines) -> None:
    code = _invited(central)
    opened = done(join(central, name="ANA", invitation=code.replace("-", " ").upper(), password=PASSWORD, at=after(9)))
    assert opened.person.must_enrol
    assert refused(join(central, name="Ana", invitation=code, password="another four words", at=after(9))).refusal is Refusal.SIGN_IN
    assert isinstance(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=after(9)), SignedIn)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["", "00000-00000-00000-00000"])
def test_a_wrong_invitation_opens_nothing_and_the_right_one_still_does(central_sqlite: Engines, wrong: str) -> None:
    code = _invited(central_sqlite)
    refused(join(central_sqlite, name="Ana", invitation=wrong, password=PASSWORD, at=NOW))
    refused(join(central_sqlite, name="Eve", invitation=code, password=PASSWORD, at=NOW))
    refused(sign_in(central_sqlite, name="Ana", password="", key=KEY, at=NOW))
    done(join(central_sqlite, name="Ana", invitation=code, password=PASSWORD, at=NOW))


def _confirmed_by_halves(engines: Engines) -> tuple[Person, Account, str, str]:
    """Return the Director, an account that the Director confirmed, and the halves of its invitation: IT's and the Director's."""
    with engines.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        account = done(add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW))
        first = done(invite_person(session, CONSOLE, account.id, at=NOW))
        done(confirm_person(session, director, account.id, at=NOW))
        second = done(second_half(session, director, account.id, at=NOW))
    assert first.is_half
    assert second is not None
    return director, account, first.code, second


@pytest.mark.slow
@pytest.mark.parametrize("swapped", [False, True])
def test_only_both_halves_open_what_the_director_confirmed(central: Engines, *, swapped: bool) -> None:
    _, _, first, second = _confirmed_by_halves(central)
    wrong = "00000-00000-00000-00000"
    for one, other in ((first, ""), (second, ""), (first, first), (second, second), (first, wrong), (wrong, second), ("", second)):
        told = refused(join(central, name="Ana", invitation=one, second=other, password=PASSWORD, at=after(9)))
        assert "two halves" in told.sentence
    one, other = (second, first) if swapped else (first, second)
    done(join(central, name="Ana", invitation=one, second=other, password=PASSWORD, at=after(9)))
    refused(join(central, name="Ana", invitation=one, second=other, password="another four words", at=after(9)))


@pytest.mark.slow
def test_a_half_opens_nothing_before_the_other_is_there(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        account = done(add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW))
        first = done(invite_person(session, CONSOLE, account.id, at=NOW)).code
        assert refused(second_half(session, director, account.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
    refused(join(central_sqlite, name="Ana", invitation=first, password=PASSWORD, at=NOW))
    with central_sqlite.writing() as session:
        done(confirm_person(session, director, account.id, at=NOW))
    refused(join(central_sqlite, name="Ana", invitation=first, password=PASSWORD, at=NOW))


@pytest.mark.slow
def test_an_invitation_made_anew_needs_a_new_half_of_the_director(central_sqlite: Engines) -> None:
    director, account, first, second = _confirmed_by_halves(central_sqlite)
    with central_sqlite.writing() as session:
        again = done(invite_person(session, CONSOLE, account.id, at=NOW))
        assert again.is_half
        assert lacking_half(session) == {account.id}
    for one, other in ((first, second), (again.code, second), (again.code, "")):
        refused(join(central_sqlite, name="Ana", invitation=one, second=other, password=PASSWORD, at=NOW))
    with central_sqlite.writing() as session:
        new = done(second_half(session, director, account.id, at=NOW))
        assert new is not None
        assert lacking_half(session) == frozenset()
    done(join(central_sqlite, name="Ana", invitation=again.code, second=new, password=PASSWORD, at=NOW))
    with central_sqlite.writing() as session:
        assert second_half(session, director, account.id, at=NOW) is None


def test_a_first_half_that_has_run_out_is_completed_no_more(central_sqlite: Engines) -> None:
    director, account, _, _ = _confirmed_by_halves(central_sqlite)
    with central_sqlite.writing() as session:
        assert second_half(session, director, account.id, at=NOW + INVITATION_LASTS - timedelta(seconds=1))
        done(invite_person(session, CONSOLE, account.id, at=NOW))
        assert second_half(session, director, account.id, at=NOW + INVITATION_LASTS) is None


def test_the_second_half_completes_neither_a_reset_that_waits_nor_an_invitation_beside_the_districts_sign_in(
    central_sqlite: Engines,
) -> None:
    director, account, _, _ = _confirmed_by_halves(central_sqlite)
    with central_sqlite.writing() as session:
        done(propose_reset(session, CONSOLE, account.id, at=NOW))
        assert "reset of Ana waits" in refused(second_half(session, director, account.id, at=NOW)).sentence
        (waiting,) = list_waiting(session, director)
        done(stop(session, director, waiting.id, at=NOW))
        identities.add(session, account.id, issuer="https://id.example", subject="ana", at=NOW)
        told = refused(second_half(session, director, account.id, at=NOW))
    assert (told.refusal, told.logged, "district's sign-in" in told.sentence) == (Refusal.NOT_ALLOWED, True, True)


def test_nobody_but_a_director_hands_out_the_second_half(central_sqlite: Engines) -> None:
    director, account, _, _ = _confirmed_by_halves(central_sqlite)
    with central_sqlite.writing() as session:
        for role in set(Role) - {Role.DIRECTOR}:
            person = Person(PersonId(1), "Eve", role, SessionId(2))
            assert refused(second_half(session, person, account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert refused(second_half(session, CONSOLE, account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        limited = replace(director, branches=frozenset())
        assert refused(second_half(session, limited, account.id, at=NOW)) == replace(BEYOND, logged=True)


@pytest.mark.slow
def test_a_code_from_when_nobody_could_confirm_becomes_a_half_once_a_director_has(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        gone = a_person(session, Role.DIRECTOR)
        done(disable_person(session, gone, gone.id, at=NOW))
        account = done(add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW))
        whole = done(invite_person(session, CONSOLE, account.id, at=NOW))
    assert not whole.is_half
    assert "waits" in refused(join(central_sqlite, name="Ana", invitation=whole.code, password=PASSWORD, at=NOW)).sentence
    with central_sqlite.writing() as session:
        new = an_account(session, Role.DIRECTOR, name="new")
        people.confirm(session, new.id, NOW)
        director = done(open_session(session, person_id=new.id, proof=Proof.TOTP, at=NOW)).person
        done(confirm_person(session, director, account.id, at=NOW))
        half = done(second_half(session, director, account.id, at=NOW))
    assert half is not None
    refused(join(central_sqlite, name="Ana", invitation=whole.code, password=PASSWORD, at=NOW))
    done(join(central_sqlite, name="Ana", invitation=whole.code, second=half, password=PASSWORD, at=NOW))


def test_nobody_chooses_a_password_for_an_account_that_waits(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_person(session, Role.DIRECTOR)
        with pytest.raises(InvalidInput, match="for somebody else"):
            add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW, password_hash=quick_hash())


@pytest.mark.slow
def test_an_invitation_runs_out_and_a_new_one_takes_its_place(central_sqlite: Engines) -> None:
    old = _invited(central_sqlite)
    late = NOW + INVITATION_LASTS
    refused(join(central_sqlite, name="Ana", invitation=old, password=PASSWORD, at=late))
    with central_sqlite.writing() as session:
        (account,) = done(list_people(session, CONSOLE))
        new = done(invite_person(session, CONSOLE, account.id, at=late)).code
    refused(join(central_sqlite, name="Ana", invitation=old, password=PASSWORD, at=late))
    done(join(central_sqlite, name="Ana", invitation=new, password=PASSWORD, at=late))


def test_an_account_with_a_password_can_not_be_taken_over_by_an_invitation(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session)
        assert refused(invite_person(session, CONSOLE, account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED


def test_the_code_of_an_invitation_is_nowhere_in_the_files(central_sqlite: Engines, tmp_path: Path) -> None:
    code = _invited(central_sqlite)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("central.db*"))
    assert code.encode() not in stored
    assert code.replace("-", "").encode() not in stored


@pytest.mark.parametrize(("day", "end"), [("2026-03-08", "2026-03-09T07:00:00+00:00"), (" 2026-12-31 ", "2027-01-01T08:00:00+00:00")])
def test_the_last_day_is_over_at_midnight_of_the_district(day: str, end: str) -> None:
    assert last_day(day, "America/Los_Angeles") == datetime.fromisoformat(end)


@pytest.mark.parametrize("day", ["31.12.2026", "9999-12-31", "2026-02-30"])
def test_a_day_that_is_none_is_said_to_be(day: str) -> None:
    with pytest.raises(InvalidInput, match="no day"):
        last_day(day, "America/Los_Angeles")


def test_an_account_from_before_there_was_a_director_is_invited_by_halves_once_there_is_one(central_sqlite: Engines) -> None:
    """Nobody confirmed it, for there was nobody; by now there is, and IT alone opens no account of a Director."""
    with central_sqlite.writing() as session:
        early = done(add_person(session, CONSOLE, NewAccount("Deputy", Role.DIRECTOR), at=NOW))
        whole = done(invite_person(session, CONSOLE, early.id, at=NOW))
        a_person(session, Role.DIRECTOR, name="Helen Marsh")
        half = done(invite_person(session, CONSOLE, early.id, at=NOW))
        assert (whole.is_half, half.is_half) == (False, True)
        assert early.id in lacking_half(session)

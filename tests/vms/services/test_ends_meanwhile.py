"""Accounts that end while something else is done to them: on PostgreSQL both are under way at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, PASSWORD, a_hub_that_ran, a_person, after, an_account, done
from tests.waiting import is_somebody_locked_out, wait_until
from vms.domain.access import Action
from vms.domain.ids import PersonId
from vms.domain.people import Account, Role
from vms.domain.second_person import ALONE_WAIT, Act
from vms.services.access_log import DISTRICT
from vms.services.due_acts import carry_out_due
from vms.services.people import (
    RESET_WAIT,
    NewAccount,
    add_person,
    disable_person,
    finish_reset,
    invite_person,
    propose_reset,
    second_half,
    write_down_ends,
)
from vms.services.second_person import mark_announced, waits_of
from vms.services.sign_in import join
from vms.store import access_log, people
from vms.store.database import Engines

T = TypeVar("T")
U = TypeVar("U")
LATE = NOW + RESET_WAIT


def _both(engines: Engines, first: Callable[[Session], T], second: Callable[[Session], U]) -> tuple[T, U]:
    """Do `second` while `first` is done and not committed; where the database lets only one write, after it."""
    with ThreadPoolExecutor(1) as pool:
        with engines.writing() as session:
            one = first(session)
            other = pool.submit(lambda: _do(engines, second))
            if session.get_bind().dialect.name == "postgresql":
                wait_until(lambda: other.done() or is_somebody_locked_out(engines))
        return one, other.result(30)


def _do(engines: Engines, act: Callable[[Session], U]) -> U:
    with engines.writing() as session:
        return act(session)


def _end(person: PersonId) -> Callable[[Session], object]:
    return lambda session: done(disable_person(session, CONSOLE, person, at=LATE))


def _prepared(session: Session) -> list[tuple[PersonId, Callable[[Session], object]]]:
    """Return accounts, and of each what is done to it while it ends."""
    new, invited = (done(add_person(session, CONSOLE, NewAccount(name, Role.DESK), at=NOW)).id for name in ("Ana", "Ben"))
    used, waits = (a_person(session, name=name).id for name in ("Cleo", "Dan"))
    it, director = a_person(session, Role.IT, name="It"), a_person(session, Role.DIRECTOR, name="Helen")
    done(invite_person(session, it, invited, at=LATE))
    done(propose_reset(session, it, waits, at=NOW))
    return [
        (new, lambda session: invite_person(session, it, new, at=LATE)),
        (invited, lambda session: second_half(session, director, invited, at=LATE)),
        (used, lambda session: propose_reset(session, it, used, at=LATE)),
        (waits, lambda session: finish_reset(session, director, waits, at=LATE)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("ends_first", [False, True])
def test_nothing_opens_an_account_that_ends_while_it_is_invited_or_reset(central: Engines, *, ends_first: bool) -> None:
    with central.writing() as session:
        cases = _prepared(session)
    for person, act in cases:
        _both(central, *((_end(person), act) if ends_first else (act, _end(person))))
        with central.reading() as session:
            assert people.first_half(session, person, LATE) is None
            assert people.password_of(session, person) == ""
            assert not waits_of(session, Act.PERSON_RESET, person)


def _ends_told(session: Session) -> list[str]:
    told = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.PERSON_DISABLE})), limit=9)
    return [one.actor for one in told]


def test_the_end_of_an_account_is_written_once_whoever_writes_it_first(central: Engines) -> None:
    at = after(40 * 86_400)
    with central.writing() as session:
        account = an_account(session, Role.DELEGATE)
        a_hub_that_ran(session, at=at)
    _, ended = _both(
        central, lambda session: disable_person(session, CONSOLE, account.id, at=at), lambda session: write_down_ends(session, at=at)
    )
    assert ended == 0
    with central.reading() as session:
        assert _ends_told(session) == [CONSOLE.label]


def _ending_in(engines: Engines, person: PersonId, monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> Account:
    """Do something in whose `step`, of `vms.store.people`, somebody else begins to end the account; return that in the end."""
    real, ending = getattr(people, step), list[Future[object]]()
    with ThreadPoolExecutor(1) as pool:

        def stepped(session: Session, *words: object) -> object:
            monkeypatch.setattr(people, step, real)
            found = real(session, *words)
            ending.append(pool.submit(lambda: _do(engines, _end(person))))
            wait_until(lambda: is_somebody_locked_out(engines))
            return found

        monkeypatch.setattr(people, step, stepped)
        act()
        ending[0].result(30)
    with engines.reading() as session:
        account = people.get(session, person)
    assert account is not None
    return account


@pytest.mark.slow
def test_whoever_joins_and_whoever_ends_the_account_take_turns(central_postgresql: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    central = central_postgresql
    with central.writing() as session:
        number = done(add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW)).id
        code = done(invite_person(session, CONSOLE, number, at=NOW)).code
    account = _ending_in(
        central,
        number,
        monkeypatch,
        "take_invitation",
        lambda: done(join(central, name="Ana", invitation=code, password=PASSWORD, at=NOW)),
    )
    assert (account.first_signed_in_at, account.disabled_at) == (NOW, LATE)


def test_what_is_confirmed_alone_and_whoever_ends_the_account_take_turns(
    central_postgresql: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    with central_postgresql.writing() as session:
        it = a_person(session, Role.IT, name="It")
        number = done(add_person(session, it, NewAccount("Ana", Role.DESK), at=NOW)).id
        mark_announced(session, at=NOW)
    late = NOW + ALONE_WAIT + timedelta(1)
    account = _ending_in(
        central_postgresql, number, monkeypatch, "get", lambda: _do(central_postgresql, lambda session: carry_out_due(session, at=late))
    )
    assert (account.confirmed_at, account.disabled_at) == (late, LATE)

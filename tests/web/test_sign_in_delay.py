"""Guessing gets slower, nobody is locked out, and the database remembers it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.factories import NOW
from vms.crypto import new_signing_key
from vms.domain.sign_in_pace import KNOWN_PLACE, LONGEST_MEMORY, OF_ADDRESS, OF_NAME, OF_PERSON_HERE
from vms.store.database import Engines
from vms.store.people_tables import SignInPlaceRow, SignInTryRow
from web.sign_in_delay import SignInDelay

HERE, THERE = "10.1.1.1", "10.1.1.2"
FREE = OF_PERSON_HERE.free
KEY = new_signing_key()


@pytest.fixture
def delay(central_sqlite: Engines) -> SignInDelay:
    return SignInDelay.of(central_sqlite, KEY)


def known(delay: SignInDelay, name: str, address: str) -> None:
    delay.begin(name, address, NOW)
    delay.succeeded(name, address, NOW)


def tried(delay: SignInDelay, times: int, *, name: str = "ada", address: str = HERE, at: datetime = NOW) -> datetime:
    """Try a wrong password so often, each time as soon as it may be; returns when the last one was."""
    for _ in range(times):
        at += timedelta(seconds=delay.wait_seconds(name, address, at))
        assert delay.begin(name, address, at) == 0
    return at


def _rows(central: Engines, table: type[SignInTryRow | SignInPlaceRow]) -> int:
    with central.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_pause_passes(delay: SignInDelay) -> None:
    at = tried(delay, FREE)
    assert delay.wait_seconds("ada", HERE, at) == OF_NAME.first_pause / timedelta(seconds=1)
    assert delay.wait_seconds("ada", HERE, at + OF_NAME.first_pause) == 0


@pytest.mark.parametrize("database", ["central_sqlite", pytest.param("central_postgresql", marks=pytest.mark.slow)])
def test_tries_sent_all_at_once_count_each(request: pytest.FixtureRequest, database: str) -> None:
    delay = SignInDelay.of(request.getfixturevalue(database), KEY)
    with ThreadPoolExecutor(4) as browsers:
        waits = list(browsers.map(lambda _: delay.begin("ada", HERE, NOW), range(FREE + 7)))
    assert sorted(waits) == [0] * FREE + [120] * 7


def test_a_restart_forgives_nothing(central_sqlite: Engines) -> None:
    at = tried(SignInDelay.of(central_sqlite, KEY), FREE)
    assert SignInDelay.of(central_sqlite, KEY).wait_seconds("ada", HERE, at) == 120


def test_the_name_counts_whatever_its_case(delay: SignInDelay) -> None:
    at = tried(delay, FREE, name="ADA")
    assert delay.wait_seconds("ada", HERE, at) > 0


def test_one_name_guessed_from_many_addresses_waits_everywhere_but_where_it_signs_in(delay: SignInDelay) -> None:
    known(delay, "ada", HERE)
    for number in range(OF_NAME.free):
        tried(delay, 1, address=f"10.2.0.{number}")
    assert delay.wait_seconds("ada", THERE, NOW) == 120
    assert delay.wait_seconds("ada", HERE, NOW) == 0
    assert delay.wait_seconds("bob", THERE, NOW) == 0


def test_where_a_person_signs_in_their_own_wrong_tries_pause_them_for_seconds(delay: SignInDelay) -> None:
    known(delay, "ada", HERE)
    at = tried(delay, FREE + 3)
    assert at - NOW == timedelta(seconds=7)
    assert delay.wait_seconds("ada", HERE, at) == 8


def test_many_names_from_one_address_wait_shortly_however_often_they_are_tried(delay: SignInDelay) -> None:
    at = NOW
    for number in range(2 * OF_ADDRESS.free):
        at = tried(delay, 1, name=f"name {number}", at=at)
    assert delay.wait_seconds("another", HERE, at) == OF_ADDRESS.longest_pause / timedelta(seconds=1)


@pytest.mark.parametrize(("one", "other"), [("2001:db8::1", "2001:db8::ffff:2"), ("fe80::1%eth0", "fe80::2")])
def test_the_addresses_of_one_ipv6_site_count_as_one(delay: SignInDelay, one: str, other: str) -> None:
    at = NOW
    for number in range(OF_ADDRESS.free):
        at = tried(delay, 1, name=f"name {number}", address=one, at=at)
    assert delay.wait_seconds("another", other, at) == 1
    assert delay.wait_seconds("another", "2001:db8:0:1::1", at) == 0


def test_who_signed_in_from_here_before_waits_for_nobody_elses_tries(delay: SignInDelay) -> None:
    known(delay, "ada", HERE)
    for number in range(OF_ADDRESS.free):
        tried(delay, 1, name=f"name {number}")
    assert delay.wait_seconds("ada", HERE, NOW) == 0
    assert delay.wait_seconds("another", HERE, NOW) == 1


def test_a_right_password_ends_the_pause_of_that_name_and_counts_for_nobody(delay: SignInDelay) -> None:
    at = tried(delay, FREE + 1)
    delay.succeeded("ada", HERE, at)
    assert delay.wait_seconds("ada", HERE, at) == 0
    for number in range(2 * OF_ADDRESS.free):
        assert delay.begin(f"name {number}", THERE, at) == 0
        delay.succeeded(f"name {number}", THERE, at)
    assert delay.wait_seconds("another", THERE, at) == 0


def test_what_is_forgotten_leaves_the_database(delay: SignInDelay, central_sqlite: Engines) -> None:
    for number in range(50):
        tried(delay, 1, name=f"name {number}", address=f"10.3.0.{number}")
    assert _rows(central_sqlite, SignInTryRow) == 150
    known(delay, "ada", HERE)
    late = NOW + LONGEST_MEMORY + timedelta(seconds=1)
    delay.begin("ada", HERE, late)
    assert (_rows(central_sqlite, SignInTryRow), _rows(central_sqlite, SignInPlaceRow)) == (3, 1)
    delay.begin("ada", HERE, late + KNOWN_PLACE)
    assert (_rows(central_sqlite, SignInTryRow), _rows(central_sqlite, SignInPlaceRow)) == (3, 0)


def test_a_try_that_has_to_wait_writes_nothing(delay: SignInDelay, central_sqlite: Engines) -> None:
    at = tried(delay, FREE)
    central_sqlite.write.dispose()
    with central_sqlite.write.begin():  # whoever wrote now would wait for this
        assert delay.begin("ada", HERE, at) == 120


def test_neither_name_nor_address_is_stored(delay: SignInDelay, central_sqlite: Engines) -> None:
    known(delay, "my own password", HERE)
    tried(delay, 2, name="my own password")
    with central_sqlite.reading() as session:
        stored = b"".join(session.scalars(select(SignInTryRow.key))) + b"".join(session.scalars(select(SignInPlaceRow.key)))
    other = SignInDelay.of(central_sqlite, new_signing_key())
    assert len(stored) == 4 * 32
    assert b"password" not in stored
    assert other._bounds("my own password", HERE)[0].key not in stored


def test_half_a_character_counts_like_any_name(delay: SignInDelay) -> None:
    at = tried(delay, FREE, name="\ud800")
    assert delay.wait_seconds("\ud800", HERE, at) > 0

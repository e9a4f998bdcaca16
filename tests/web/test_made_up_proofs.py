"""T16: nothing made up proves anybody: random tokens and codes by the thousand, magic ones, and cookies that say more than one thing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import pyotp
import pytest
from sqlalchemy.orm import Session

from tests.factories import FACTOR_KEY, NOW, PASSWORD, after, an_account, done
from tests.web.payloads import PAYLOADS
from tests.web.world import OWN_PAGE, World
from vms.domain.ids import PersonId
from vms.domain.people import Ceremony, Proof, Role
from vms.services.passkeys import browser_holder
from vms.services.second_factor import STEP_SECONDS, enrol_totp, offer_totp, take_code
from vms.services.sessions import SignedIn, digest, open_session, session_for_token
from vms.store import passkeys, people
from vms.store.database import Engines
from web.security import COOKIE

RANDOM = 5_000
MAGIC = (
    *("", " ", "constructor", "__proto__", "toString", "null", "undefined", "None", "true", "0", "-1", "NaN", "[]", "{}", "admin"),
    *PAYLOADS,
)
Way = Callable[[Session, PersonId, str], bool]
"""Says whether a text was taken for a proof of somebody."""


def _session(session: Session, _person: PersonId, told: str) -> bool:
    return not hasattr(session_for_token(session, told, at=NOW), "refusal")


def _code(session: Session, person: PersonId, told: str) -> bool:
    """An authenticator's code or one on paper; a random one of six digits may be right, so the right ones are left out."""
    return take_code(session, person, told, key=FACTOR_KEY, at=NOW) is not None


def _invitation(session: Session, person: PersonId, told: str) -> bool:
    return people.take_invitation(session, person, digest(told), NOW)


def _challenge(session: Session, _person: PersonId, told: str) -> bool:
    """The browser's cookie that a passkey's challenge waits for."""
    return passkeys.take_challenge(session, browser_holder(told), Ceremony.SIGN_IN, NOW) is not None


WAYS: Mapping[str, Way] = {"session": _session, "code": _code, "invitation": _invitation, "challenge": _challenge}


@pytest.fixture
def person(central_sqlite: Engines) -> tuple[PersonId, frozenset[str]]:
    """Somebody with a session, an authenticator, codes on paper, an invitation; and the codes that are right now."""
    with central_sqlite.writing() as session:
        account = an_account(session, Role.DESK)
        opened: SignedIn = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=NOW))
        secret = done(offer_totp(session, opened.person, key=FACTOR_KEY)).secret
        codes = [pyotp.TOTP(secret).at(after(step * STEP_SECONDS)) for step in (-1, 0, 1)]
        done(enrol_totp(session, opened.person, codes[0], key=FACTOR_KEY, at=NOW))
        people.invite(session, account.id, digest(secrets.token_hex(10)), NOW.replace(year=NOW.year + 1))
    return account.id, frozenset(codes)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_nothing_made_up_is_taken(central_sqlite: Engines, person: tuple[PersonId, frozenset[str]], way: str) -> None:
    number, right = person
    made_up = [secrets.token_urlsafe(32) if way != "code" else f"{secrets.randbelow(10**6):06}" for _ in range(RANDOM)]
    with central_sqlite.writing() as session:
        taken = [told for told in (*made_up, *MAGIC) if told not in right and WAYS[way](session, number, told)]
    assert taken == []


def test_codes_of_two_steps_away_and_used_ones_are_not_taken(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session, Role.DESK)
        opened = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=NOW))
        authenticator = pyotp.TOTP(done(offer_totp(session, opened.person, key=FACTOR_KEY)).secret)
        done(enrol_totp(session, opened.person, authenticator.at(NOW), key=FACTOR_KEY, at=NOW))
        told = [authenticator.at(after(step * STEP_SECONDS)) for step in (-2, 2, -1, 0)]
        assert [take_code(session, account.id, code, key=FACTOR_KEY, at=NOW) for code in told] == [None] * 4
        assert take_code(session, account.id, authenticator.at(after(STEP_SECONDS)), key=FACTOR_KEY, at=NOW) is Proof.TOTP
        assert take_code(session, account.id, authenticator.at(after(STEP_SECONDS)), key=FACTOR_KEY, at=NOW) is None


COOKIES = {
    "another name": "vms={token}",
    "another case": "__host-vms={token}",
    "a prefix more": "x__Host-vms={token}",
    "the passkey's": "__Host-vms-passkey={token}",
    "the provider's": "__Host-oidc={token}",
    "cut short": "__Host-vms={cut}",
    "one more": "__Host-vms={token}A",
    "its digest": "__Host-vms={digest}",
    "without a name": "{token}",
    "after a wrong one of no name": "=none {token}",
}


@pytest.mark.slow
def test_a_cookie_that_is_not_quite_it_opens_nothing(shared_world: World) -> None:
    token = shared_world.token(Role.DESK)
    with shared_world.client() as browser:
        for name, cookie in COOKIES.items():
            told = cookie.format(token=token, cut=token[:-1], digest=digest(token).hex())
            assert browser.get("/api/v1/me", headers={"cookie": told}).status_code == 401, name
        assert browser.get("/api/v1/me", headers={"cookie": f"{COOKIE}={token}"}).status_code == 200


@pytest.mark.slow
def test_signing_in_takes_over_no_token_that_the_browser_brought(world: World) -> None:
    """Fixation: who plants a cookie gets nothing by the sign-in that follows."""
    with world.site.central.writing() as session:
        name = an_account(session, Role.DESK, name="d.nakamura").name
    planted = world.token(Role.DESK)
    with world.client() as browser:
        for cookie in (planted, "a" * 43):
            headers = {**OWN_PAGE, "cookie": f"{COOKIE}={cookie}"}
            answer = browser.post("/api/v1/session", json={"name": name, "password": PASSWORD}, headers=headers)
            assert answer.cookies[COOKIE] not in (cookie, "")
            assert browser.get("/api/v1/me", headers={"cookie": f"{COOKIE}={cookie}"}).json().get("name") != name

"""Sign-in: name, password and the code of a second factor, each used once; and what a wrong one tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, FACTOR_KEY, NOW, PASSWORD, FixedKeys, after, an_account, done, quick_hash, refused
from vms.domain.access import AccessEvent, Action
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Proof, Role
from vms.errors import Corrupt, InvalidInput
from vms.services import passwords
from vms.services import sign_in as services_sign_in
from vms.services.access_log import DISTRICT
from vms.services.passwords import hash_password
from vms.services.people import NewAccount, add_person
from vms.services.second_factor import (
    RECOVERY_CODES,
    STEP_SECONDS,
    Enrolled,
    enrol_totp,
    factors_of,
    offer_totp,
    offered_totp,
)
from vms.services.sessions import SignedIn, session_for_token
from vms.services.sign_in import change_password, prove, sign_in
from vms.store import access_log, people, sessions
from vms.store.database import Engines

KEY = FACTOR_KEY


def _newest(engines: Engines) -> AccessEvent:
    with engines.reading() as session:
        return access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]


def test_name_and_password_open_a_session(central: Engines) -> None:
    with central.writing() as session:
        account = an_account(session, Role.DIRECTOR, name="Helen Marsh")
    opened = done(sign_in(central, name=" helen MARSH".strip(), password=PASSWORD, key=KEY, at=NOW, address="192.0.2.7"))
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
    with central_sqlite.writing() as session:
        an_account(session)
    opened = done(sign_in(central_sqlite, name="desk person", password=PASSWORD, key=KEY, at=NOW))
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
    answer = refused(sign_in(central, name=name, password=password, key=KEY, at=NOW))
    assert (answer.refusal, answer.sentence) == (Refusal.SIGN_IN, "Name, password or code is wrong.")


def test_a_refused_sign_in_is_written_without_what_was_typed(central: Engines) -> None:
    refused(sign_in(central, name="my password by mistake", password="x", key=KEY, at=NOW, address="192.0.2.7"))
    event = _newest(central)
    assert (event.action, event.actor, event.detail) == (
        Action.SESSION_REFUSE,
        "system:sign-in",
        {"address": "192.0.2.7", "account": "unknown"},
    )


@pytest.mark.slow
def test_a_hashed_password_fits_itself_alone(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        done(add_person(session, CONSOLE, NewAccount("Ana", Role.DESK), at=NOW, password_hash=hash_password("fifteen letters")))
    done(sign_in(central_sqlite, name="Ana", password="fifteen letters", key=KEY, at=NOW))
    refused(sign_in(central_sqlite, name="Ana", password="fifteen letterS", key=KEY, at=NOW))


@dataclass(frozen=True)
class Phone:
    """Somebody with an authenticator, set up at NOW."""

    central: Engines
    secret: str
    enrolled: Enrolled

    def code(self, at: datetime) -> str:
        return pyotp.TOTP(self.secret).at(at)

    def sign_in(self, code: str, at: datetime) -> SignedIn | Refused:
        return sign_in(self.central, name="Ana", password=PASSWORD, code=code, key=KEY, at=at)


def _with_phone(engines: Engines, role: Role = Role.DESK) -> Phone:
    with engines.writing() as session:
        an_account(session, role, name="Ana")
    person = done(sign_in(engines, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person
    with engines.writing() as session:
        offer = done(offer_totp(session, person, key=KEY))
        enrolled = done(enrol_totp(session, person, pyotp.TOTP(offer.secret).at(NOW), key=KEY, at=NOW))
    return Phone(engines, offer.secret, enrolled)


def test_an_authenticator_is_asked_for_once_it_is_set_up(central: Engines) -> None:
    phone = _with_phone(central)
    later = NOW + timedelta(minutes=5)
    for code in ("", "12345", "abcdef", "1234567", "\N{ARABIC-INDIC DIGIT ONE}" * 6):
        assert "code is wrong" in refused(phone.sign_in(code, later)).sentence
    opened = done(phone.sign_in(phone.code(later), later))
    assert (opened.person.proof, opened.person.must_enrol) == (Proof.TOTP, False)


def test_setting_up_gives_the_session_a_new_token_and_the_rights_of_the_role(central: Engines) -> None:
    phone = _with_phone(central)
    with central.reading() as session:
        found = done(session_for_token(session, phone.enrolled.signed_in.token, at=after(1))).person
    assert (found.must_enrol, found.proof) == (False, Proof.TOTP)


def test_a_code_opens_one_thing_once(central: Engines) -> None:
    phone = _with_phone(central)
    later = NOW + timedelta(minutes=5)
    code = phone.code(later)
    done(phone.sign_in(code, later))
    refused(phone.sign_in(code, later))
    refused(phone.sign_in(code, later + timedelta(seconds=STEP_SECONDS)))
    refused(phone.sign_in(phone.code(later - timedelta(seconds=STEP_SECONDS)), later))  # older than the one that was used


def test_the_code_of_setting_up_opens_nothing_more(central_sqlite: Engines) -> None:
    phone = _with_phone(central_sqlite)
    refused(phone.sign_in(phone.code(NOW), NOW))


@pytest.mark.parametrize(("steps", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_off(central_sqlite: Engines, steps: int, *, fits: bool) -> None:
    phone = _with_phone(central_sqlite)
    later = NOW + timedelta(minutes=5)
    answer = phone.sign_in(phone.code(later + timedelta(seconds=steps * STEP_SECONDS)), later)
    assert isinstance(answer, SignedIn) is fits


def test_a_right_code_with_a_wrong_password_is_not_used_up(central_sqlite: Engines) -> None:
    phone = _with_phone(central_sqlite)
    later = NOW + timedelta(minutes=5)
    refused(sign_in(central_sqlite, name="Ana", password="wrong", code=phone.code(later), key=KEY, at=later))
    done(phone.sign_in(phone.code(later), later))


def test_a_code_on_paper_opens_one_sign_in(central: Engines) -> None:
    phone = _with_phone(central)
    assert len(set(phone.enrolled.recovery_codes)) == RECOVERY_CODES
    code = phone.enrolled.recovery_codes[3]
    assert done(phone.sign_in(code.upper(), after(60))).person.proof is Proof.RECOVERY
    refused(phone.sign_in(code, after(60)))
    with central.reading() as session:
        person = phone.enrolled.signed_in.person.id
        assert factors_of(session, person).recovery_codes_left == RECOVERY_CODES - 1


def test_somebody_elses_code_on_paper_opens_nothing(central_sqlite: Engines) -> None:
    phone = _with_phone(central_sqlite)
    with central_sqlite.writing() as session:
        an_account(session, name="Eve")
    eve = done(sign_in(central_sqlite, name="Eve", password=PASSWORD, key=KEY, at=NOW)).person
    with central_sqlite.writing() as session:
        offer = done(offer_totp(session, eve, key=KEY))
        done(enrol_totp(session, eve, pyotp.TOTP(offer.secret).at(NOW), key=KEY, at=NOW))
    code = phone.enrolled.recovery_codes[0]
    refused(sign_in(central_sqlite, name="Eve", password=PASSWORD, code=code, key=KEY, at=after(60)))


def test_an_authenticator_that_never_showed_a_code_is_not_asked_for(central: Engines) -> None:
    with central.writing() as session:
        an_account(session, name="Ana")
    person = done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person
    with central.writing() as session:
        first = done(offer_totp(session, person, key=KEY))
        second = done(offer_totp(session, person, key=KEY))
        assert offered_totp(session, person, key=KEY) == second
        assert refused(enrol_totp(session, person, pyotp.TOTP(first.secret).at(NOW), key=KEY, at=NOW)).refusal is Refusal.NOT_ALLOWED
    done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))


def test_an_authenticator_in_use_is_not_replaced(central: Engines) -> None:
    phone = _with_phone(central)
    person = phone.enrolled.signed_in.person
    with central.writing() as session:
        assert refused(offer_totp(session, person, key=KEY)).refusal is Refusal.NOT_ALLOWED
        assert offered_totp(session, person, key=KEY) is None
        refused(enrol_totp(session, person, phone.code(after(60)), key=KEY, at=after(60)))
    done(phone.sign_in(phone.code(after(60)), after(60)))


def test_a_copy_of_the_database_opens_no_second_factor(central_sqlite: Engines, tmp_path: Path) -> None:
    phone = _with_phone(central_sqlite)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("central.db*"))
    assert phone.secret.encode() not in stored
    assert not any(code.encode() in stored or code.replace("-", "").encode() in stored for code in phone.enrolled.recovery_codes)
    with pytest.raises(Corrupt):
        sign_in(central_sqlite, name="Ana", password=PASSWORD, code="123456", key=FixedKeys((bytes(32 * [7]),)), at=after(60))


def test_a_secret_moved_to_another_account_opens_nothing(central_sqlite: Engines) -> None:
    phone = _with_phone(central_sqlite)
    with central_sqlite.writing() as session:
        eve = an_account(session, name="Eve")
        session.execute(text("UPDATE totp SET person_id = :eve"), {"eve": eve.id})
    with pytest.raises(Corrupt):
        sign_in(central_sqlite, name="Eve", password=PASSWORD, code=phone.code(after(60)), key=KEY, at=after(60))


def test_a_new_proof_needs_password_and_code(central: Engines) -> None:
    phone = _with_phone(central)
    person, later = phone.enrolled.signed_in.person, NOW + timedelta(minutes=5)
    for password, code in (("wrong", phone.code(later)), (PASSWORD, ""), (PASSWORD, "000000")):
        assert refused(prove(central, person, password=password, code=code, key=KEY, at=later)).refusal is Refusal.PROVE
    proved = done(prove(central, person, password=PASSWORD, code=phone.code(later), key=KEY, at=later))
    assert proved.person.proved_lately(later)
    assert _newest(central).action is Action.SESSION_PROVE


@pytest.mark.slow
def test_a_new_password_takes_the_place_of_the_old_and_ends_the_other_sessions(central: Engines) -> None:
    with central.writing() as session:
        an_account(session, name="Ana")
    here, there = (done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)) for _ in range(2))
    new = "a quite different sentence"
    assert change_password(central, here.person, old="wrong", new=new, at=NOW) is not None
    with pytest.raises(InvalidInput):
        change_password(central, here.person, old=PASSWORD, new="short", at=NOW)
    assert change_password(central, here.person, old=PASSWORD, new=new, at=NOW) is None
    with central.reading() as session:
        done(session_for_token(session, here.token, at=NOW))
        refused(session_for_token(session, there.token, at=NOW))
    refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))
    done(sign_in(central, name="Ana", password=new, key=KEY, at=NOW))


def test_the_address_of_an_authenticators_picture_names_product_and_person(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        an_account(session, name="Ana Ng")
    person = done(sign_in(central_sqlite, name="Ana Ng", password=PASSWORD, key=KEY, at=NOW)).person
    with central_sqlite.writing() as session:
        offer = done(offer_totp(session, person, key=KEY))
    parsed = pyotp.parse_uri(offer.uri)
    assert (parsed.issuer, parsed.name, parsed.secret) == ("Custodian", "Ana Ng", offer.secret)


def test_nobody_is_asked_for_a_code_who_is_not_there(central_sqlite: Engines) -> None:
    refused(sign_in(central_sqlite, name="Nobody", password=PASSWORD, code="123456", key=KEY, at=NOW))
    with central_sqlite.reading() as session:
        assert factors_of(session, PersonId(1)).totp_since is None


def _meanwhile(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let `act` happen, once, while a password is being looked at or hashed: that takes 150 ms, in no transaction."""
    acts, real = [act], getattr(passwords, name)

    def slow(*given: object) -> object:
        if acts:
            acts.pop()()
        return real(*given)

    monkeypatch.setattr(passwords, name, slow)
    if hasattr(services_sign_in, name):
        monkeypatch.setattr(services_sign_in, name, slow)


def test_a_password_that_was_taken_away_while_it_was_looked_at_opens_nothing(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    with central.writing() as session:
        number = an_account(session, name="Ana").id
    person = done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person

    def take_away() -> None:
        with central.writing() as session:
            people.reset(session, number)

    _meanwhile(monkeypatch, "fits", take_away)
    refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))
    with central.writing() as session:
        people.set_password(session, number, quick_hash(), before="")
    _meanwhile(monkeypatch, "fits", take_away)
    refused(prove(central, person, password=PASSWORD, code="", key=KEY, at=NOW))


def test_a_session_that_was_ended_meanwhile_changes_no_password(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    with central.writing() as session:
        an_account(session, name="Ana")
    person = done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person

    def end() -> None:
        with central.writing() as session:
            sessions.end_all(session, person.id, NOW)

    _meanwhile(monkeypatch, "hash_password", end)
    answer = change_password(central, person, old=PASSWORD, new="mallory's own four words", at=NOW)
    assert refused(answer).refusal is Refusal.SIGN_IN
    done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))


def test_the_first_authenticator_ends_what_a_password_alone_had_opened(central: Engines) -> None:
    with central.writing() as session:
        an_account(session, name="Ana")
    here, there = (done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)) for _ in range(2))
    with central.writing() as session:
        secret = done(offer_totp(session, here.person, key=KEY)).secret
        done(session_for_token(session, there.token, at=NOW))
        done(enrol_totp(session, here.person, pyotp.TOTP(secret).at(NOW), key=KEY, at=NOW))
        refused(session_for_token(session, there.token, at=NOW))


def test_a_secret_that_waits_is_shown_to_the_session_that_asked_alone(central: Engines) -> None:
    """Who knows the password as well would else read along while the owner sets up the phone."""
    with central.writing() as session:
        an_account(session, name="Ana")
    here, there = (done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person for _ in range(2))
    with central.writing() as session:
        offer = done(offer_totp(session, here, key=KEY))
        assert offered_totp(session, here, key=KEY) == offer
        assert offered_totp(session, there, key=KEY) is None
        refused(enrol_totp(session, there, pyotp.TOTP(offer.secret).at(NOW), key=KEY, at=NOW))

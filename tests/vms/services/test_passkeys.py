"""Passkeys: what a genuine one opens, and that nothing else opens anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import FACTOR_KEY, NOW, PASSWORD, after, an_account, done, refused
from tests.fakes.authenticator import TRUTH, USER_PRESENT, Authenticator, Lie
from vms.domain.access import AccessEvent, Action
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person, Proof, Role
from vms.errors import InvalidInput
from vms.services import webauthn
from vms.services.access_log import DISTRICT
from vms.services.passkeys import (
    CHALLENGE_LASTS,
    MAX_CHALLENGES,
    MAX_PASSKEYS,
    Holder,
    add_passkey,
    ask_to_prove,
    ask_to_sign_in,
    browser_holder,
    offer_passkey,
    passkeys_of,
    prove_by_passkey,
    remove_passkey,
    rename_passkey,
    sign_in_by_passkey,
)
from vms.services.people import disable_person
from vms.services.second_factor import Enrolled, enrol_totp, factors_of, offer_totp
from vms.services.sessions import SignedIn, open_session, session_for_token
from vms.services.sign_in import prove, sign_in
from vms.services.webauthn import Options, RelyingParty
from vms.store import access_log
from vms.store.database import Engines

KEY = FACTOR_KEY
ORIGIN = "https://cameras.library.example"
RP = RelyingParty("cameras.library.example", frozenset({ORIGIN}))
BROWSER = browser_holder("what is in the cookie")
WRONG = "This passkey opens nothing here."


@dataclass
class Key:
    """Somebody with a passkey that was added at NOW in a session that a password alone had opened."""

    central: Engines
    person: Person
    device: Authenticator
    added: Enrolled

    def ask(self, at: datetime = NOW, holder: Holder = BROWSER) -> Options:
        with self.central.writing() as session:
            return ask_to_sign_in(session, RP, holder, at=at)

    def answer(self, answer: str, at: datetime = NOW, holder: Holder = BROWSER, rp: RelyingParty = RP) -> SignedIn | Refused:
        with self.central.writing() as session:
            return sign_in_by_passkey(session, rp, holder, answer, at=at, address="192.0.2.7")

    def sign_in(self, lie: Lie = TRUTH, at: datetime = NOW) -> SignedIn | Refused:
        return self.answer(self.device.get(self.ask(at), lie), at)

    @property
    def number(self) -> int:
        with self.central.reading() as session:
            return passkeys_of(session, self.person.id)[0].id


def _account(engines: Engines, role: Role, name: str) -> Person:
    """Return somebody whom a password alone let in."""
    with engines.writing() as session:
        account = an_account(session, role, name=name)
        return done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=NOW)).person


def _add(engines: Engines, person: Person, device: Authenticator, *, at: datetime = NOW, lie: Lie = TRUTH) -> Enrolled | Refused:
    with engines.writing() as session:
        options = done(offer_passkey(session, person, RP, title="Alder County Library District", at=at))
    with engines.writing() as session:
        return add_passkey(session, person, RP, device.create(options, lie), label="Phone", at=at)


def _with_passkey(engines: Engines, role: Role = Role.DESK, name: str = "Ana", *, counts: bool = True) -> Key:
    person, device = _account(engines, role, name), Authenticator(ORIGIN, counts=counts)
    added = done(_add(engines, person, device))
    return Key(engines, added.signed_in.person, device, added)


def _newest(engines: Engines) -> AccessEvent:
    with engines.reading() as session:
        return access_log.find(session, DISTRICT, None, access_log.Filter(), limit=1)[0]


def test_a_passkey_is_both_factors(central: Engines) -> None:
    key = _with_passkey(central)
    opened = done(key.sign_in(at=after(60)))
    assert (opened.person.id, opened.person.proof, opened.person.must_enrol) == (key.person.id, Proof.PASSKEY, False)
    event = _newest(central)
    assert (event.action, event.actor_name, event.detail) == (Action.SESSION_OPEN, "Ana", {"address": "192.0.2.7", "how": "passkey"})
    with central.reading() as session:
        assert done(session_for_token(session, opened.token, at=after(61))).person == opened.person
        assert passkeys_of(session, key.person.id)[0].last_used_at == after(60)


def test_adding_one_opens_the_role_under_a_new_token_and_brings_codes_for_paper(central: Engines) -> None:
    key = _with_passkey(central)
    assert (key.person.proof, key.person.must_enrol, len(key.added.recovery_codes)) == (Proof.PASSKEY, False, 10)
    with central.reading() as session:
        events = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.FACTOR_ADD})), limit=9)
    assert [event.detail for event in events] == [{"kind": "passkey", "label": "Phone"}]
    second = done(_add(central, key.person, Authenticator(ORIGIN)))
    assert second.recovery_codes == ()


def test_what_the_browser_is_asked_for(central: Engines) -> None:
    person = _account(central, Role.DESK, "Ana")
    with central.writing() as session:
        asked = json.loads(done(offer_passkey(session, person, RP, title="Alder County Library District", at=NOW)))["publicKey"]
    assert asked["rp"] == {"id": RP.id, "name": "Alder County Library District"}
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert [one["alg"] for one in asked["pubKeyCredParams"]] == [-7, -8, -257]


def test_a_browser_is_told_which_passkeys_it_need_not_make_again(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        options = done(offer_passkey(session, key.person, RP, title="Alder", at=NOW))
    (known,) = json.loads(options)["publicKey"]["excludeCredentials"]
    assert known["id"] == json.loads(key.device.create(options))["id"]


LIES = {
    "another origin": Lie(origin="https://cameras.library.example.evil.example"),
    "a subdomain": Lie(origin="https://www.cameras.library.example"),
    "another port": Lie(origin=f"{ORIGIN}:8443"),
    "without encryption": Lie(origin="http://cameras.library.example"),
    "another host": Lie(rp_id="evil.example"),
    "the parent domain": Lie(rp_id="library.example"),
    "another challenge": Lie(challenge="A" * 43),
    "a short challenge": Lie(challenge="AA"),
    "an owner who was not checked": Lie(flags=USER_PRESENT),
    "nobody there": Lie(flags=0),
    "a page in a frame": Lie(cross_origin=True),
    "an unknown purpose": Lie(kind="payment.get"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_passkey_that_lies_is_not_added(central: Engines, lie: Lie) -> None:
    person = _account(central, Role.DESK, "Ana")
    assert refused(_add(central, person, Authenticator(ORIGIN), lie=lie)).refusal is Refusal.NOT_ALLOWED
    with central.reading() as session:
        assert passkeys_of(session, person.id) == []


_SIGNED_LIES = LIES | {
    "a registration's answer": Lie(kind="webauthn.create"),
    "somebody else's signature": Lie(signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"),
    "no signature": Lie(signature=b"\0"),
    "somebody else's name": Lie(user_handle=bytes(7) + b"\1"),
}


@pytest.mark.parametrize("lie", _SIGNED_LIES.values(), ids=_SIGNED_LIES.keys())
def test_a_passkey_that_lies_opens_nothing(central: Engines, lie: Lie) -> None:
    key = _with_passkey(central)
    assert refused(key.sign_in(lie)).refusal is Refusal.SIGN_IN
    assert _newest(central).detail == {"address": "192.0.2.7", "account": str(key.person.id), "how": "passkey", "why": "answer"}
    done(key.sign_in())


@pytest.mark.parametrize("algorithm", [-65535, -47, -24])
def test_a_key_of_an_algorithm_that_was_not_asked_for_is_not_added(central_sqlite: Engines, algorithm: int) -> None:
    person = _account(central_sqlite, Role.DESK, "Ana")
    refused(_add(central_sqlite, person, Authenticator(ORIGIN), lie=Lie(algorithm=algorithm)))


def test_a_challenge_opens_one_thing_once(central: Engines) -> None:
    key = _with_passkey(central, counts=False)
    answer = key.device.get(key.ask())
    done(key.answer(answer))
    assert refused(key.answer(answer)).sentence.startswith("The passkey answered after more than five minutes, or twice.")
    assert _newest(central).detail["why"] == "challenge"


def test_a_wrong_answer_uses_the_challenge_up(central: Engines) -> None:
    key = _with_passkey(central, counts=False)
    options = key.ask()
    refused(key.answer(key.device.get(options, Lie(origin="https://evil.example"))))
    refused(key.answer(key.device.get(options)))


def test_a_challenge_lasts_five_minutes(central: Engines) -> None:
    key = _with_passkey(central)
    just = key.device.get(key.ask())
    done(key.answer(just, NOW + CHALLENGE_LASTS - timedelta(microseconds=1)))
    late = key.device.get(key.ask())
    refused(key.answer(late, NOW + CHALLENGE_LASTS))


def test_a_challenge_is_for_the_browser_that_asked(central: Engines) -> None:
    key = _with_passkey(central)
    answer = key.device.get(key.ask())
    refused(key.answer(answer, holder=browser_holder("another cookie")))
    done(key.answer(answer))


def test_a_challenge_for_one_act_opens_no_other(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        proof = key.device.get(done(ask_to_prove(session, key.person, RP, at=NOW)))
    refused(key.answer(proof))


def test_a_passkey_of_one_host_opens_nothing_under_another(central: Engines) -> None:
    key = _with_passkey(central)
    other = RelyingParty("nvr.library.example", frozenset({"https://nvr.library.example"}))
    refused(key.answer(key.device.get(key.ask()), rp=other))
    with central.writing() as session:
        assert "has no passkey for nvr.library.example" in refused(ask_to_prove(session, key.person, other, at=NOW)).sentence


@pytest.mark.parametrize("told", [0, 1, 2])
def test_a_count_that_does_not_grow_is_a_copied_key_and_refused(central: Engines, told: int) -> None:
    key = _with_passkey(central)
    for _ in range(2):
        done(key.sign_in())
    key.device.counter = told - 1
    assert refused(key.sign_in()).sentence.startswith(WRONG)
    assert _newest(central).detail["why"] == "counter"
    key.device.counter = 2
    done(key.sign_in())


def test_a_passkey_that_does_not_count_signs_in_every_time(central: Engines) -> None:
    key = _with_passkey(central, counts=False)
    for _ in range(3):
        done(key.sign_in())


def test_a_passkey_nobody_added_opens_nothing(central: Engines) -> None:
    key = _with_passkey(central)
    assert refused(key.answer(Authenticator(ORIGIN).get(key.ask()))).sentence.startswith(WRONG)
    assert _newest(central).detail == {"address": "192.0.2.7", "account": "unknown", "how": "passkey", "why": "unknown"}


def test_a_key_under_the_number_of_anothers_passkey_opens_nothing(central: Engines) -> None:
    key = _with_passkey(central)
    refused(key.answer(Authenticator(ORIGIN, id=key.device.id, user_handle=key.device.user_handle).get(key.ask())))


def test_nobody_adds_a_passkey_that_somebody_has(central: Engines) -> None:
    key = _with_passkey(central)
    other = _account(central, Role.IT, "Ben")
    assert refused(_add(central, other, Authenticator(ORIGIN, id=key.device.id))).sentence == "This passkey is in use here already."
    done(key.sign_in())


def test_an_account_that_ended_is_not_opened(central: Engines) -> None:
    key = _with_passkey(central)
    director = _with_passkey(central, Role.DIRECTOR, "Helen").person
    with central.writing() as session:
        done(disable_person(session, director, key.person.id, at=NOW))
    assert refused(key.sign_in()).sentence.startswith(WRONG)


def test_a_removed_passkey_opens_nothing_and_what_was_open_elsewhere_ends(central: Engines) -> None:
    key = _with_passkey(central)
    done(_add(central, key.person, Authenticator(ORIGIN), at=after(1)))
    elsewhere = done(key.sign_in())
    with central.writing() as session:
        assert remove_passkey(session, key.person, key.number, at=NOW) == 1
    event = _newest(central)
    assert (event.action, event.detail["kind"]) == (Action.FACTOR_REMOVE, "passkey")
    refused(key.sign_in())
    with central.reading() as session:
        assert isinstance(session_for_token(session, elsewhere.token, at=NOW), Refused)


def test_the_last_second_factor_of_a_role_that_needs_one_stays(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        assert "the only one" in refused(remove_passkey(session, key.person, key.number, at=NOW)).sentence
    done(key.sign_in())
    with central.writing() as session:
        secret = done(offer_totp(session, key.person, key=KEY)).secret
        done(enrol_totp(session, key.person, pyotp.TOTP(secret).at(NOW), key=KEY, at=NOW))
        done(remove_passkey(session, key.person, key.number, at=NOW))


def test_a_role_that_needs_none_may_go_back_to_the_password_alone(central: Engines) -> None:
    key = _with_passkey(central, Role.AUDITOR)
    with central.writing() as session:
        done(remove_passkey(session, key.person, key.number, at=NOW))
        assert factors_of(session, key.person.id).recovery_codes_left == 0
    assert done(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW)).person.proof is Proof.PASSWORD


def test_nobody_names_or_removes_anothers_passkey(central: Engines) -> None:
    key, other = _with_passkey(central), _with_passkey(central, Role.IT, "Ben")
    with central.writing() as session:
        assert refused(rename_passkey(session, other.person, key.number, "mine")).refusal is Refusal.OUT_OF_SCOPE
        assert refused(remove_passkey(session, other.person, key.number, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert [one.label for one in passkeys_of(session, key.person.id)] == ["Phone"]


def test_a_passkey_gets_another_name(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        assert rename_passkey(session, key.person, key.number, "  Work   phone ") is None
        assert [one.label for one in passkeys_of(session, key.person.id)] == ["Work phone"]
        with pytest.raises(InvalidInput, match="at most 120"):
            rename_passkey(session, key.person, key.number, "x" * 121)


def test_the_password_alone_opens_nothing_once_there_is_a_passkey(central: Engines) -> None:
    key = _with_passkey(central)
    refused(sign_in(central, name="Ana", password=PASSWORD, key=KEY, at=NOW))
    paper = key.added.recovery_codes[0]
    assert done(sign_in(central, name="Ana", password=PASSWORD, code=paper, key=KEY, at=NOW)).person.proof is Proof.RECOVERY
    refused(sign_in(central, name="Ana", password=PASSWORD, code=paper, key=KEY, at=NOW))


def test_who_knows_only_the_password_adds_no_further_factor(central: Engines) -> None:
    """A session that was open before the first factor came must not be the way around it."""
    person = _account(central, Role.DESK, "Ana")
    with central.writing() as session:
        older = done(open_session(session, person_id=person.id, proof=Proof.PASSWORD, at=NOW)).person
        secret = done(offer_totp(session, older, key=KEY)).secret
    done(_add(central, person, Authenticator(ORIGIN)))
    with central.writing() as session:
        answers = [
            offer_passkey(session, older, RP, title="Alder", at=NOW),
            offer_totp(session, older, key=KEY),
            enrol_totp(session, older, pyotp.TOTP(secret).at(NOW), key=KEY, at=NOW),
            add_passkey(session, older, RP, "{}", label="", at=NOW),
        ]
    assert [refused(answer).refusal for answer in answers] == [Refusal.SIGN_IN] * 4  # the first factor ended it
    refused(prove(central, older, password=PASSWORD, code="", key=KEY, at=NOW))


def test_a_passkey_proves_anew_who_is_signed_in(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        options = done(ask_to_prove(session, key.person, RP, at=after(600)))
        proved = done(prove_by_passkey(session, key.person, RP, key.device.get(options), at=after(600)))
    assert (proved.person.session_id, proved.person.proved_lately(after(601))) == (key.person.session_id, True)
    event = _newest(central)
    assert (event.action, event.detail) == (Action.SESSION_PROVE, {"how": "passkey"})
    with central.reading() as session:
        assert isinstance(session_for_token(session, key.added.signed_in.token, at=after(601)), Refused)


def test_anothers_passkey_proves_nothing(central: Engines) -> None:
    key, other = _with_passkey(central), _with_passkey(central, Role.IT, "Ben")
    with central.writing() as session:
        options = done(ask_to_prove(session, key.person, RP, at=NOW))
        assert refused(prove_by_passkey(session, key.person, RP, other.device.get(options), at=NOW)).refusal is Refusal.PROVE
    event = _newest(central)
    assert (event.action, event.detail["account"], event.detail["why"]) == (Action.SESSION_REFUSE, str(key.person.id), "unknown")


def test_another_sessions_challenge_proves_nothing(central: Engines) -> None:
    key = _with_passkey(central)
    with central.writing() as session:
        other = done(open_session(session, person_id=key.person.id, proof=Proof.PASSKEY, at=NOW)).person
        options = done(ask_to_prove(session, other, RP, at=NOW))
        refused(prove_by_passkey(session, key.person, RP, key.device.get(options), at=NOW))


def test_an_account_has_so_many_passkeys(central_sqlite: Engines) -> None:
    key = _with_passkey(central_sqlite)
    for _ in range(MAX_PASSKEYS - 1):
        done(_add(central_sqlite, key.person, Authenticator(ORIGIN)))
    with central_sqlite.writing() as session:
        assert "at most 20" in refused(offer_passkey(session, key.person, RP, title="Alder", at=NOW)).sentence


def test_challenges_are_forgotten_when_they_run_out_and_the_oldest_when_too_many_wait(
    central: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_CHALLENGES >= 1000
    monkeypatch.setattr("vms.services.passkeys.MAX_CHALLENGES", 3)
    key = _with_passkey(central)
    holders = [browser_holder(str(number)) for number in range(4)]
    answers = [key.device.get(key.ask(after(number), holder)) for number, holder in enumerate(holders)]
    refused(key.answer(answers[0], after(4), holders[0]))
    for holder, answer in list(zip(holders, answers, strict=True))[1:]:
        done(key.answer(answer, after(4), holder))


@pytest.mark.parametrize(
    "change", [str.upper, lambda answer: answer[:-40], lambda _: "null", lambda _: "[" * 100_000, lambda _: '{"id": 1}']
)
def test_what_is_no_answer_is_refused(central_sqlite: Engines, change: Callable[[str], str]) -> None:
    key = _with_passkey(central_sqlite)
    refused(key.answer(change(key.device.get(key.ask()))))
    with central_sqlite.writing() as session:
        options = done(offer_passkey(session, key.person, RP, title="Alder", at=NOW))
        refused(add_passkey(session, key.person, RP, change(Authenticator(ORIGIN).create(options)), label="", at=NOW))


@cache
def _answers() -> tuple[bytes, str, str]:
    """Return a passkey and what it says when it is made and when it signs in, over a challenge of zeros."""
    device = Authenticator(ORIGIN)
    zeros = bytes(webauthn.CHALLENGE_BYTES)
    made = device.create(webauthn.creation_options(RP, PersonId(7), "Ana", title="Alder", challenge=zeros, known=(), seconds=300))
    signed = device.get(webauthn.request_options(RP, challenge=zeros, allowed=(), seconds=300))
    new = webauthn.registered(RP, zeros, made)
    assert new is not None
    assert webauthn.asserted(RP, zeros, new.data, signed) is not None
    return new.data, made, signed


def _turned(data: st.DataObject, answer: str) -> tuple[str, bool]:
    """Return an answer some of whose octets are others, and whether any of those that are signed are."""
    told = json.loads(answer)
    part = data.draw(st.sampled_from(sorted(told["response"])))
    octets = bytearray(base64.urlsafe_b64decode(told["response"][part] + "=="))
    before = bytes(octets)
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
        octets[at] = data.draw(st.integers(0, 255))
    told["response"][part] = base64.urlsafe_b64encode(octets).decode().rstrip("=")
    return json.dumps(told), part in {"clientDataJSON", "authenticatorData"} and bytes(octets) != before


@given(st.data())
def test_octets_turned_over_in_an_answer_are_no_error_and_open_nothing(data: st.DataObject) -> None:
    credential, _, signed = _answers()
    answer, changed = _turned(data, signed)
    genuine = webauthn.asserted(RP, bytes(webauthn.CHALLENGE_BYTES), credential, answer)
    assert genuine is None or not changed


@given(st.data())
def test_octets_turned_over_in_a_new_passkey_are_no_error(data: st.DataObject) -> None:
    answer, _ = _turned(data, _answers()[1])
    made = webauthn.registered(RP, bytes(webauthn.CHALLENGE_BYTES), answer)
    assert made is None or webauthn.MIN_ID_BYTES <= len(made.id) <= webauthn.MAX_ID_BYTES


def test_who_knows_only_the_password_takes_no_passkey_away(central: Engines) -> None:
    key = _with_passkey(central)
    done(_add(central, key.person, Authenticator(ORIGIN), at=after(1)))
    by_password = replace(key.person, proof=Proof.PASSWORD)
    with central.writing() as session:
        number = passkeys_of(session, key.person.id)[0].id
        assert refused(remove_passkey(session, by_password, number, at=after(2))).refusal is Refusal.PROVE
        assert len(passkeys_of(session, key.person.id)) == 2

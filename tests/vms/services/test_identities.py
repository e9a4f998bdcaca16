"""People who come from the district's provider, on both databases: who is proposed, who comes in, and what no group changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, FACTOR_KEY, NOW, a_person, after, an_account, done, refused
from vms.domain.access import Action
from vms.domain.identity import Identity, Linked, parse_places
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PROOF_LASTS, Account, Proof, Role
from vms.domain.second_person import Act
from vms.errors import Conflict
from vms.services.access_log import DISTRICT
from vms.services.identities import CodeWanted, Coming, come_in, identity_of, link_identity, prove_by_identity, unlink_identity
from vms.services.people import confirm_person, disable_person, invite_person, list_people
from vms.services.second_factor import enrol_totp, offer_totp
from vms.services.second_person import proposer
from vms.services.sessions import SignedIn
from vms.store import access_log, identities, passkeys
from vms.store.database import Engines
from vms.store.passkeys import Passkey

PLACES = parse_places({"a-it": "it", "a-desk": "desk"})
ANA = Identity("https://sso.example", "s-1", "ana", frozenset({"a-it", "a-desk", "readers"}), second_factor=True, authenticated_at=NOW)


def _coming(identity: Identity = ANA, seconds: float = 0) -> Coming:
    return Coming(identity, after(seconds), FACTOR_KEY, address="10.0.0.9")


def _proposed(central: Engines, identity: Identity = ANA) -> Account:
    with central.writing() as session:
        assert isinstance(come_in(session, _coming(identity), PLACES), Refused)
        (account,) = _from_provider(session)
        return account


def _from_provider(session: Session) -> list[Account]:
    known = done(list_people(session, CONSOLE))
    return [one for one in known if proposer(session, Act.PERSON_CONFIRM, one.id) == "system:oidc"]


def _confirm(central: Engines, account: Account) -> None:
    with central.writing() as session:
        done(confirm_person(session, a_person(session, Role.DIRECTOR, name="Helen"), account.id, at=NOW))


def _actions(central: Engines) -> list[str]:
    with central.reading() as session:
        return [event.action.value for event in access_log.find(session, DISTRICT, None, access_log.Filter(), limit=100)]


def test_a_new_identity_is_proposed_with_the_first_role_that_fits_and_never_signed_in(central: Engines) -> None:
    account = _proposed(central)
    assert (account.name, account.role, account.confirmed_at) == ("ana", Role.IT, None)
    assert Action.SESSION_OPEN not in _actions(central)
    with central.writing() as session:
        assert identity_of(session, account.id) == Linked(ANA.issuer, ANA.subject, NOW)


def test_it_waits_even_when_no_director_has_ever_signed_in(central_sqlite: Engines) -> None:
    """Who holds the provider would otherwise make the first Director."""
    account = _proposed(central_sqlite)
    with central_sqlite.writing() as session:
        answer = come_in(session, _coming(), PLACES)
    assert refused(answer).sentence == "This account waits for the Director's confirmation."
    assert account.confirmed_at is None


def test_a_confirmed_one_comes_in_by_both_factors_of_the_provider(central: Engines) -> None:
    _confirm(central, _proposed(central))
    with central.writing() as session:
        opened = come_in(session, _coming(), PLACES)
    assert isinstance(opened, SignedIn)
    assert (opened.person.proof, opened.person.must_enrol) == (Proof.OIDC, False)


def test_one_factor_is_a_password_alone(central_sqlite: Engines) -> None:
    _confirm(central_sqlite, _proposed(central_sqlite))
    with central_sqlite.writing() as session:
        opened = come_in(session, _coming(replace(ANA, second_factor=False)), PLACES)
    assert isinstance(opened, SignedIn)
    assert (opened.person.proof, opened.person.must_enrol) == (Proof.PASSWORD, True)


@pytest.mark.parametrize("changed", [replace(ANA, subject="s-2"), replace(ANA, issuer="https://other.example")])
def test_the_same_name_of_somebody_else_opens_nothing(changed: Identity, central: Engines) -> None:
    _confirm(central, _proposed(central))
    with central.writing() as session:
        answer = refused(come_in(session, _coming(changed), PLACES))
    assert "‘ana 2’ was proposed" in answer.sentence


def test_a_group_that_is_gone_closes_and_another_one_opens_no_more_than_before(central_sqlite: Engines) -> None:
    _confirm(central_sqlite, _proposed(central_sqlite, replace(ANA, groups=frozenset({"a-desk"}))))
    with central_sqlite.writing() as session:
        answer = refused(come_in(session, _coming(replace(ANA, groups=frozenset({"a-it"}))), PLACES))
        assert answer.sentence == "None of your groups stands for your role here (desk) any more. Ask IT."
        opened = come_in(session, _coming(), PLACES)
    assert isinstance(opened, SignedIn)
    assert opened.person.role is Role.DESK


def test_an_account_that_ended_stays_ended(central_sqlite: Engines) -> None:
    account = _proposed(central_sqlite)
    _confirm(central_sqlite, account)
    with central_sqlite.writing() as session:
        done(disable_person(session, CONSOLE, account.id, at=NOW))
        assert "has ended" in refused(come_in(session, _coming(), PLACES)).sentence
        assert len(_from_provider(session)) == 1


def test_nobody_is_invited_to_an_account_that_the_provider_opens(central_sqlite: Engines) -> None:
    """An invitation chooses a password: IT could make one and come in as the Director."""
    account = _proposed(central_sqlite)
    with central_sqlite.writing() as session:
        assert "comes by the district's sign-in" in refused(invite_person(session, CONSOLE, account.id, at=NOW)).sentence


def test_a_link_moves_from_an_account_that_ended_and_from_no_other(central: Engines) -> None:
    account = _proposed(central)
    with central.writing() as session:
        person = a_person(session, Role.IT, name="Ana by hand")
        assert "opens the account ‘ana’" in refused(link_identity(session, person, ANA, at=NOW)).sentence
        done(disable_person(session, CONSOLE, account.id, at=NOW))
        done(link_identity(session, person, ANA, at=NOW))
        assert "is linked already" in refused(link_identity(session, person, replace(ANA, subject="s-9"), at=NOW)).sentence
        opened = come_in(session, _coming(replace(ANA, groups=frozenset())), PLACES)
        assert isinstance(opened, SignedIn)
        assert opened.person.id == person.id
        assert unlink_identity(session, person, at=NOW) is None
        assert identity_of(session, person.id) is None
    assert {Action.IDENTITY_LINK, Action.IDENTITY_UNLINK} <= set(_actions(central))


@pytest.mark.parametrize("authenticated_at", [None, NOW - PROOF_LASTS - timedelta(seconds=1), NOW + timedelta(minutes=2)])
def test_only_a_fresh_sign_in_at_the_provider_links_or_proves(authenticated_at: None, central_sqlite: Engines) -> None:
    stale = replace(ANA, authenticated_at=authenticated_at)
    with central_sqlite.writing() as session:
        person = a_person(session, Role.IT)
        assert refused(link_identity(session, person, stale, at=NOW)).refusal is Refusal.PROVE
        done(link_identity(session, person, ANA, at=NOW))
        assert "did not ask you anew" in refused(prove_by_identity(session, person, _coming(stale))).sentence
        assert isinstance(prove_by_identity(session, person, _coming(ANA, 299)), SignedIn)


@pytest.mark.parametrize(
    ("changed", "fresh"),
    [
        (ANA, True),
        (replace(ANA, authenticated_at=NOW - PROOF_LASTS), False),
        (replace(ANA, authenticated_at=None), False),
        (replace(ANA, authenticated_at=NOW - PROOF_LASTS, second_factor=False), False),
        (replace(ANA, authenticated_at=None, second_factor=False), True),
        (replace(ANA, authenticated_at=NOW + timedelta(seconds=40)), True),
    ],
)
def test_who_is_let_through_by_a_provider_that_still_knows_them_has_proved_nothing_anew(
    changed: Identity, central_sqlite: Engines, *, fresh: bool
) -> None:
    """Otherwise signing out and in would be a proof, on a desk that somebody left. Who has no factor here yet sets one up."""
    _confirm(central_sqlite, _proposed(central_sqlite))
    with central_sqlite.writing() as session:
        opened = come_in(session, _coming(changed), PLACES)
    assert isinstance(opened, SignedIn)
    assert opened.person.proved_lately(NOW) is fresh


def test_a_code_here_is_a_fresh_proof_whatever_the_provider_tells(central_sqlite: Engines) -> None:
    silent, key = replace(ANA, authenticated_at=None, second_factor=False), FACTOR_KEY
    _confirm(central_sqlite, _proposed(central_sqlite))
    with central_sqlite.writing() as session:
        first = come_in(session, _coming(silent), PLACES)
        assert isinstance(first, SignedIn)
        totp = pyotp.TOTP(done(offer_totp(session, first.person, key=key)).secret)
        done(enrol_totp(session, first.person, totp.at(NOW), key=key, at=NOW))
        assert isinstance(come_in(session, _coming(silent, 60), PLACES), CodeWanted)
        opened = come_in(session, replace(_coming(silent, 60), code=totp.at(after(60))), PLACES)
        assert isinstance(opened, SignedIn)
        assert (opened.person.proof, opened.person.proved_at) == (Proof.TOTP, after(60))
        proved = prove_by_identity(session, opened.person, replace(_coming(silent, 400), code=totp.at(after(400))))
        assert isinstance(proved, SignedIn)
        assert proved.person.proved_at == after(400)


def test_an_identity_is_one_account_s_whatever_comes_at_once(central: Engines) -> None:
    with central.writing() as session:
        one, other = an_account(session, name="one"), an_account(session, name="other")
        identities.add(session, one.id, issuer=ANA.issuer, subject=ANA.subject, at=NOW)
    with pytest.raises(Conflict), central.writing() as session:
        identities.add(session, other.id, issuer=ANA.issuer, subject=ANA.subject, at=NOW)


def test_a_name_that_is_no_name_gets_one(central_sqlite: Engines) -> None:
    assert _proposed(central_sqlite, replace(ANA, name="\x00\n")).name == "somebody"


@pytest.mark.parametrize("text", ["boss", "", "delegate", "Desk"])
def test_a_mapping_to_what_is_no_role_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="oidc_roles"):
        parse_places({"group": text})


def test_who_knows_only_the_password_links_and_unlinks_nothing(central: Engines) -> None:
    """The provider's second factor would open the account past the one that is here."""
    with central.writing() as session:
        person = replace(a_person(session, name="Ana"), proof=Proof.PASSWORD)
        passkeys.add(session, Passkey(1, person.id, b"c" * 16, b"", "localhost", 0, "Phone", NOW))
        assert "second factor" in refused(link_identity(session, person, ANA, at=NOW)).sentence
        identities.add(session, person.id, issuer=ANA.issuer, subject=ANA.subject, at=NOW)
        assert "second factor" in refused(unlink_identity(session, person, at=NOW)).sentence
        assert identity_of(session, person.id) is not None

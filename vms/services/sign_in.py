"""Sign in, prove anew who one is, choose a first password. These services run their own transactions: hashes are made in none.

An unknown name costs the same time, asks the database the same and gets the same answer as a wrong password or a wrong code.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import AccountState, Person, Proof, System
from vms.services import passwords
from vms.services.access_log import record
from vms.services.codes import digest_of_halves, plain_code
from vms.services.passwords import NO_PASSWORD, PasswordHash, hash_password
from vms.services.refusals import sign_in_first
from vms.services.second_factor import FactorKey, take_code
from vms.services.sessions import ANY_BROWSER, NOT_CONFIRMED, Browser, SignedIn, digest, open_session, prove_session, refuse_sign_in
from vms.store import people, sessions
from vms.store.database import Engines

NOBODY = PersonId(0)
"""Whom a name stands for that no account has."""


NOT_INVITED = Refused(
    Refusal.SIGN_IN,
    "Name or invitation is wrong, or the invitation has run out. Where you were given two halves, enter both. Else ask IT for a new one.",
)


def sign_in(  # noqa: PLR0913 - what was entered, when, from where
    central: Engines,
    *,
    name: str,
    password: str,
    code: str = "",
    key: FactorKey,
    at: datetime,
    address: str = "",
    browser: Browser = ANY_BROWSER,
) -> SignedIn | Refused:
    """Open a session when name, password and, where the account has a second factor, a code fit."""
    with central.reading() as session:
        whose, stored = people.credential(session, name) or (NOBODY, "")
    fits = passwords.fits(PasswordHash(stored), password)
    with central.writing() as session:
        person = _still(session, whose, stored)
        proof = take_code(session, person, code, key=key, at=at) if person is not None and fits else None
        if person is None or proof is None:
            return refuse_sign_in(session, person, at=at, address=address)
        return open_session(session, person_id=person, at=at, address=address, proof=proof, browser=browser)


def prove(central: Engines, person: Person, *, password: str, code: str, key: FactorKey, at: datetime) -> SignedIn | Refused:
    """Let somebody who is signed in show anew that it is still they; the session goes on under a new token."""
    with central.reading() as session:
        stored = people.password_of(session, person.id)
    fits = passwords.fits(PasswordHash(stored), password)
    with central.writing() as session:
        fits = _still(session, person.id, stored) is not None and fits
        proof = take_code(session, person.id, code, key=key, at=at) if fits else None
        if proof is None:
            refused = refuse_sign_in(session, person.id, at=at, address="")
            return Refused(Refusal.PROVE, "Password or code is wrong.", logged=refused.logged)
        return prove_session(session, person, proof, at=at)


def join(  # noqa: PLR0913 - what was entered, when, from where
    central: Engines,
    *,
    name: str,
    invitation: str,
    second: str = "",
    password: str,
    at: datetime,
    address: str = "",
    browser: Browser = ANY_BROWSER,
) -> SignedIn | Refused:
    """Choose the first password of an account with the code of its invitation, or with both halves of it.

    Nothing is used up while the account waits for its confirmation. InvalidInput when the password is too weak.
    """
    hashed = hash_password(password)
    with central.writing() as session:
        person = _invited(people.credential(session, name))
        people.lock(session, person or NOBODY)  # before the invitation, in the order of whoever ends the account
        code = _of_both(invitation, second)
        if not people.opens_invitation(session, person or NOBODY, code, at) or person is None:
            refuse_sign_in(session, person, at=at, address=address)
            return NOT_INVITED
        if _waits(session, person, at):
            return NOT_CONFIRMED
        taken = people.take_invitation(session, person, code, at)
        if not taken or not people.set_password(session, person, hashed, before=NO_PASSWORD):
            return NOT_INVITED
        opened = open_session(session, person_id=person, proof=Proof.PASSWORD, at=at, address=address, browser=browser)
        actor = opened.person if isinstance(opened, SignedIn) else System("join")
        record(session, actor=actor, action=Action.PERSON_JOIN, at=at, detail={"person": str(person)})
        return opened


def change_password(central: Engines, person: Person, *, old: str, new: str, at: datetime) -> Refused | None:
    """Take a new password in the place of the old one; every other session of the person ends. InvalidInput when it is too weak."""
    with central.reading() as session:
        stored = people.password_of(session, person.id)
    if not passwords.fits(PasswordHash(stored), old):
        with central.writing() as session:
            refuse_sign_in(session, person.id, at=at, address="")
        return Refused(Refusal.PROVE, "The old password is wrong.", logged=True)
    hashed = hash_password(new)
    with central.writing() as session:
        people.lock(session, person.id)
        if not sessions.is_open(session, person.session_id) or not people.set_password(session, person.id, hashed, before=stored):
            return sign_in_first("change the password")
        ended = sessions.end_all(session, person.id, at, but=person.session_id)
        record(session, actor=person, action=Action.PERSON_PASSWORD, at=at, detail={"sessions_ended": str(ended)})
    return None


def has_password(session: Session, person: PersonId) -> bool:
    """Say whether an account can be opened by name and password; one of the district's sign-in may have none."""
    return bool(people.password_of(session, person))


def _of_both(invitation: str, second: str) -> bytes:
    """Return what an invitation that was typed is known by, or both its halves."""
    first = digest(plain_code(invitation))
    return digest_of_halves(first, digest(plain_code(second))) if second.strip() else first


def _waits(session: Session, person: PersonId, at: datetime) -> bool:
    account = people.get(session, person)
    return account is not None and account.state(at) is AccountState.WAITS


def _still(session: Session, person: PersonId, password_hash: str) -> PersonId | None:
    """Return who it is if the password that was looked at is still theirs, and hold the account: a reset may have come between."""
    people.lock(session, person)
    same = people.password_of(session, person) == password_hash
    return person if same and person != NOBODY else None


def _invited(credential: tuple[PersonId, str] | None) -> PersonId | None:
    return credential[0] if credential is not None and not credential[1] else None

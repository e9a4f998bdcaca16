"""Sign in, prove anew who one is, choose a first password. These services run their own transactions: hashes are made in none.

An unknown name costs the same time and gets the same answer as a wrong password or a wrong code.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person, Proof, System
from vms.services import passwords
from vms.services.access_log import record
from vms.services.passwords import NO_PASSWORD, PasswordHash, hash_password
from vms.services.refusals import sign_in_first
from vms.services.second_factor import FactorKey, take_code
from vms.services.sessions import ANY_BROWSER, Browser, SignedIn, digest, open_session, prove_session, refuse_sign_in
from vms.store import people, sessions
from vms.store.database import Engines


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
        credential = people.credential(session, name)
    fits = passwords.fits(None if credential is None else PasswordHash(credential[1]), password)
    with central.writing() as session:
        person = None if credential is None or not _still(session, credential) else credential[0]
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
        fits = fits and _still(session, (person.id, stored))
        proof = take_code(session, person.id, code, key=key, at=at) if fits else None
        if proof is None:
            refused = refuse_sign_in(session, person.id, at=at, address="")
            return Refused(Refusal.PROVE, "Password or code is wrong.", logged=refused.logged)
        return prove_session(session, person, proof, at=at)


def join(
    central: Engines, *, name: str, invitation: str, password: str, at: datetime, address: str = "", browser: Browser = ANY_BROWSER
) -> SignedIn | Refused:
    """Choose the first password of an account with the code of its invitation; InvalidInput when the password is too weak."""
    hashed = hash_password(password)
    with central.writing() as session:
        person = _invited(people.credential(session, name))
        code = digest(invitation.replace("-", "").replace(" ", "").casefold())
        if person is None or not people.take_invitation(session, person, code, at):
            refuse_sign_in(session, person, at=at, address=address)
            return Refused(Refusal.SIGN_IN, "Name or invitation is wrong, or the invitation has run out. Ask IT for a new one.")
        people.set_password(session, person, hashed, before=NO_PASSWORD)
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


def _still(session: Session, credential: tuple[PersonId, str]) -> bool:
    """Say whether the password that was looked at is still the account's, and hold the account: a reset may have come between."""
    people.lock(session, credential[0])
    return people.password_of(session, credential[0]) == credential[1]


def _invited(credential: tuple[PersonId, str] | None) -> PersonId | None:
    return credential[0] if credential is not None and not credential[1] else None

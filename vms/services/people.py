"""People: accounts, sign-in and sessions. Passwords are checked outside any transaction, two at a time."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import BranchId, PersonId, SessionId, new_number
from vms.domain.names import plain_name
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import (
    IDLE_LIMITS,
    MAX_PASSWORD_CHARS,
    MIN_PASSWORD_CHARS,
    SESSION_LIMIT,
    Account,
    Actor,
    Permission,
    Person,
    Role,
    System,
    allows,
)
from vms.errors import InvalidInput
from vms.services.access_log import record, refuse
from vms.services.refusals import no_such, not_allowed, sign_in_first
from vms.store import branches as branch_rows
from vms.store import people
from vms.store.database import Engines

PasswordHash = NewType("PasswordHash", str)
"""argon2id in its own text form."""

TOUCH_EVERY = timedelta(minutes=1)
"""A session's last request is written at most so often: reading pages stays reading."""

# RFC 9106's low-memory parameters take 64 MiB and some 150 ms each; more than two at once would be a way to exhaust the machine.
_HASHER = PasswordHasher()
_TWO_AT_ONCE = threading.BoundedSemaphore(2)
_WRONG = Refused(Refusal.SIGN_IN, "Name or password is wrong.")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session. The token goes to the browser and is stored nowhere."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Whose request this is, and how long the session still lasts."""

    person: Person
    seen_at: datetime
    ends_at: datetime

    def touch_due(self, at: datetime) -> bool:
        """Say whether it is time to write this request down (`touch_session`)."""
        return at - self.seen_at >= TOUCH_EVERY


def hash_password(password: str) -> PasswordHash:
    """Hash a new password; InvalidInput when it is too short or too long. Takes 150 ms: call it outside a transaction."""
    if len(password) < MIN_PASSWORD_CHARS:
        raise InvalidInput(f"A password needs at least {MIN_PASSWORD_CHARS} characters. A sentence of four words is easy to keep in mind.")
    if len(password) > MAX_PASSWORD_CHARS:
        raise InvalidInput(f"A password has at most {MAX_PASSWORD_CHARS} characters.")
    with _TWO_AT_ONCE:
        return PasswordHash(_HASHER.hash(password))


def add_person(
    session: Session,
    actor: Actor,
    *,
    name: str,
    role: Role,
    branches: frozenset[BranchId] | None,
    password_hash: PasswordHash,
    at: datetime,
) -> Account | Refused:
    """Add an account for the whole district (`branches` None) or some branches.

    Once a Director has signed in, what anybody else adds is a proposal: it can't sign in before a Director confirms it.
    Conflict when the name is taken.
    """
    if not allows(actor, Permission.PEOPLE_PROPOSE):
        return refuse(session, actor, Action.PERSON_ADD, not_allowed("add an account", "IT"), at=at)
    known = {branch.id for branch in branch_rows.find(session, None)}
    if branches is not None and not branches <= known:
        return no_such("branch")
    proposed = people.has_signed_in(session, Role.DIRECTOR)
    account = Account(
        PersonId(new_number()), _checked_name(name), role, branches, at, confirmed_at=None if proposed else at, disabled_at=None
    )
    people.add(session, account, password_hash=password_hash)
    detail = {"person": str(account.id), "name": account.name, "role": role.value, "confirmed": "no" if proposed else "yes"}
    record(session, actor=actor, action=Action.PERSON_ADD, at=at, detail=detail)
    return account


def confirm_person(session: Session, actor: Actor, person_id: PersonId, *, at: datetime) -> Account | Refused:
    """Let a proposed account sign in; only a Director, signed in, may."""
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.PERSON_CONFIRM, not_allowed("confirm an account", "the Director"), at=at)
    account = people.get(session, person_id)
    if account is None:
        return no_such("account")
    if account.confirmed_at is None:
        people.confirm(session, person_id, at)
        record(session, actor=actor, action=Action.PERSON_CONFIRM, at=at, detail={"person": str(person_id), "name": account.name})
    return people.get(session, person_id) or no_such("account")


def list_people(session: Session, actor: Actor) -> list[Account] | Refused:
    """Return every account, by name."""
    if not (allows(actor, Permission.PEOPLE_PROPOSE) or allows(actor, Permission.PEOPLE_CONFIRM)):
        return not_allowed("list the accounts", "IT")
    return people.find(session)


def sign_in(central: Engines, *, name: str, password: str, at: datetime, address: str = "") -> SignedIn | Refused:
    """Open a session when name and password fit.

    The one service that runs its own transactions: one to read, one to write, and the hash between them in none. An unknown
    name costs the same time and gets the same answer.
    """
    with central.reading() as session:
        credential = people.credential(session, name)
    fits = _verify(credential[1] if credential else _dummy_hash(), password)
    with central.writing() as session:
        if credential is None or not fits:
            return _refused(session, credential[0] if credential else None, at=at, address=address)
        return open_session(session, person_id=credential[0], at=at, address=address)


def open_session(session: Session, *, person_id: PersonId, at: datetime, address: str = "", how: str = "password") -> SignedIn | Refused:
    """Open a session for somebody who has shown who they are by `how`; refused when the account is not in use."""
    account = people.get(session, person_id)
    if account is None or account.disabled_at is not None:
        return _refused(session, person_id, at=at, address=address)
    if account.confirmed_at is None:
        _refused(session, person_id, at=at, address=address)
        return Refused(Refusal.SIGN_IN, "This account waits for the Director's confirmation.")
    token, number = secrets.token_urlsafe(32), SessionId(new_number())
    people.open_session(session, number, account.id, _digest(token), at)
    people.signed_in(session, account.id, at)
    person = _person(account, number)
    record(session, actor=person, action=Action.SESSION_OPEN, at=at, detail=_origin(address) | {"how": how})
    return SignedIn(token, person)


def session_for_token(session: Session, token: str, *, at: datetime) -> OpenSession | Refused:
    """Return whose session `token` opens now: what every open stream asks again within five seconds.

    Reads only; roles and branches are those of this moment.
    """
    stored = people.session_of(session, _digest(token)) if 0 < len(token) <= 128 else None
    if stored is None or stored.ended_at is not None or stored.account.disabled_at or stored.account.confirmed_at is None:
        return sign_in_first("go on")
    ends_at = min(stored.opened_at + SESSION_LIMIT, stored.seen_at + IDLE_LIMITS[stored.account.role])
    if not stored.opened_at <= at < ends_at:
        return Refused(Refusal.SIGN_IN, "The session has ended. Sign in again.")
    return OpenSession(_person(stored.account, stored.id), stored.seen_at, ends_at)


def touch_session(session: Session, session_id: SessionId, *, at: datetime) -> None:
    """Count a request at `at` against the idle limit."""
    people.seen(session, session_id, at)


def sign_out(session: Session, person: Person, *, at: datetime) -> None:
    """End the session that `person` acts in; open streams close when they next ask."""
    if people.end_session(session, person.session_id, at):
        record(session, actor=person, action=Action.SESSION_CLOSE, at=at)


def _verify(password_hash: str, password: str) -> bool:
    with _TWO_AT_ONCE:
        try:
            return _HASHER.verify(password_hash, password[: MAX_PASSWORD_CHARS + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):  # half a surrogate pair is no password
            return False


@cache
def _dummy_hash() -> str:
    return _HASHER.hash(secrets.token_urlsafe(32))


def _refused(session: Session, person: PersonId | None, *, at: datetime, address: str) -> Refused:
    # The typed name is not written down: people type their password there.
    detail = _origin(address) | {"account": "unknown" if person is None else str(person)}
    record(session, actor=System("sign-in"), action=Action.SESSION_REFUSE, at=at, detail=detail)
    return _WRONG


def _origin(address: str) -> dict[str, str]:
    return {"address": address} if address else {}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _person(account: Account, session_id: SessionId) -> Person:
    return Person(account.id, account.name, account.role, session_id, account.branches)


def _checked_name(name: str) -> str:
    try:
        return plain_name(name, "account")
    except ValueError as err:
        raise InvalidInput(str(err)) from err

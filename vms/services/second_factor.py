"""Second factors: an authenticator's codes (RFC 6238) and codes on paper for whoever lost a factor. Each code opens one thing, once.

Passkeys, which are both factors in one, are in `vms.services.passkeys`; an account that has one asks for a code as well.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import pyotp
from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import KeySource, open_with, seal, sealing_public_key
from vms.domain.access import Action
from vms.domain.ids import PersonId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person, Proof
from vms.services.access_log import record
from vms.services.codes import grouped, new_code, plain_code
from vms.services.refusals import SESSION_ENDED
from vms.services.sessions import SignedIn, digest, prove_session
from vms.store import factors, passkeys, people, sessions
from vms.store.key_files import KeyFiles

FactorKey: TypeAlias = KeySource
"""X25519, of the hub: authenticators' secrets are sealed to it, so a copy of the database opens nothing."""
STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A phone's clock may be off by half a minute."""
CODE_DIGITS = 6
RECOVERY_CODES = 10
ISSUER = "Custodian"


@dataclass(frozen=True, slots=True)
class Offer:
    """What an authenticator is to be given: the secret for typing, and the same as the address that a picture carries."""

    secret: str
    """Base 32."""
    uri: str
    """otpauth://totp/…"""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A second factor was added: the session goes on, and these codes, if any, are shown this once."""

    signed_in: SignedIn
    recovery_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person's second factor is."""

    totp_since: datetime | None
    recovery_codes_left: int
    passkeys: int = 0

    @property
    def any(self) -> bool:
        """Say whether a password alone opens nothing."""
        return self.totp_since is not None or self.passkeys > 0


def read_factor_key(settings: Settings) -> FactorKey:
    """Return the hub's key, made when there is none; ConfigError says why it can't be had."""
    files = KeyFiles(settings.factor_key_path)
    files.make_if_none()
    files.fresh()
    return files


def offer_totp(session: Session, person: Person, *, key: FactorKey) -> Offer | Refused:
    """Return a new secret for the authenticator of somebody who has none; it counts once `enrol_totp` saw a code of it."""
    if refused := refuse_factor_change(session, person):
        return refused
    secret = pyotp.random_base32()
    # The newest, read while the account is held: a rotation that began before looks at this row after us.
    sealed = seal(sealing_public_key(key.fresh()[-1]), secret.encode(), bound_to(person.id))
    if not factors.offer_totp(session, person.id, person.session_id, sealed):
        return Refused(Refusal.NOT_ALLOWED, "This account has an authenticator already. Only IT can start taking it away.")
    return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=ISSUER))


def offered_totp(session: Session, person: Person, *, key: FactorKey) -> Offer | None:
    """Return the secret that waits for its first code, to show it again in the session that asked for it, and in no other."""
    stored = factors.totp(session, person.id)
    if stored is None or stored.confirmed_at is not None or stored.session_id != person.session_id:
        return None
    secret = _secret(stored.secret, person.id, key)
    return Offer(secret, pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=ISSUER))


def enrol_totp(session: Session, person: Person, code: str, *, key: FactorKey, at: datetime) -> Enrolled | Refused:
    """Take the first code of the authenticator: from now on each sign-in needs one."""
    stored = factors.totp(session, person.id)
    if stored is None or stored.confirmed_at is not None or stored.session_id != person.session_id:
        return Refused(Refusal.NOT_ALLOWED, "No new authenticator waits for its first code.")
    if refused := refuse_factor_change(session, person):
        return refused
    if not _take_totp(session, person.id, stored.secret, code, key=key, at=at):
        return Refused(Refusal.NOT_ALLOWED, "That is not the code it shows now. Look at the phone's clock, then enter the next one.")
    factors.confirm_totp(session, person.id, at)
    sessions.end_all(session, person.id, at, but=person.session_id)
    codes = new_recovery_codes(session, person.id)
    record(session, actor=person, action=Action.FACTOR_ADD, at=at, detail={"kind": "totp"})
    return Enrolled(prove_session(session, person, Proof.TOTP, at=at), codes)


def new_recovery_codes(session: Session, person: PersonId) -> tuple[str, ...]:
    """Return new codes for paper, as they are to be written down; those that were there open nothing any more."""
    codes = [new_code() for _ in range(RECOVERY_CODES)]
    factors.set_recovery_codes(session, person, [digest(code) for code in codes])
    return tuple(map(grouped, codes))


def refuse_factor_change(session: Session, person: Person) -> Refused | None:
    """Return the refusal to change what opens an account, in a session that a password alone opened, when the account has more.

    Who knows no more than the password would get past the factor that is there by adding another. A session that ended meanwhile
    changes nothing either. Holds the account until the transaction ends.
    """
    people.lock(session, person.id)
    if not sessions.is_open(session, person.session_id):
        return SESSION_ENDED
    if person.proof is not Proof.PASSWORD or not factors_of(session, person.id).any:
        return None
    return Refused(Refusal.PROVE, "This account has a second factor. Show first that you have it.")


def take_code(session: Session, person: PersonId, code: str, *, key: FactorKey, at: datetime) -> Proof | None:
    """Return by what somebody whose password fits is proved now, and use the code up; None when it doesn't fit.

    Without a second factor the password is all there is, and the session opens nothing that needs more.
    """
    stored = factors.totp(session, person)
    secret = stored.secret if stored is not None and stored.confirmed_at is not None else None
    if secret is None and not passkeys.has_any(session, person):
        return Proof.PASSWORD
    plain = plain_code(code)
    if secret is not None and _take_totp(session, person, secret, plain, key=key, at=at):
        return Proof.TOTP
    if factors.take_recovery_code(session, person, digest(plain), at):
        return Proof.RECOVERY
    return None


def factors_of(session: Session, person: PersonId) -> Factors:
    stored = factors.totp(session, person)
    left = factors.unused_recovery_codes(session, person)
    return Factors(stored.confirmed_at if stored else None, left, len(passkeys.of_person(session, person)))


def _take_totp(session: Session, person: PersonId, sealed: bytes, code: str, *, key: FactorKey, at: datetime) -> bool:
    """Say whether `code` is that of this step or a neighbour, and use it up with all before it."""
    plain = code.replace(" ", "")
    if len(plain) != CODE_DIGITS or not (plain.isascii() and plain.isdecimal()):
        return False
    authenticator, now = pyotp.TOTP(_secret(sealed, person, key)), int(at.timestamp()) // STEP_SECONDS
    steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    # Every step is computed, so that the time tells nothing.
    fitting = [step for step in steps if secrets.compare_digest(authenticator.generate_otp(step), plain)]
    return any(factors.take_step(session, person, step) for step in fitting)


def _secret(sealed: bytes, person: PersonId, key: FactorKey) -> str:
    return open_with(key, sealed, bound_to(person)).decode()


def bound_to(person: PersonId) -> bytes:
    """Return what a secret is sealed together with: in another person's row it opens nothing."""
    return b"totp|%d" % person

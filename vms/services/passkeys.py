"""Passkeys: added, named, taken away; and what one opens. A passkey that checked its owner is both factors in one.

Each challenge is kept in the database for whoever asked for it, opens one thing and lasts `CHALLENGE_LASTS`.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import NewType

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.ids import PersonId, new_number
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Ceremony, Person, Proof
from vms.services import webauthn
from vms.services.access_log import record, refuse
from vms.services.names import checked_name
from vms.services.refusals import no_such
from vms.services.second_factor import Enrolled, factors_of, new_recovery_codes, refuse_factor_change
from vms.services.sessions import ANY_BROWSER, Browser, SignedIn, digest, open_session, prove_session, refuse_sign_in
from vms.services.webauthn import Options, RelyingParty
from vms.store import factors, passkeys, sessions
from vms.store.passkeys import Passkey

Holder = NewType("Holder", bytes)
"""SHA-256 of what only the browser or the session knows that a challenge was made for."""
CHALLENGE_LASTS = timedelta(minutes=5)
MAX_CHALLENGES = 10_000
"""Waiting at once: anybody may ask for one, so the oldest go first."""
MAX_PASSKEYS = 20
DEFAULT_LABEL = "Passkey"
TOO_LATE = "The passkey answered after more than five minutes, or twice. Try again."


def browser_holder(token: str) -> Holder:
    """Return the holder of the challenges of a browser in which nobody is signed in yet; `token` is in its cookie."""
    return Holder(digest(f"browser {token}"))


def offer_passkey(session: Session, person: Person, rp: RelyingParty, *, title: str, at: datetime) -> Options | Refused:
    """Return what the browser needs to make a passkey for `person`, as the passkey will show it under `title`."""
    known = passkeys.of_person(session, person.id)
    if refused := refuse_factor_change(session, person):
        return refused
    if len(known) >= MAX_PASSKEYS:
        return Refused(Refusal.NOT_ALLOWED, f"An account has at most {MAX_PASSKEYS} passkeys. Remove one that you no longer use.")
    challenge = _new_challenge(session, _holder(person), Ceremony.REGISTER, at)
    ids = [one.credential_id for one in known]
    return webauthn.creation_options(rp, person.id, person.name, title=title, challenge=challenge, known=ids, seconds=seconds())


def add_passkey(session: Session, person: Person, rp: RelyingParty, answer: str, *, label: str, at: datetime) -> Enrolled | Refused:
    """Keep the passkey that the browser made; the first factor of an account brings codes for paper. InvalidInput: the label."""
    label = _label(label)
    challenge = passkeys.take_challenge(session, _holder(person), Ceremony.REGISTER, at)
    if refused := refuse_factor_change(session, person):
        return refused
    made = None if challenge is None else webauthn.registered(rp, challenge, answer)
    if made is None:
        return Refused(Refusal.NOT_ALLOWED, "This passkey did not answer as asked, or not within five minutes. Add it again.")
    if passkeys.of_credential(session, made.id) is not None:
        return Refused(Refusal.NOT_ALLOWED, "This passkey is in use here already.")
    kept = Passkey(new_number(), person.id, made.id, made.data, rp.id, made.sign_count, label, at)
    first = not factors_of(session, person.id).any
    passkeys.add(session, kept)
    if first:
        sessions.end_all(session, person.id, at, but=person.session_id)
    codes = () if factors.unused_recovery_codes(session, person.id) else new_recovery_codes(session, person.id)
    record(session, actor=person, action=Action.FACTOR_ADD, at=at, detail=_told(kept))
    return Enrolled(prove_session(session, person, Proof.PASSKEY, at=at), codes)


def rename_passkey(session: Session, person: Person, number: int, label: str) -> Refused | None:
    """Give one's own passkey another label; InvalidInput when it can't be one."""
    return None if passkeys.rename(session, person.id, number, _label(label)) else no_such("passkey")


def remove_passkey(session: Session, person: Person, number: int, *, at: datetime) -> int | Refused:
    """Take one's own passkey away and end every other session of the account; return how many ended.

    The last second factor of a role that needs one stays.
    """
    found = next((one for one in passkeys.of_person(session, person.id) if one.id == number), None)
    if found is None:
        return no_such("passkey")
    if refused := refuse_factor_change(session, person):
        return refused
    has = factors_of(session, person.id)
    last = has.passkeys == 1 and has.totp_since is None
    if last and person.rights.needs_second_factor:
        sentence = "Your role needs a second factor, and this passkey is the only one. Add another, then remove this one."
        return refuse(session, person, Action.FACTOR_REMOVE, Refused(Refusal.NOT_ALLOWED, sentence), at=at)
    passkeys.remove(session, number)
    if last:
        factors.forget(session, person.id)
    ended = sessions.end_all(session, person.id, at, but=person.session_id)
    record(session, actor=person, action=Action.FACTOR_REMOVE, at=at, detail=_told(found) | {"sessions_ended": str(ended)})
    return ended


def passkeys_of(session: Session, person: PersonId) -> list[Passkey]:
    """Return the passkeys of `person`, the oldest first."""
    return passkeys.of_person(session, person)


def ask_to_sign_in(session: Session, rp: RelyingParty, holder: Holder, *, at: datetime) -> Options:
    """Return what the browser needs to have any passkey for this host sign in, without a name."""
    challenge = _new_challenge(session, holder, Ceremony.SIGN_IN, at)
    return webauthn.request_options(rp, challenge=challenge, allowed=(), seconds=seconds())


def sign_in_by_passkey(
    session: Session, rp: RelyingParty, holder: Holder, answer: str, *, at: datetime, address: str = "", browser: Browser = ANY_BROWSER
) -> SignedIn | Refused:
    """Open a session for whose passkey `answer` comes from; every refusal is written."""
    challenge = passkeys.take_challenge(session, holder, Ceremony.SIGN_IN, at)
    found = passkeys.of_credential(session, webauthn.credential_id(answer))
    why = _fault(session, rp, challenge, found, answer, at)
    if why or found is None:
        whose = None if found is None else found.person
        refused = refuse_sign_in(session, whose, at=at, address=address, how=Proof.PASSKEY.value, why=why)
        return refused if challenge is not None else Refused(refused.refusal, TOO_LATE)
    return open_session(session, person_id=found.person, proof=Proof.PASSKEY, at=at, address=address, browser=browser)


def ask_to_prove(session: Session, person: Person, rp: RelyingParty, *, at: datetime) -> Options | Refused:
    """Return what the browser needs to have a passkey of `person` prove that it is still they."""
    mine = allowed_for(session, person, rp)
    if isinstance(mine, Refused):
        return mine
    challenge = _new_challenge(session, _holder(person), Ceremony.PROVE, at)
    return webauthn.request_options(rp, challenge=challenge, allowed=mine, seconds=seconds())


def allowed_for(session: Session, person: Person, rp: RelyingParty) -> list[bytes] | Refused:
    """Return the ids of the passkeys by which `person` can sign for these pages."""
    mine = [one.credential_id for one in passkeys.of_person(session, person.id) if one.rp_id == rp.id]
    return mine or Refused(Refusal.NOT_ALLOWED, f"This account has no passkey for {rp.id}. Go on with the password.")


def new_seed(session: Session, holder: Holder, at: datetime) -> bytes:
    """Keep random octets for `holder` as a challenge is kept, and return them: what is signed is made of them."""
    return _new_challenge(session, holder, Ceremony.PROVE, at)


def take_seed(session: Session, holder: Holder, at: datetime) -> bytes | None:
    """Use the octets up that `new_seed` kept; None when there are none, or too late."""
    return passkeys.take_challenge(session, holder, Ceremony.PROVE, at)


def genuine(session: Session, person: Person, rp: RelyingParty, challenge: bytes, answer: str, *, at: datetime) -> Passkey | None:
    """Return the passkey of `person` that signed this challenge, its use written down; None when none did, which the caller writes."""
    found = passkeys.of_credential(session, webauthn.credential_id(answer))
    mine = found if found is not None and found.person == person.id else None
    return None if _fault(session, rp, challenge, mine, answer, at) else mine


def prove_by_passkey(session: Session, person: Person, rp: RelyingParty, answer: str, *, at: datetime) -> SignedIn | Refused:
    """Let somebody who is signed in show anew that it is still they; the session goes on under a new token."""
    challenge = passkeys.take_challenge(session, _holder(person), Ceremony.PROVE, at)
    found = passkeys.of_credential(session, webauthn.credential_id(answer))
    mine = found if found is not None and found.person == person.id else None
    if why := _fault(session, rp, challenge, mine, answer, at):
        refuse_sign_in(session, person.id, at=at, address="", how=Proof.PASSKEY.value, why=why)
        return Refused(Refusal.PROVE, "This passkey did not answer as asked. Try again, or go on with the password.", logged=True)
    return prove_session(session, person, Proof.PASSKEY, at=at)


def _fault(session: Session, rp: RelyingParty, challenge: bytes | None, found: Passkey | None, answer: str, at: datetime) -> str:
    """Return why `answer` opens nothing, as the log says it; empty when it is genuine, and then its count is written down."""
    if challenge is None:
        return "challenge"
    if found is None:
        return "unknown"
    genuine = webauthn.asserted(rp, challenge, found.credential, answer)
    if genuine is None or genuine.user_handle not in (None, b"", webauthn.user_handle(found.person)):
        return "answer"
    # A count that does not grow: somebody has a copy of the key (WebAuthn 6.1.1).
    return "" if passkeys.used(session, found.id, genuine.sign_count, at) else "counter"


def _new_challenge(session: Session, holder: Holder, ceremony: Ceremony, at: datetime) -> bytes:
    challenge = secrets.token_bytes(webauthn.CHALLENGE_BYTES)
    passkeys.put_challenge(session, holder, ceremony, challenge, at=at, ends_at=at + CHALLENGE_LASTS, at_most=MAX_CHALLENGES)
    return challenge


def _holder(person: Person) -> Holder:
    return Holder(digest(f"session {person.session_id}"))


def _label(text: str) -> str:
    return checked_name(text.strip() or DEFAULT_LABEL, "passkey")


def seconds() -> int:
    """Return how long a browser is to wait for a passkey."""
    return int(CHALLENGE_LASTS.total_seconds())


def _told(passkey: Passkey) -> dict[str, str]:
    return {"kind": "passkey", "label": passkey.label}

"""A passkey's signature under an approval: asked for over exactly what a request asks for now, checked, and kept with the approval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.approval_proof import ApprovalAssertion, Pending
from vms.domain.ids import RequestId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person
from vms.services import passkeys, webauthn
from vms.services.passkeys import Holder
from vms.services.sessions import digest
from vms.services.webauthn import Options, RelyingParty

NOT_GENUINE = "This passkey did not sign what this request asks for now. Look at it again, then approve it with the passkey or without."


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """What a browser's passkey answered, and for which pages it did."""

    rp: RelyingParty
    answer: str
    """AuthenticationResponseJSON"""


@dataclass(frozen=True, slots=True)
class SignedApproval:
    pending: Pending
    assertion: ApprovalAssertion


def options_for(session: Session, person: Person, number: RequestId, sha256: str, rp: RelyingParty, *, at: datetime) -> Options | Refused:
    """Return what the browser needs to have a passkey of `person` sign an approval of the scope with this digest."""
    allowed = passkeys.allowed_for(session, person, rp)
    if isinstance(allowed, Refused):
        return allowed
    pending = Pending.of(passkeys.new_seed(session, _holder(person, number), at))
    return webauthn.request_options(rp, challenge=pending.challenge(sha256), allowed=allowed, seconds=passkeys.seconds())


def signed(
    session: Session, person: Person, number: RequestId, sha256: str, told: PasskeyAnswer, *, at: datetime
) -> SignedApproval | Refused:
    """Return the approval that a passkey of `person` signed; each that was asked for is signed once, within five minutes."""
    seed = passkeys.take_seed(session, _holder(person, number), at)
    if seed is None:
        return Refused(Refusal.PROVE, passkeys.TOO_LATE)
    pending = Pending.of(seed)
    found = passkeys.genuine(session, person, told.rp, pending.challenge(sha256), told.answer, at=at)
    if found is None:
        return Refused(Refusal.PROVE, NOT_GENUINE)
    parts = webauthn.parts_of(told.answer)
    key = webauthn.public_key_of(found.credential)
    kept = ApprovalAssertion(told.rp.id, pending.nonce, parts.authenticator_data, parts.client_data, parts.signature, key)
    return SignedApproval(pending, kept)


def _holder(person: Person, number: RequestId) -> Holder:
    return Holder(digest(f"approval {person.session_id} {number}"))

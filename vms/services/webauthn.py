"""What a browser is to ask of a passkey, and whether its answer is genuine (WebAuthn level 3, by the library fido2). Keeps nothing."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NewType

from fido2.cose import ES256, RS256, EdDSA
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from vms.domain.ids import PersonId

Options = NewType("Options", str)
"""JSON for `navigator.credentials`, octets in base64url."""
CHALLENGE_BYTES = 32
MIN_ID_BYTES = 16
MAX_ID_BYTES = 1023
ALGORITHMS = (ES256.ALGORITHM, EdDSA.ALGORITHM, RS256.ALGORITHM)
"""What every platform has one of; RS256 is that of older TPMs."""

# What fido2 and its CBOR raise over octets that are no answer; it keeps to no one exception.
_NO_ANSWER = (ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error, RecursionError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom passkeys sign: one host name, and the origins of its pages."""

    id: str
    """The host name."""
    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What a passkey told of itself when it was made."""

    id: bytes
    data: bytes
    """Attested credential data (WebAuthn 6.5.1)."""
    sign_count: int


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """What of an answer is kept, so that anybody can verify it again."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Assertion:
    """A genuine answer: which count came with it, and whose passkey it says to be."""

    sign_count: int
    user_handle: bytes | None


def creation_options(
    rp: RelyingParty, person: PersonId, name: str, *, title: str, challenge: bytes, known: Iterable[bytes], seconds: int
) -> Options:
    """Return what a browser needs to make a passkey that can sign in by itself and checks its owner; `known` ones make no second."""
    user = PublicKeyCredentialUserEntity(id=user_handle(person), name=name, display_name=name)
    options, _ = _server(rp, title=title).register_begin(
        user,
        _descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return _for_browser(options.public_key, seconds)


def request_options(rp: RelyingParty, *, challenge: bytes, allowed: Iterable[bytes], seconds: int) -> Options:
    """Return what a browser needs to have a passkey sign; without `allowed` ones the person chooses among all for this host."""
    options, _ = _server(rp).authenticate_begin(
        _descriptors(allowed) or None, user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge
    )
    return _for_browser(options.public_key, seconds)


def registered(rp: RelyingParty, challenge: bytes, answer: str) -> NewCredential | None:
    """Return the passkey that `answer` (RegistrationResponseJSON) brings; None when it is not a genuine one for this host and challenge."""
    try:
        response = RegistrationResponse.from_dict(json.loads(answer))
        made = _server(rp).register_complete(_state(challenge), response)
        credential = made.credential_data
        if credential is None or response.response.client_data.cross_origin:
            return None
        algorithm = credential.public_key.ALGORITHM
    except _NO_ANSWER:
        return None
    if algorithm not in ALGORITHMS or not MIN_ID_BYTES <= len(credential.credential_id) <= MAX_ID_BYTES:
        return None
    return NewCredential(credential.credential_id, bytes(credential), made.counter)


def credential_id(answer: str) -> bytes:
    """Return which passkey `answer` (AuthenticationResponseJSON) says to come from; empty when it says none."""
    try:
        told: bytes = AuthenticationResponse.from_dict(json.loads(answer)).raw_id
    except _NO_ANSWER:
        return b""
    return told


def asserted(rp: RelyingParty, challenge: bytes, credential: bytes, answer: str) -> Assertion | None:
    """Return what `answer` says when `credential` signed it for this host and challenge, with its owner checked; else None."""
    try:
        response = AuthenticationResponse.from_dict(json.loads(answer))
        _server(rp).authenticate_complete(_state(challenge), [AttestedCredentialData(credential)], response)
    except _NO_ANSWER:
        return None
    if response.response.client_data.cross_origin:
        return None
    return Assertion(response.response.authenticator_data.counter, response.response.user_handle)


def parts_of(answer: str) -> AnswerParts:
    """Return what an answer that `asserted` found genuine is made of."""
    response = AuthenticationResponse.from_dict(json.loads(answer)).response
    return AnswerParts(bytes(response.authenticator_data), bytes(response.client_data), response.signature)


def public_key_of(credential: bytes) -> bytes:
    """Return the COSE_Key at the end of attested credential data (WebAuthn 6.5.1): behind the model, and an id with its length."""
    return credential[18 + int.from_bytes(credential[16:18], "big") :]


def user_handle(person: PersonId) -> bytes:
    """Return by what a passkey knows whose it is: a random number that says nothing elsewhere."""
    return person.to_bytes(8, "big")


def _for_browser(public_key: Mapping[str, object], seconds: int) -> Options:
    return Options(json.dumps({"publicKey": dict(public_key) | {"timeout": seconds * 1000}}))


def _server(rp: RelyingParty, *, title: str = "") -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(name=title or rp.id, id=rp.id),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=rp.origins.__contains__,
    )
    server.allowed_algorithms = [PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=one) for one in ALGORITHMS]
    return server


def _state(challenge: bytes) -> dict[str, object]:
    """Return what fido2 would have kept since it gave out `challenge`."""
    return {"challenge": websafe_encode(challenge), "user_verification": UserVerificationRequirement.REQUIRED}


def _descriptors(ids: Iterable[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one) for one in ids]

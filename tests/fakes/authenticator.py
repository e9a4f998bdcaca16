"""A passkey made of memory, and the browser around it: ES256, its own CBOR, and everything that either may get wrong.

It shares no code with what checks it, so that the two agree by the specification alone (WebAuthn level 3, 5.8.1 and 6.1).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT = 0x01
USER_VERIFIED = 0x04
ATTESTED = 0x40


@dataclass(frozen=True)
class Lie:
    """What the browser or the passkey says in place of the truth; None is the truth."""

    origin: str | None = None
    rp_id: str | None = None
    challenge: str | None = None
    kind: str | None = None
    flags: int = USER_PRESENT | USER_VERIFIED
    cross_origin: bool = False
    signature: bytes | None = None
    user_handle: bytes | None = None
    algorithm: int = -7


TRUTH = Lie()


@dataclass
class Authenticator:
    """Holds one passkey. `counts` False keeps its counter at 0, as passkeys that are synchronised do."""

    origin: str
    counts: bool = True
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    counter: int = 0
    user_handle: bytes = b""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: str, lie: Lie = TRUTH) -> str:
        """Return RegistrationResponseJSON for CredentialCreationOptions."""
        asked = json.loads(options)["publicKey"]
        self.user_handle = _octets(asked["user"]["id"])
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._cose(lie.algorithm)
        data = self._data(lie.rp_id or asked["rp"]["id"], lie.flags | ATTESTED) + attested
        statement = b"\xa3" + _text("fmt") + _text("none") + _text("attStmt") + b"\xa0" + _text("authData") + _bytes(data)
        response = {"clientDataJSON": self._client(asked, "webauthn.create", lie), "attestationObject": _base64(statement)}
        return json.dumps({"id": _base64(self.id), "rawId": _base64(self.id), "type": "public-key", "response": response})

    def get(self, options: str, lie: Lie = TRUTH) -> str:
        """Return AuthenticationResponseJSON for CredentialRequestOptions."""
        asked = json.loads(options)["publicKey"]
        self.counter += self.counts
        data = self._data(lie.rp_id or asked["rpId"], lie.flags)
        client = self._client(asked, "webauthn.get", lie)
        signature = self._key.sign(data + hashlib.sha256(_octets(client)).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": client,
            "authenticatorData": _base64(data),
            "signature": _base64(lie.signature or signature),
            "userHandle": _base64(lie.user_handle or self.user_handle),
        }
        return json.dumps({"id": _base64(self.id), "rawId": _base64(self.id), "type": "public-key", "response": response})

    @property
    def public_key(self) -> bytes:
        """COSE_Key."""
        return self._cose(-7)

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, asked: dict[str, str], kind: str, lie: Lie) -> str:
        said = {
            "type": lie.kind or kind,
            "challenge": lie.challenge or asked["challenge"],
            "origin": lie.origin or self.origin,
            "crossOrigin": lie.cross_origin,
        }
        return _base64(json.dumps(said).encode())

    def _cose(self, algorithm: int) -> bytes:
        point = self._key.public_key().public_numbers()
        # {1: 2 (EC2), 3: algorithm, -1: 1 (P-256), -2: x, -3: y}; -7 is 0x26 in CBOR, -1 - n in general.
        name = bytes([0x20 + (-1 - algorithm)]) if algorithm >= -24 else b"\x39" + (-1 - algorithm).to_bytes(2, "big")
        x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        return b"\xa5\x01\x02\x03" + name + b"\x20\x01\x21" + _bytes(x) + b"\x22" + _bytes(y)


def _text(text: str) -> bytes:
    return bytes([0x60 + len(text)]) + text.encode()


def _bytes(octets: bytes) -> bytes:
    return (b"\x58" + bytes([len(octets)]) if len(octets) < 256 else b"\x59" + len(octets).to_bytes(2, "big")) + octets


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""What a passkey signs when somebody approves a request with it: a challenge that only this approval of this scope has (FORMATS §11)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from vms.domain.ids import ApprovalId

FORMAT = "custodian approval v1"
NONCE_BYTES = 16
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApprovalAssertion:
    """A passkey's answer, with what its challenge was made of: enough to verify it anywhere (WebAuthn level 3, 7.2)."""

    rp_id: str
    """The host name that it signed for."""
    nonce: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    public_key: bytes
    """COSE_Key."""

    @property
    def key_sha256(self) -> str:
        """Return by what the access log names the passkey."""
        return sha256(self.public_key).hexdigest()


@dataclass(frozen=True, slots=True)
class Pending:
    """An approval that was asked for, and is given when a passkey has signed it."""

    id: ApprovalId
    nonce: bytes

    @classmethod
    def of(cls, seed: bytes) -> Pending:
        """Make the approval's number and its nonce of random octets that are used once."""
        return cls(ApprovalId((int.from_bytes(seed[:8], "big") >> 12) or 1), seed[SEED_BYTES - NONCE_BYTES :])

    def challenge(self, scope_sha256: str) -> bytes:
        """Return what the passkey signs: nothing but this approval, of this scope with its terms."""
        return sha256(f"{FORMAT}\n{self.id}\n{scope_sha256}\n{self.nonce.hex()}\n".encode()).digest()

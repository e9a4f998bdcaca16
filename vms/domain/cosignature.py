"""What a witness is asked and what it answers: C2SP tlog-witness, tlog-cosignature (Ed25519, "cosignature/v1"). Text only."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from vms.domain.merkle import HASH_BYTES
from vms.domain.timespan import EPOCH

MAX_ANSWER_BYTES = 16 * 1024
_ALGORITHM = b"\x04"
_ID_BYTES, _TIME_BYTES, _SIGNATURE_BYTES = 4, 8, 64
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody outside who countersigns checkpoints: his name and his Ed25519 key."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(f"{self.name}\n".encode() + _ALGORITHM + self.public_key).digest()[:_ID_BYTES]


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A line that claims to be the witness's signature over a checkpoint at a moment; it is not verified here."""

    line: str
    at: datetime
    signed_text: bytes
    signature: bytes


def read_witness(key: str) -> Witness:
    """Return the witness of a verifier key, NAME+ID+BASE64; ValueError when it is none of this kind."""
    name, key_id, encoded = [*key.split("+", 2), "", ""][:3]
    blob = base64.b64decode(encoded, validate=True)
    witness = Witness(name, blob[1:])
    if not name or blob[:1] != _ALGORITHM or len(blob) != 1 + HASH_BYTES or witness.key_id.hex() != key_id:
        raise ValueError("no verifier key of an Ed25519 witness: NAME+ID+BASE64")
    return witness


def add_checkpoint(old_size: int, proof: Sequence[bytes], note: str) -> str:
    """Return the body that asks for a cosignature of `note`, whose tree begins with the one of `old_size` leaves."""
    return "\n".join([f"old {old_size}", *(base64.b64encode(one).decode() for one in proof), "", note])


def cosignatures(answer: str, witness: Witness, text: str) -> list[Cosignature]:
    """Return the lines of an answer that claim to be the witness's over the checkpoint `text`."""
    found = []
    for line in answer.splitlines():
        signer, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            blob = base64.b64decode(encoded, validate=True)
            seconds = int.from_bytes(blob[_ID_BYTES : _ID_BYTES + _TIME_BYTES])
            at = EPOCH + timedelta(seconds=seconds)
        except (ValueError, OverflowError):
            continue
        ours = line.startswith(_DASH) and signer == witness.name and blob[:_ID_BYTES] == witness.key_id
        if ours and len(blob) == _ID_BYTES + _TIME_BYTES + _SIGNATURE_BYTES:
            signed = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            found.append(Cosignature(line, at, signed, blob[_ID_BYTES + _TIME_BYTES :]))
    return found

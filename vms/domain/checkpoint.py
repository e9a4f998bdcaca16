"""Checkpoints: a log's size and root under a signature, in the C2SP forms tlog-checkpoint and signed-note. Text only; `vms.crypto` signs.

An entry of the tree is a salt and the canonical text of an access event; without its salt nobody can guess an entry from its hash.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from vms.domain.merkle import HASH_BYTES, leaf_hash

SALT_BYTES = 16
PADDING = 16
"""A checkpoint's size is a multiple of this: who sees the size grow learns little of how much was done."""
MAX_NOTE_CHARS = 64 * 1024
PROOF_HEAD = "c2sp.org/tlog-proof@v1"
_ED25519 = b"\x01"
_KEY_ID_BYTES = 4
_DASH = "— "
_LEAF = sha256(b"\x00")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is signed: the tree of `size` leaves of the log `name` has this root."""

    name: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.name}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def entry_hash(salt: bytes, body: bytes) -> bytes:
    """Return the leaf hash of an entry; `body` is `vms.domain.access.body_of` its event, in UTF-8."""
    return leaf_hash(salt + body)


def entry_hashes_of(entries: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hashes of entries, of each its salt and body in one.

    `leaf_hash`, without a call of it, and begun as a copy, which is quicker than a new hash: a log is verified at this one's speed.
    """
    found: list[bytes] = []
    copy, append = _LEAF.copy, found.append
    for entry in entries:
        leaf = copy()
        leaf.update(entry)
        append(leaf.digest())
    return found


def padding_hash(secret: bytes, number: int) -> bytes:
    """Return the leaf hash of a number that was left out: whoever knows the secret tells it from an entry that was taken away."""
    return leaf_hash(hmac.digest(secret, number.to_bytes(8), sha256))


def padded(size: int) -> int:
    """Return the size of the next checkpoint over `size` numbers: one number at least is padding, room for a sealed entry.

    A checkpoint that is cut short, since there is too much to sign at once, ends before and has none.
    """
    return (size // PADDING + 1) * PADDING


def key_id(name: str, public_key: bytes) -> bytes:
    return sha256(f"{name}\n".encode() + _ED25519 + public_key).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """Return the line by which others know the log's key: what a witness and a district's public page hold."""
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(_ED25519 + public_key).decode()}"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A log's name and Ed25519 key, as others know them."""

    name: str
    public_key: bytes


def read_verifier_key(line: str) -> VerifierKey:
    """Return the key of a line as `verifier_key` makes it; ValueError when it is none."""
    name, _, encoded = line.strip().split("+", 2) if line.count("+") > 1 else ("", "", "")
    blob = base64.b64decode(encoded, validate=True)
    if blob[:1] != _ED25519 or len(blob) != 1 + HASH_BYTES or verifier_key(name, blob[1:]) != line.strip():
        raise ValueError("no key of a log: it looks like NAME+ID+BASE64")
    return VerifierKey(name, blob[1:])


def signed_note(text: str, name: str, public_key: bytes, signature: bytes) -> str:
    """Return `text` with the signature that `name` made over it."""
    return f"{text}\n{_DASH}{name} {base64.b64encode(key_id(name, public_key) + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Proof:
    """That the entry of leaf `index` (from 0) is in the tree of a checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        """Return it as C2SP tlog-proof, the content of a `.tlog-proof` file."""
        lines = [PROOF_HEAD, f"index {self.index}", *(base64.b64encode(one).decode() for one in self.hashes), "", self.note]
        return "\n".join(lines)


def read_note(note: str) -> tuple[Checkpoint, str]:
    """Return what a signed note says, and the text its signatures are over; ValueError when it is no checkpoint."""
    text, separator, _ = note.rpartition("\n\n")
    name, size, tree_root, *_ = [*f"{text}\n".split("\n"), "", "", ""]
    try:
        checkpoint = Checkpoint(name, int(size), base64.b64decode(tree_root, validate=True))
    except ValueError as err:
        raise ValueError("no checkpoint: name, size and root hash stand on its first three lines") from err
    if not separator or not name or len(note) > MAX_NOTE_CHARS or len(checkpoint.root) != HASH_BYTES or str(checkpoint.size) != size:
        raise ValueError("no checkpoint: it is cut short or longer than any")
    return checkpoint, f"{text}\n"


def signatures_by(note: str, name: str, public_key: bytes) -> Sequence[bytes]:
    """Return the signatures of a note that claim to be by this key of `name`; they are not verified here."""
    wanted, found = key_id(name, public_key), []
    for line in note.rpartition("\n\n")[2].splitlines():
        signer, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            blob = base64.b64decode(encoded, validate=True)
        except ValueError:  # binascii's, or a character that is not ASCII
            continue
        if line.startswith(_DASH) and signer == name and blob[:_KEY_ID_BYTES] == wanted:
            found.append(blob[_KEY_ID_BYTES:])
    return found

"""A sealed entry of the access log: how its text is filled up before it is encrypted, what it is bound to, and what its leaf is over.

Its leaf begins with a commitment to the text, so one entry can be shown to somebody who has no key: whoever is given the opening and the
text computes the commitment, and needs of the rest no more than a digest.
"""

from __future__ import annotations

from hashlib import sha256

from vms.domain.ids import MatterId

CLASS_BYTES = 1024
"""A text is filled up to a multiple of this: its ciphertext says nothing finer of how long it is."""
OPENING_BYTES = 32
COMMITMENT_BYTES = 32
_BOUND = b"custodian sealed entry v1"
"""Of entries from before there were commitments."""
_BOUND_WITH_COMMITMENT = b"custodian sealed entry v2"
_FILL = b"\0"
"""No event's text holds one: `body_of` leaves it out."""


def commitment_to(opening: bytes, body: str) -> bytes:
    """Return what an entry's leaf begins with: without the opening, which is random, nobody can guess the text from it."""
    return sha256(opening + body.encode()).digest()


def filled(text: str) -> bytes:
    octets = text.encode()
    return octets.ljust(-(-len(octets) // CLASS_BYTES) * CLASS_BYTES, _FILL)


def text_in(plaintext: bytes) -> str:
    """Return the text that `filled` was given; ValueError when it is none."""
    return plaintext.rstrip(_FILL).decode()


def body_in(plaintext: bytes, commitment: bytes | None) -> str:
    """Return an entry's text: what is encrypted is its opening, then the text filled up. ValueError when it is not what is committed to."""
    if commitment is None:
        return text_in(plaintext)
    body = text_in(plaintext[OPENING_BYTES:])
    if commitment_to(plaintext[:OPENING_BYTES], body) != commitment:
        raise ValueError("the log committed to another text")
    return body


def bound_to(origin: str, matter: MatterId, position: int, commitment: bytes | None = None) -> bytes:
    """Return the associated data: it opens nowhere else than at its own place.

    Without a commitment: of an entry from before there were any.
    """
    place = (origin.encode(), matter.encode(), b"%d" % position)
    return b"\n".join((_BOUND, *place) if commitment is None else (_BOUND_WITH_COMMITMENT, *place, commitment.hex().encode()))


def rest_digest(salt: bytes, *parts: bytes) -> bytes:
    """Return what stands behind the commitment in its leaf: it tells whoever is shown the entry neither matter nor position."""
    return sha256(salt + leaf_octets(*parts)).digest()


def leaf_octets(*parts: bytes) -> bytes:
    """Return position (decimal), matter and what is sealed, each after its length in octets.

    The lengths keep one part from growing at another's cost; an ordinary entry's text begins otherwise. Without a commitment they
    stand behind the salt in the leaf itself.
    """
    return b"".join(len(part).to_bytes(8) + part for part in parts)

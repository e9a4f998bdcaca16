"""A sealed entry of the access log: how its text is filled up before it is encrypted, what it is bound to, and what its leaf is over."""

from __future__ import annotations

from vms.domain.ids import MatterId

CLASS_BYTES = 1024
"""A text is filled up to a multiple of this: its ciphertext says nothing finer of how long it is."""
_BOUND = b"custodian sealed entry v1"
_FILL = b"\0"
"""No event's text holds one: `body_of` leaves it out."""


def filled(body: str) -> bytes:
    octets = body.encode()
    return octets.ljust(-(-len(octets) // CLASS_BYTES) * CLASS_BYTES, _FILL)


def text_in(plaintext: bytes) -> str:
    """Return the text that `filled` was given; ValueError when it is none."""
    return plaintext.rstrip(_FILL).decode()


def bound_to(origin: str, matter: MatterId, position: int) -> bytes:
    """Return the associated data: it opens nowhere else than at its own place."""
    return b"\n".join((_BOUND, origin.encode(), matter.encode(), b"%d" % position))


def leaf_octets(*parts: bytes) -> bytes:
    """Return what stands behind the salt in its leaf: position (decimal), matter and what is sealed, each after its length in octets.

    The lengths keep one part from growing at another's cost; an ordinary entry's text begins otherwise.
    """
    return b"".join(len(part).to_bytes(8) + part for part in parts)

"""The fingerprint by which a camera's certificate is known: the SHA-256 of the certificate as the camera shows it (DER)."""

from __future__ import annotations

import re

_SHORT_BYTES = 6
_FINGERPRINT = re.compile(r"(?:sha-?256(?: fingerprint)?\s*[=:])?\s*((?:[0-9a-f]{2}[:\s]?){31}[0-9a-f]{2})", re.IGNORECASE)


def fingerprint(text: str) -> bytes:
    """Read a fingerprint as cameras, browsers and `openssl x509 -fingerprint -sha256` write it; ValueError says what is wrong."""
    match = _FINGERPRINT.fullmatch(text.strip())
    if not match:
        raise ValueError(
            "That is no SHA-256 fingerprint of a certificate. Give its 64 digits 0-9 and A-F, with or without colons, "
            "as a test of the camera shows them."
        )
    return bytes.fromhex(re.sub(r"[:\s]", "", match[1]))


def spelled_fingerprint(sha256: bytes) -> str:
    """Spell it for people: AB:CD:…, all 32 pairs."""
    return sha256.hex(":").upper()


def shortened_fingerprint(sha256: bytes) -> str:
    """Spell its beginning, for sentences that tell two apart."""
    return f"{spelled_fingerprint(sha256[:_SHORT_BYTES])}…"

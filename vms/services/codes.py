"""Codes that people type: in groups of five, the same with or without dashes, spaces and capitals."""

from __future__ import annotations

import hashlib
import secrets

_OCTETS = 10
_GROUP = 5


def new_code() -> str:
    """Return a new code of 80 bits, plain."""
    return secrets.token_hex(_OCTETS)


def grouped(code: str) -> str:
    """Return a plain code as it is shown and written down."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def plain_code(typed: str) -> str:
    """Return what somebody typed without what stands between the groups."""
    return typed.replace("-", "").replace(" ", "").casefold()


def digest_of_halves(one_sha256: bytes, other_sha256: bytes) -> bytes:
    """Return what two halves of an invitation are known by together, whichever was typed first."""
    return hashlib.sha256(b"vms invitation\0" + b"".join(sorted((one_sha256, other_sha256)))).digest()

"""Codes that people type: in groups of five, the same with or without dashes, spaces and capitals."""

from __future__ import annotations

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

"""Erasing old entries of the access log: their texts go, their hashes and an entry that says so stay.

The entry is signed with the log's key, so nobody else can make an erasure that verifies.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

from vms.domain.access import Action

_BEGIN = f'{{"action":"{Action.LOG_ERASE.value}",'
"""Of every such entry's text: keys stand in order."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """By the rule of so many days, the texts of the entries from `first` to `last` were erased."""

    first: int
    last: int
    days: int

    def signed_text(self, log_name: str) -> bytes:
        return f"custodian log erase v1\n{log_name}\n{self.first}\n{self.last}\n{self.days}\n".encode()

    def detail(self, signature: bytes) -> dict[str, str]:
        """Return how its entry tells it."""
        told = {"first": str(self.first), "last": str(self.last), "days": str(self.days)}
        return told | {"signature": base64.b64encode(signature).decode()}


def told_in(detail: Mapping[str, str]) -> tuple[Erasure, bytes] | None:
    """Return the erasure that an entry's detail tells, and its signature; None when it tells none."""
    try:
        erasure = Erasure(int(detail["first"]), int(detail["last"]), int(detail["days"]))
        return erasure, base64.b64decode(detail["signature"], validate=True)
    except (LookupError, ValueError):
        return None


def told_by_text(body: str) -> tuple[Erasure, bytes] | None:
    """Return the erasure that an entry's text tells; None when it is no such entry."""
    if not body.startswith(_BEGIN):
        return None
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, LookupError):
        return None
    return told_in(detail) if isinstance(detail, dict) else None

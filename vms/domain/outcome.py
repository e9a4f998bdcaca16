"""Expected refusals: values that a service returns, so that the refusal's access event commits with the transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Refusal(StrEnum):
    """Why; `web/errors.py` maps each to one status."""

    SIGN_IN = "sign_in"
    """Nobody is signed in, or the name and password do not fit: 401."""
    PROVE = "prove"
    """Signed in, but what is asked for wants a fresh proof of who it is: 401."""
    ENROL = "enrol"
    """Signed in by a password alone, with a role that needs more: 403."""
    NOT_ALLOWED = "not_allowed"
    """In scope, but this role may not: 403."""
    OUT_OF_SCOPE = "out_of_scope"
    """Does not exist for this actor: 404."""
    GONE = "gone"
    """It was there, and whoever asks has what opened it: 410."""
    TOO_MANY = "too_many"
    """Asked too often: 429."""


@dataclass(frozen=True, slots=True)
class Refused:
    refusal: Refusal
    sentence: str
    """What was refused, why, and whom to ask."""
    logged: bool = field(default=False, compare=False)
    """Its access event is written in the transaction that it was returned from."""
    of_role: bool = field(default=False, compare=False)
    """It is for want of a role, and not because of how things stand."""

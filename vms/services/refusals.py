"""The sentences of expected refusals, in one place so that they stay alike."""

from __future__ import annotations

from vms.domain.outcome import Refusal, Refused

SESSION_ENDED = Refused(Refusal.SIGN_IN, "The session has ended. Sign in again.")
BEYOND = Refused(Refusal.NOT_ALLOWED, "This account reaches further than yours. Ask IT or the Director of the whole district.")


def not_allowed(act: str, whom: str) -> Refused:
    """Refuse an act within reach that this role doesn't have."""
    return Refused(Refusal.NOT_ALLOWED, f"You may not {act}. Ask {whom}.", of_role=True)


def no_such(what: str) -> Refused:
    """Refuse what is out of reach in the words for what does not exist: the two must not be told apart."""
    return Refused(Refusal.OUT_OF_SCOPE, f"There is no such {what}.")


def sign_in_first(act: str) -> Refused:
    return Refused(Refusal.SIGN_IN, f"Sign in to {act}.")

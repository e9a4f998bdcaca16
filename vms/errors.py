"""The few kinds of failure that the product tells apart. They know nothing of HTTP: `web/errors.py` maps them.

Every message says what happened, to what, and what to do. An expected refusal is not an error but a return value,
`vms.domain.outcome.Refused`.
"""

from __future__ import annotations


class VmsError(Exception):
    """Base of every failure that carries a sentence for the person who acts."""

    def __init__(self, sentence: str = "", *, in_log: str = "") -> None:
        """`in_log`: what the service's own log says in its place, where the sentence names what may be under seal."""
        super().__init__(sentence)
        self.in_log = in_log or sentence


def reason_of(err: Exception) -> str:
    """Return what a line of the service's log says of a failure: whoever runs the server reads it, and no seal names them."""
    return err.in_log if isinstance(err, VmsError) else str(err)


class InvalidInput(VmsError):
    """What was handed in can't be used; nothing was changed."""


class NotFound(VmsError):
    """The thing named does not exist, or not within what this actor may see."""


class Conflict(VmsError):
    """The thing exists already or was changed by somebody else in the meantime."""


class Unavailable(VmsError):
    """A part that is needed does not answer or has no room; trying later may help."""


class Corrupt(VmsError):
    """Stored bytes are not what was written: a digest, a tag or a structure does not fit."""


class ConfigError(VmsError):
    """The configuration can't be used; the process does not start."""

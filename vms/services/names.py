"""Names that people enter, with what is wrong with one as a sentence for them."""

from __future__ import annotations

from vms.domain.names import plain_name
from vms.errors import InvalidInput


def checked_name(text: str, what: str) -> str:
    """Return the plain form of a name of `what`; InvalidInput says what is wrong with it."""
    try:
        return plain_name(text, what)
    except ValueError as err:
        raise InvalidInput(str(err)) from err

"""Names and reasons that people enter, with what is wrong with one as a sentence for them."""

from __future__ import annotations

from vms.domain.names import plain_name
from vms.errors import InvalidInput


def checked_name(text: str, what: str) -> str:
    """Return the plain form of a name of `what`; InvalidInput says what is wrong with it."""
    try:
        return plain_name(text, what)
    except ValueError as err:
        raise InvalidInput(str(err)) from err


def checked_words(text: str, most: int, sentence: str) -> str:
    """Return `text` in one line; InvalidInput with `sentence` when that is empty, too long or holds what can't be printed."""
    plain = " ".join(text.split())
    if not plain or len(plain) > most or not plain.isprintable():
        raise InvalidInput(sentence)
    return plain

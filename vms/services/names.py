"""Names and reasons that people enter, with what is wrong with one as a sentence for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from vms.domain.names import name_key, plain_name
from vms.errors import Conflict, InvalidInput

T = TypeVar("T")


def checked_name(text: str, what: str) -> str:
    """Return the plain form of a name of `what`; InvalidInput says what is wrong with it."""
    try:
        return plain_name(text, what)
    except ValueError as err:
        raise InvalidInput(str(err)) from err


def named(text: str, what: str, known: Iterable[tuple[int, str, str, T]]) -> T | None:
    """Return what people call `text` of `known`, each a number, a name, a branch's name and the thing; None when there is none.

    A number counts before a name; Conflict names the numbers when branches share the name.
    """
    known = list(known)
    wanted = name_key(" ".join(text.split()))
    found = [one for one in known if str(one[0]) == text] or [one for one in known if name_key(one[1]) == wanted]
    if len(found) > 1:
        places = ", ".join(f"{number} at {branch}" for number, _, branch, _ in found)
        raise Conflict(f"Several branches have a {what} ‘{text}’. Name it by its number: {places}.")
    return found[0][3] if found else None


def checked_words(text: str, most: int, sentence: str) -> str:
    """Return `text` in one line; InvalidInput with `sentence` when that is empty, too long or holds what can't be printed."""
    plain = " ".join(text.split())
    if not plain or len(plain) > most or not plain.isprintable():
        raise InvalidInput(sentence)
    return plain


def checked_text(text: str, most: int, sentence: str) -> str:
    """Return `text` with its lines, each without blanks at its end; InvalidInput with `sentence` as for `checked_words`."""
    plain = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if not plain or len(plain) > most or not plain.replace("\n", " ").replace("\t", " ").isprintable():
        raise InvalidInput(sentence)
    return plain

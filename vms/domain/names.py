"""Names that people give to branches, cameras and accounts."""

from __future__ import annotations

import unicodedata
from datetime import datetime

MAX_NAME_CHARS = 120
_PURGED = "ended account, name purged on "


def plain_name(text: str, what: str) -> str:
    """Return `text` with single spaces and in one Unicode form; ValueError says what is wrong with the name of `what`."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise ValueError(f"A {what} needs a name.")
    if len(name) > MAX_NAME_CHARS:
        raise ValueError(f"The name of a {what} has at most {MAX_NAME_CHARS} characters; this one has {len(name)}.")
    if any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise ValueError(f"The name of a {what} holds a control character. Type it again instead of pasting it.")
    if name_key(f"{name} ").startswith(_PURGED):
        raise ValueError(f"‘{_PURGED}…’ stands where a name was purged. Choose another.")
    return name


def purged_name(at: datetime) -> str:
    """Return what stands in the place of the name of an account that ended long ago; nobody is given such a name."""
    return f"{_PURGED}{at:%Y-%m-%d}"


def name_key(name: str) -> str:
    """Return what two names that a reader can't tell apart have in common."""
    return unicodedata.normalize("NFKC", name).casefold()

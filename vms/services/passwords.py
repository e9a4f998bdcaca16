"""Passwords: what a new one has to be, how it is kept, and whether one fits. Outside any transaction, two at a time."""

from __future__ import annotations

import base64
import re
import secrets
import threading
from functools import cache
from importlib.resources import files
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vms.domain.people import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from vms.errors import InvalidInput

PasswordHash = NewType("PasswordHash", str)
"""argon2id in its own text form."""
NO_PASSWORD = PasswordHash("")
"""Of an account whose password is still to be chosen: nothing fits."""
FEWEST_PARTS = 3
"""A password made of fewer common ones in a row is guessed as soon as they are."""
FEWEST_KINDS = 5
"""Of characters."""

# RFC 9106's low-memory parameters take 64 MiB and some 150 ms each; more than two at once would be a way to exhaust the machine.
_HASHER = PasswordHasher()
_TWO_AT_ONCE = threading.BoundedSemaphore(2)
_NOT_LETTERS = re.compile(r"[\W\d_]+")


def hash_password(password: str) -> PasswordHash:
    """Hash a new password; InvalidInput says what it lacks. Takes 150 ms: call it outside a transaction."""
    if len(password) < MIN_PASSWORD_CHARS:
        raise InvalidInput(f"A password needs at least {MIN_PASSWORD_CHARS} characters. A sentence of four words is easy to keep in mind.")
    if len(password) > MAX_PASSWORD_CHARS:
        raise InvalidInput(f"A password has at most {MAX_PASSWORD_CHARS} characters.")
    if is_common(password):
        raise InvalidInput("This password is among the first that are tried. Take a sentence of four words.")
    with _TWO_AT_ONCE:
        return PasswordHash(_HASHER.hash(password))


def fits(password_hash: PasswordHash, password: str) -> bool:
    """Say whether `password` is the one; with `NO_PASSWORD` it is not, after the same time."""
    with _TWO_AT_ONCE:
        try:
            return _HASHER.verify(password_hash or _nobodys_hash(), password[: MAX_PASSWORD_CHARS + 1])
        except (VerificationError, InvalidHashError, UnicodeEncodeError):  # half a surrogate pair is no password
            return False


def is_common(password: str) -> bool:
    """Say whether `password` is one or two of the common ones, whatever digits and marks stand around them, or one part repeated."""
    plain = password.casefold()
    if len(set(plain)) < FEWEST_KINDS or plain in plain[1:] + plain[:-1]:
        return True
    letters = [part for part in _NOT_LETTERS.split(plain) if part]
    joined = "".join(letters)
    return len(letters) < FEWEST_PARTS and _fewest_parts(joined) < FEWEST_PARTS


def _fewest_parts(word: str) -> int:
    """Return of how few common passwords in a row `word` is made, `FEWEST_PARTS` when of no fewer."""
    known = common_passwords()
    if not word or word in known:
        return min(len(word), 1)
    return 2 if any(word[:at] in known and word[at:] in known for at in range(1, len(word))) else FEWEST_PARTS


@cache
def common_passwords() -> frozenset[str]:
    """Return the shipped list, in lower case."""
    return frozenset(files("vms.services").joinpath("common_passwords.txt").read_text(encoding="ascii").split())


def _nobodys_hash() -> PasswordHash:
    """Return what no password fits, without making a hash: the first try of an unknown name would take twice as long."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (_HASHER.salt_len, _HASHER.hash_len))
    return PasswordHash(f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${salt}${digest}")

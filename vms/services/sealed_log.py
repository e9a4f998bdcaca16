"""Write what only the holder of a matter's key may know into the access log, and read it, which is sealed too.

To everybody else a sealed entry is padding: in lists, counts, exports, proofs, in the log's growth and in what `vms log verify` prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias, Unpack

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, encrypt, random_bytes
from vms.domain.access import AccessEvent, Action, UnreadableEntry, body_of, line_of
from vms.domain.checkpoint import SALT_BYTES
from vms.domain.ids import MatterId
from vms.domain.people import Actor
from vms.domain.sealed_entry import OPENING_BYTES, body_in, bound_to, commitment_to, filled
from vms.errors import Corrupt
from vms.services.access_log import DISTRICT, LIST_LIMIT, Said, event_of, record
from vms.store import access_sealed, matter_keys
from vms.store.access_sealed import SealedEntry

SealedLine: TypeAlias = AccessEvent | UnreadableEntry
"""Number 0: it waits for the next checkpoint."""


@dataclass(frozen=True, slots=True)
class Matter:
    """What is secret together, and the key that reads it."""

    id: MatterId
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedEntry:
    """One sealed entry, for somebody who has no key: SHA-256 of 0, SHA-256 of opening and body, and rest, is its leaf in the log's tree."""

    number: int
    opening: bytes
    body: str
    rest: bytes


@dataclass(frozen=True, slots=True)
class SealedPage:
    """Events of a matter, newest first."""

    lines: tuple[SealedLine, ...]
    older: int | None
    """What to ask for `before` to read on; None when nothing is older."""


def new_matter(settings: Settings) -> Matter:
    """Begin a sealed matter: its key is in `secrets/` when this returns, and nothing else tells of it."""
    return open_matter(settings, matter_keys.make(settings.secrets_dir))


def open_matter(settings: Settings, matter: str) -> Matter:
    """Return a matter whose key this account can read. NotFound when there is no such key, ConfigError when it can't be read."""
    return Matter(*matter_keys.read(settings.secrets_dir, matter))


def destroy_matter(settings: Settings, matter: MatterId) -> None:
    """Destroy a matter's key: what it sealed can't be read any more, and the log verifies as before."""
    matter_keys.destroy(settings.secrets_dir, matter)


def record_sealed(session: Session, matter: Matter, **said: Unpack[Said]) -> int:
    """Write one event that only the holder of the matter's key can read; return its position among what is sealed.

    It has no number before the next checkpoint. Call it last: it holds the log until the transaction ends.
    """
    event, opening = event_of(said), random_bytes(OPENING_BYTES)
    body = body_of(event)
    commitment = commitment_to(opening, body)
    position = access_sealed.next_position(session, event.origin)
    sealed = encrypt(matter.key, opening + filled(body), bound_to(event.origin, matter.id, position, commitment))
    salt = random_bytes(SALT_BYTES)
    access_sealed.add(session, event.origin, position, matter.id, salt=salt, commitment=commitment, sealed=sealed)
    return position


def record_in(session: Session, matter: Matter | None, **said: Unpack[Said]) -> int | None:
    """Write one event into a matter, or without one into the ordinary log; return its number, which a sealed one lacks."""
    if matter is None:
        return record(session, **said)
    record_sealed(session, matter, **said)
    return None


def read_sealed(
    session: Session, matter: Matter, *, actor: Actor, at: datetime, before: int | None = None, limit: int = 100, origin: str = DISTRICT
) -> SealedPage:
    """Return the matter's events, newest first; the reading itself is sealed into the same matter.

    `before`: `SealedPage.older` of the page before. Corrupt when the key opens none of the matter's entries.
    """
    size = min(limit, LIST_LIMIT)
    found = access_sealed.of_matter(session, origin, matter.id, before=before, limit=size + 1)
    entries = found[:size]
    require_key(session, matter, entries, origin)
    lines = tuple(line_in(matter, one, origin) for one in entries)
    record_sealed(session, matter, actor=actor, action=Action.LOG_READ, at=at, detail={"events": str(len(lines))}, origin=origin)
    return SealedPage(lines, entries[-1].position if len(found) > size else None)


def open_entry(session: Session, matter: Matter, position: int, *, origin: str = DISTRICT) -> OpenedEntry | None:
    """Return what lets somebody without the matter's key check one entry; None while it waits for a checkpoint.

    Corrupt when the matter has no such entry, or its key does not open it. It is not written here: whoever hands it out does that.
    """
    entry = access_sealed.at(session, origin, matter.id, position)
    plaintext = None if entry is None else _plaintext(matter, entry, origin)
    if entry is None or plaintext is None or entry.commitment is None:
        raise Corrupt(f"The matter {matter.id} has no entry of the access log that its key opens, at position {position}.")
    if entry.number is None:
        return None
    rest = access_sealed.rest_of(session, origin, position)
    return OpenedEntry(entry.number, plaintext[:OPENING_BYTES], body_in(plaintext, entry.commitment), rest)


def require_key(session: Session, matter: Matter, entries: Sequence[SealedEntry], origin: str) -> None:
    """Raise Corrupt when the key opens none of `entries`, nor any of the matter's first and last ones: it is another key."""
    if not entries or _opens_one(matter, entries, origin):
        return
    oldest = access_sealed.page_of_matter(session, origin, matter.id)
    newest = access_sealed.of_matter(session, origin, matter.id, limit=LIST_LIMIT)
    if not (_opens_one(matter, oldest, origin) or _opens_one(matter, newest, origin)):
        raise Corrupt(
            f"The key of the matter {matter.id} opens none of its entries: it is another one. "
            f"Put secrets/{matter.id}.key back from the backup of secrets/."
        )


def line_in(matter: Matter, entry: SealedEntry, origin: str) -> SealedLine:
    """Return what a sealed entry says, or that it can't be read."""
    number, plaintext = entry.number or 0, _plaintext(matter, entry, origin)
    try:
        line = line_of(0, None if plaintext is None else body_in(plaintext, entry.commitment))
    except ValueError:
        return UnreadableEntry(number)
    return replace(line, number=number)


def _opens_one(matter: Matter, entries: Sequence[SealedEntry], origin: str) -> bool:
    return any(_plaintext(matter, one, origin) is not None for one in entries)


def _plaintext(matter: Matter, entry: SealedEntry, origin: str) -> bytes | None:
    return decrypt(matter.key, entry.sealed, bound_to(origin, matter.id, entry.position, entry.commitment))

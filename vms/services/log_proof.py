"""Prove the access log: sign what it holds, prove one entry.

A checkpoint signs the tree over every entry so far. Before a new one is signed the last one is verified, so that a change never
becomes part of what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain, starmap

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.crypto import is_signed, sign
from vms.domain.checkpoint import (
    Checkpoint,
    Proof,
    padded,
    padding_hash,
    read_note,
    signatures_by,
    signed_note,
    verifier_key,
)
from vms.domain.merkle import includes, inclusion_proof, root
from vms.errors import Corrupt, NotFound
from vms.services.access_log import DISTRICT
from vms.services.log_key import LogKey
from vms.services.signed_notes import SignedNotes
from vms.store import access_log, access_sealed, access_tree, settings
from vms.store.access_tree import Own, StoredCheckpoint
from vms.store.database import Engines

_KEY_OF = "log.key."
"""Of a log, among what the district decided: the public half of its key."""
MOST_SIGNED = 65_536
"""Numbers in one checkpoint: a second or so, which whoever writes waits for."""


@dataclass(frozen=True, slots=True)
class Signed:
    note: str
    complete: bool
    """Whether everything that was written is signed, and padding behind it; else another checkpoint follows at once."""


def sign_checkpoint(session: Session, key: LogKey, *, at: datetime, notes: SignedNotes | None = None, origin: str = DISTRICT) -> Signed:
    """Sign what was written so far, `MOST_SIGNED` numbers at most, and return the checkpoint's note.

    Holds the log until the transaction ends. The size grows in steps, at least one: padding fills them, and sealed entries that wait
    take its numbers; how many do changes nothing else. `notes` remember what was signed last. Corrupt, and nothing is signed, when
    the stored tree is not the one that was signed last or an entry since then is gone: what somebody changed must not become
    what the log says.
    """
    last = access_log.last_number(session, origin)
    newest = access_tree.newest_checkpoint(session, origin)
    name = _name(session, origin)
    size = _trusted_size(session, key, newest, name, origin)
    to = min(padded(max(last, size)), size + MOST_SIGNED)
    found: dict[int, Own] = dict(chain.from_iterable(starmap(zip, access_tree.entry_hashes(session, origin, after=size, until=to))))
    gone = next((number for number in range(size + 1, min(last, to) + 1) if not isinstance(found.get(number), bytes)), None)
    if gone is not None:
        raise Corrupt(f"Entry {gone:,} of the access log is gone since the last checkpoint. Run: vms log verify")
    sealed = access_sealed.number_waiting(session, origin, range(max(last, size) + 1, to + 1), signed_to=size)
    if sealed is None:
        raise Corrupt("An entry of the access log is gone since the last checkpoint, or was moved. Run: vms log verify")
    found |= sealed
    added = [_leaf(key, number, found.get(number)) for number in range(size + 1, to + 1)]
    access_log.pad(session, origin, max(0, to - last))
    access_tree.grow(session, origin, size, added)
    checkpoint = Checkpoint(name, to, root(to, access_tree.subtrees(session, origin)))
    note = signed_note(checkpoint.text, name, key.public, sign(key.private, checkpoint.text.encode()))
    access_tree.add_checkpoint(session, origin, StoredCheckpoint(to, note), at)
    _make_known(session, name, key, origin)
    if notes is not None:
        notes.about_to_commit(newest.note if newest else "", note)
    return Signed(note, complete=to > last)


def sign_all(central: Engines, key: LogKey, notes: SignedNotes, clock: Clock) -> None:
    """Sign everything that was written so far, in transactions of its own; nobody signs beside it."""
    complete = False
    with notes.alone():
        while not complete:
            with central.writing() as session:
                signed = sign_checkpoint(session, key, at=clock.now(), notes=notes)
            notes.committed(signed.note)
            complete = signed.complete


def _leaf(key: LogKey, number: int, own: Own | None) -> bytes:
    return own if isinstance(own, bytes) else padding_hash(key.padding, number)


def known_key(session: Session, origin: str = DISTRICT) -> str:
    """Return the line by which others know the key that signed last, also where that key is not; empty while nothing is signed."""
    return settings.load(session).get(_KEY_OF + origin, "")


def _make_known(session: Session, name: str, key: LogKey, origin: str) -> None:
    line = verifier_key(name, key.public)
    if known_key(session, origin) != line:
        settings.put(session, {_KEY_OF + origin: line})


def trusted_checkpoint(session: Session, key: LogKey, origin: str = DISTRICT) -> Checkpoint:
    """Return the newest checkpoint; Corrupt unless it is signed by `key` and the stored tree is the one that it signed.

    NotFound when nothing is signed yet.
    """
    newest, name = access_tree.newest_checkpoint(session, origin), _name(session, origin)
    if newest is None:
        raise NotFound("No checkpoint of the access log is signed yet.")
    _ = _trusted_size(session, key, newest, name, origin)
    return read_note(newest.note)[0]


def _trusted_size(session: Session, key: LogKey, newest: StoredCheckpoint | None, name: str, origin: str) -> int:
    """Return the size of the stored tree; Corrupt unless it is, hash for hash, the one that was signed last."""
    size = newest.size if newest else 0
    fits = access_tree.size_of_tree(session, origin) == size
    if fits and newest is not None:
        fits = is_of(newest, name, key) and stored_root(session, size, origin) == read_note(newest.note)[0].root
    if not fits:
        raise Corrupt("The access log's tree is not the one that was signed last. Run: vms log verify")
    return size


def stored_root(session: Session, size: int, origin: str) -> bytes | None:
    """Return the root that the stored tiles give; None when some are missing or too short."""
    try:
        return root(size, access_tree.subtrees(session, origin))
    except IndexError:
        return None


def is_of(stored: StoredCheckpoint, name: str, key: LogKey) -> bool:
    """Say whether a stored checkpoint can be read, is signed by our key, and is of this log and size."""
    try:
        checkpoint = read_note(stored.note)[0]
    except ValueError:
        return False
    return (checkpoint.name, checkpoint.size) == (name, stored.size) and is_ours(stored.note, name, key)


def prove_entry(session: Session, number: int, *, origin: str = DISTRICT) -> Proof:
    """Return the proof that entry `number` is in the newest checkpoint's tree.

    NotFound when it is not signed yet, Corrupt when the stored tree does not give that checkpoint's root.
    """
    newest = access_tree.newest_checkpoint(session, origin)
    if newest is None or not 0 < number <= newest.size:
        raise NotFound(f"Entry {number} is in no checkpoint yet. The newest one ends at {newest.size if newest else 0}.")
    hash_at = access_tree.subtrees(session, origin)
    try:
        hashes = inclusion_proof(number - 1, newest.size, hash_at)
        if not includes(hash_at(0, number - 1), number - 1, newest.size, hashes, read_note(newest.note)[0].root):
            raise ValueError("another root")  # noqa: TRY301 - answered with the other ways in which the tree can be wrong
    except (IndexError, ValueError) as err:
        raise Corrupt(f"The access log's tree can't prove entry {number:,}: it was changed. Run: vms log verify") from err
    return Proof(number - 1, tuple(hashes), newest.note)


def is_ours(note: str, name: str, key: LogKey) -> bool:
    text = read_note(note)[1].encode()
    return any(is_signed(key.public, text, signature) for signature in signatures_by(note, name, key.public))


def _name(session: Session, origin: str) -> str:
    log = access_tree.log_of(session, origin)
    if log is None:
        raise NotFound(f"There is no access log {origin} here yet.")
    return log.name

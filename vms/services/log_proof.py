"""Prove the access log: sign what it holds, verify all of it, prove one entry.

A checkpoint signs the tree over every entry so far. An entry that is changed, taken away or moved afterwards no longer has the
hash in the tree; a tree that is made to fit no longer has the root that was signed; and a log that is made anew, key and all,
is not the one whose checkpoints somebody outside holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy.orm import Session

from vms.crypto import is_signed, sign
from vms.domain.checkpoint import (
    Checkpoint,
    Proof,
    entry_hash,
    padded,
    padding_hash,
    read_note,
    signatures_by,
    signed_note,
    verifier_key,
)
from vms.domain.merkle import inclusion_proof, root
from vms.domain.tiles import GrowingTree
from vms.errors import Corrupt, InvalidInput, NotFound
from vms.services.access_log import DISTRICT
from vms.services.log_key import LogKey
from vms.store import access_log, access_tree
from vms.store.access_tree import Entry, StoredCheckpoint

MAX_FINDINGS = 100
"""More are counted, not listed."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written."""

    number: int
    """Of the first entry that it may be about."""
    sentence: str


@dataclass(frozen=True, slots=True)
class LogReport:
    name: str
    key: str
    """The verifier key, as an outside witness holds it."""
    entries: int
    padding: int
    checkpoints: int
    signed_to: int
    """Entries behind this number are not signed yet."""
    findings: tuple[Finding, ...]
    """The first `MAX_FINDINGS`, by number."""
    found: int
    """All of them."""

    @property
    def ok(self) -> bool:
        return not self.found


def sign_checkpoint(session: Session, key: LogKey, *, at: datetime, origin: str = DISTRICT) -> str:
    """Sign everything that was written so far, and return the checkpoint's note.

    Holds the log until the transaction ends. The size grows in steps, at least one: padding fills them. Corrupt when an entry
    since the last checkpoint is gone: that is not signed over.
    """
    last = access_log.last_number(session, origin)
    newest = access_tree.newest_checkpoint(session, origin)
    size = newest.size if newest else 0
    found = {entry.number: entry_hash(entry.salt, entry.body) for entry in access_tree.entries(session, origin, after=size)}
    gone = [number for number in range(size + 1, last + 1) if number not in found]
    if gone:
        raise Corrupt(f"Entry {gone[0]} of the access log is gone since the last checkpoint. Run: vms log verify")
    to = padded(max(last, size + 1))
    added = [found.get(number) or padding_hash(key.padding, number) for number in range(size + 1, to + 1)]
    access_log.pad(session, origin, to - last)
    access_tree.grow(session, origin, size, added)
    checkpoint = Checkpoint(_name(session, origin), to, root(to, access_tree.subtrees(session, origin)))
    note = signed_note(checkpoint.text, checkpoint.name, key.public, sign(key.private, checkpoint.text.encode()))
    access_tree.add_checkpoint(session, origin, StoredCheckpoint(to, note), at)
    return note


def prove_entry(session: Session, number: int, *, origin: str = DISTRICT) -> Proof:
    """Return the proof that entry `number` is in the newest checkpoint's tree; NotFound when it is not signed yet."""
    newest = access_tree.newest_checkpoint(session, origin)
    if newest is None or not 0 < number <= newest.size:
        raise NotFound(f"Entry {number} is in no checkpoint yet. The newest one ends at {newest.size if newest else 0}.")
    hashes = inclusion_proof(number - 1, newest.size, access_tree.subtrees(session, origin))
    return Proof(number - 1, tuple(hashes), newest.note)


def verify_log(
    session: Session, key: LogKey, *, against: str | None = None, origin: str = DISTRICT, progress: Progress = lambda _done, _total: None
) -> LogReport:
    """Compare every entry with the tree, and the tree with every checkpoint.

    `against`: the note of a checkpoint that somebody else kept; InvalidInput when it is none of this log's. `progress` is told
    how many of how many numbers are done.
    """
    name = _name(session, origin)
    kept = None if against is None else _kept(against, name, key)
    verifying = _Verifying(session, key, name, origin, progress)
    verifying.run(kept)
    return verifying.report()


def _kept(note: str, name: str, key: LogKey) -> Checkpoint:
    try:
        checkpoint, _ = read_note(note)
    except ValueError as err:
        raise InvalidInput(f"What was given to compare with is {err}.") from err
    if checkpoint.name != name:
        raise InvalidInput(f"What was given to compare with is a checkpoint of {checkpoint.name}; this log is {name}.")
    if not _is_ours(note, name, key):
        raise InvalidInput("What was given to compare with is not signed by this log's key. If it was once, the key was replaced.")
    return checkpoint


def _is_ours(note: str, name: str, key: LogKey) -> bool:
    text = read_note(note)[1].encode()
    return any(is_signed(key.public, text, signature) for signature in signatures_by(note, name, key.public))


def _name(session: Session, origin: str) -> str:
    log = access_tree.log_of(session, origin)
    if log is None:
        raise NotFound(f"There is no access log {origin} here yet.")
    return log.name


class _Verifying:
    """One pass over a log's entries in order, its hashes beside them."""

    def __init__(self, session: Session, key: LogKey, name: str, origin: str, progress: Progress) -> None:
        self._session = session
        self._key = key
        self._padding = key.padding
        self._name = name
        self._origin = origin
        self._progress = progress
        self._tree = GrowingTree()
        self._entries = self._padded = self._checkpoints = self._signed_to = self._found = 0
        self._hashes_gone = False
        self._findings: list[Finding] = []

    def report(self) -> LogReport:
        return LogReport(
            name=self._name,
            key=verifier_key(self._name, self._key.public),
            entries=self._entries,
            padding=self._padded,
            checkpoints=self._checkpoints,
            signed_to=self._signed_to,
            findings=tuple(self._findings),
            found=self._found,
        )

    def run(self, kept: Checkpoint | None) -> None:
        log = access_tree.log_of(self._session, self._origin)
        last = log.last_number if log else 0
        rows = _Numbered(access_tree.entries(self._session, self._origin))
        leaves = access_tree.leaves(self._session, self._origin)
        for stored in access_tree.checkpoints(self._session, self._origin):
            self._compare_to(stored.size, rows, leaves, last)
            self._compare_signed(stored)
            if kept is not None and kept.size == stored.size:
                self._compare_kept(kept)
                kept = None
        if next(leaves, None) is not None:
            self._find(self._signed_to + 1, "The tree goes on behind the newest checkpoint: a checkpoint was taken away.")
        elif kept is not None:
            self._find(self._signed_to + 1, f"A checkpoint over {kept.size:,} entries was signed once; here is none of that size.")
        self._compare_unsigned(rows, last)

    def _compare_to(self, size: int, rows: _Numbered, leaves: Iterator[bytes], last: int) -> None:
        """Take the entries up to a checkpoint's size: their own hashes, those in the tree, and what is padding."""
        for number in range(self._tree.size + 1, size + 1):
            leaf, entry = next(leaves, None), rows.take(number)
            if leaf is None and not self._hashes_gone:
                self._hashes_gone = True
                self._find(number, f"The tree's hashes from entry {number:,} on are gone; entries are compared with the signatures alone.")
            if entry is not None:
                self._entries += 1
                own = entry_hash(entry.salt, entry.body)
                if leaf not in (None, own):
                    self._find(number, f"Entry {number:,} was changed after it was signed.")
            else:
                own = padding_hash(self._padding, number)
                if leaf in (None, own):
                    self._padded += 1
                else:
                    self._find(number, f"Entry {number:,} was taken away after it was signed.")
            self._tree.add(leaf or own)
        self._progress(size, last)

    def _compare_signed(self, stored: StoredCheckpoint) -> None:
        first, self._signed_to = self._signed_to + 1, stored.size
        self._checkpoints += 1
        try:
            checkpoint = read_note(stored.note)[0]
        except ValueError as err:
            self._find(first, f"The checkpoint over {stored.size:,} entries can't be read: it is {err}.")
            return
        if (checkpoint.name, checkpoint.size) != (self._name, stored.size) or not _is_ours(stored.note, self._name, self._key):
            self._find(first, f"The checkpoint over {stored.size:,} entries is not signed by this log's key.")
        elif checkpoint.root != self._tree.root():
            self._find(first, f"The tree is not the one that was signed at {stored.size:,}: something up to there was changed.")

    def _compare_kept(self, kept: Checkpoint) -> None:
        if kept.root != self._tree.root():
            self._find(1, f"Somebody outside keeps another checkpoint over {kept.size:,} entries: this is not the log that was signed.")

    def _compare_unsigned(self, rows: _Numbered, last: int) -> None:
        for number in range(self._tree.size + 1, last + 1):
            if rows.take(number) is None:
                self._find(number, f"Entry {number:,} was taken away.")
            else:
                self._entries += 1
        for number in rows.rest():
            self._find(number, f"Entry {number:,} stands behind the end of the log, which is {last:,}.")
        self._progress(last, last)

    def _find(self, number: int, sentence: str) -> None:
        self._found += 1
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(number, sentence))


class _Numbered:
    """Entries in order, asked for by number; what is passed over comes again at the end."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = next(entries, None)

    def take(self, number: int) -> Entry | None:
        if self._next is None or self._next.number != number:
            return None
        taken, self._next = self._next, next(self._entries, None)
        return taken

    def rest(self) -> Iterator[int]:
        if self._next is not None:
            yield from (entry.number for entry in chain([self._next], self._entries))

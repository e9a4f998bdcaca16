"""Verify the access log: compare every entry with the tree, and the tree with every checkpoint.

An entry that is changed, taken away or moved after it was signed no longer has the hash in the tree; a tree that is made to fit no
longer has the root that was signed; and a log that is made anew, key and all, is not the one whose checkpoints somebody outside holds.
What the district's rule erased keeps its hash, and the entry that says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from sqlalchemy.orm import Session

from vms.crypto import is_signed
from vms.domain.checkpoint import Checkpoint, padding_hash, read_note, verifier_key
from vms.domain.log_erasure import Erasure, told_by_text
from vms.domain.merkle import EMPTY_ROOT, HASH_BYTES
from vms.domain.tiles import TILE_HASHES, GrowingTree, hashes_of
from vms.errors import InvalidInput, NotFound
from vms.services.access_log import DISTRICT
from vms.services.log_key import LogKey
from vms.services.log_proof import is_of, is_ours, stored_root
from vms.services.signed_notes import SignedNotes
from vms.store import access_sealed, access_tree
from vms.store.access_tree import Hashed, Own, StoredCheckpoint

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
    erased: int
    """Of the entries; by the district's rule, as other entries say."""
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


def verify_log(
    session: Session,
    key: LogKey,
    *,
    against: str | None = None,
    notes: SignedNotes | None = None,
    origin: str = DISTRICT,
    progress: Progress = lambda _done, _total: None,
) -> LogReport:
    """Compare every entry with the tree, and the tree with every checkpoint; one state of the database.

    `against`: the note of a checkpoint that somebody else kept; InvalidInput when it is none of this log's. `notes`: what was
    signed here last. `progress` is told how many of how many numbers are done.
    """
    name = access_tree.log_of(session, origin)
    if name is None and next(access_tree.entry_hashes(session, origin), None) is None:
        raise NotFound(f"There is no access log {origin} here yet.")
    verifying = _Verifying(session, key, name.name if name else "", origin, progress)
    verifying.run(None if against is None else _kept(against, key), notes)
    return verifying.report()


def _kept(note: str, key: LogKey) -> Checkpoint:
    try:
        checkpoint, _ = read_note(note)
    except ValueError as err:
        raise InvalidInput(f"What was given to compare with is {err}.") from err
    if not is_ours(note, checkpoint.name, key):
        raise InvalidInput("What was given to compare with is not signed by this log's key. If it was once, the key was replaced.")
    return checkpoint


@dataclass(frozen=True, slots=True)
class _Run:
    """Entries that were erased at once."""

    first: int
    last: int
    count: int

    @property
    def named(self) -> str:
        return f"Entry {self.first:,} was" if self.count == 1 else f"{self.count:,} entries from {self.first:,} to {self.last:,} were"


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
        self._rows = _Numbered(access_sealed.hashes_among(session, origin, access_tree.entry_hashes(session, origin)))
        self._tiles = _Tiles(access_tree.leaf_tiles(session, origin))
        self._in_tiles = access_tree.size_of_tree(session, origin)
        self._entries = self._padded = self._checkpoints = self._signed_to = self._found = 0
        self._hashes_gone = False
        self._key_fits = True
        self._findings: list[Finding] = []
        self._erased: dict[int, _Run] = {}
        """By the number of the entry that says so."""

    def report(self) -> LogReport:
        """What is sealed was compared like any other entry, and counts as the padding that it stands for."""
        sealed = access_sealed.numbered(self._session, self._origin, until=self._signed_to)
        return LogReport(
            name=self._name,
            key=verifier_key(self._name, self._key.public),
            entries=self._entries - sealed,
            padding=self._padded + sealed,
            erased=sum(run.count for run in self._erased.values()),
            checkpoints=self._checkpoints,
            signed_to=self._signed_to,
            findings=tuple(sorted(self._findings, key=lambda one: one.number)),
            found=self._found,
        )

    def run(self, kept: Checkpoint | None, notes: SignedNotes | None) -> None:
        log = access_tree.log_of(self._session, self._origin)
        if log is None:
            self._find(1, "The log's own row, with its name and its newest number, was taken away.")
        last = log.last_number if log else 0
        self._look_at_the_table()
        self._look_at_the_key()
        stored = self._compare_checkpoints(kept, last)
        self._compare_newest(stored, kept, notes)
        self._compare_unsigned(last)
        self._look_at_what_waits()
        self._look_at_what_was_erased()

    def _look_at_what_was_erased(self) -> None:
        """Every erased entry is covered by an entry behind it that the log's key signed for that."""
        for told_by, run in self._erased.items():
            told = told_by_text(access_tree.body_at(self._session, self._origin, told_by))
            erasure, signature = told or (Erasure(0, 0, 0), b"")
            covered = erasure.first <= run.first and run.last <= erasure.last < told_by
            if not (covered and is_signed(self._key.public, erasure.signed_text(self._name), signature)):
                self._find(run.first, f"{run.named} erased, and no entry of the log's own says so.")

    def _look_at_what_waits(self) -> None:
        first = self._signed_to + 1
        if not access_sealed.none_is_gone(self._session, self._origin):
            self._find(first, "An entry was taken away before it was signed, or one was put in.")
        if strays := access_sealed.astray(self._session, self._origin, signed_to=max(self._signed_to, self._in_tiles)):
            self._find(first, f"{strays:,} rows have a number that was not signed: whoever signs gave it to none of them.")
        other = access_sealed.of_another_type(self._session, self._origin)
        if other.rows:
            self._find(other.first or first, f"{other.rows:,} rows hold what is of another type than the log writes: they were changed.")

    def _look_at_the_table(self) -> None:
        for column in access_tree.not_from_the_body(self._session):
            self._find(1, f"The table of entries was rebuilt: its column {column} may say something else than the entries.")
        if strays := access_tree.before_the_first(self._session, self._origin):
            self._find(1, f"{strays:,} rows stand before the first entry: the log wrote none of them.")

    def _look_at_the_key(self) -> None:
        """Padding is told from what was taken away by the key that made it: with another key nothing is said of either."""
        newest = access_tree.newest_checkpoint(self._session, self._origin)
        first = next(access_tree.checkpoints(self._session, self._origin), None)
        self._key_fits = newest is None or first is None or any(is_of(stored, self._name, self._key) for stored in (first, newest))
        if not self._key_fits:
            self._find(1, "The log was signed by another key than the one in secrets/, or it was given another name.")

    def _compare_checkpoints(self, kept: Checkpoint | None, last: int) -> StoredCheckpoint | None:
        """Go from checkpoint to checkpoint; return the newest."""
        newest = None
        for stored in access_tree.checkpoints(self._session, self._origin):
            if stored.size > max(self._in_tiles, last):
                self._find(self._signed_to + 1, f"A checkpoint is over {stored.size:,} entries; so many there never were.")
                break
            newest = stored
            self._compare_to(stored.size, last)
            self._compare_signed(stored)
            if kept is not None and kept.size == stored.size and kept.root != self._tree.root():
                self._find(1, f"Somebody outside keeps another checkpoint over {kept.size:,} entries: this is not the log that was signed.")
            if kept is not None and kept.size == stored.size and kept.name != self._name:
                self._find(1, f"Somebody outside keeps a checkpoint of {kept.name}, by this log's key; the log calls itself {self._name}.")
        return newest

    def _compare_newest(self, newest: StoredCheckpoint | None, kept: Checkpoint | None, notes: SignedNotes | None) -> None:
        """Compare where the checkpoints end with where the tree ends, and with what others remember."""
        first = self._signed_to + 1
        if self._in_tiles > self._signed_to:
            self._find(first, "The tree goes on behind the newest checkpoint: a checkpoint was taken away.")
        elif newest is not None and not self._hashes_gone and stored_root(self._session, newest.size, self._origin) != self._tree.root():
            self._find(1, "The tree's upper hashes are not those over its lower ones: they were changed.")
        if kept is not None and kept.size not in self._sizes():
            self._find(first, f"A checkpoint over {kept.size:,} entries was signed once; here is none of that size.")
        known = notes.known() if notes is not None else None
        if known is not None and (newest.note if newest else "") not in known:
            self._find(first, "What was signed last is not the newest checkpoint: the log was cut back, or a checkpoint replaced.")

    def _sizes(self) -> frozenset[int]:
        return frozenset(stored.size for stored in access_tree.checkpoints(self._session, self._origin))

    def _compare_to(self, size: int, last: int) -> None:
        """Take the entries up to a checkpoint's size, a tile at a time: their own hashes, those in the tree, and what is padding."""
        while self._tree.size < size:
            first = self._tree.size + 1
            count = min(TILE_HASHES - self._tree.size % TILE_HASHES, size - self._tree.size)
            own, octets = self._rows.take(first, count), self._tiles.take(first, count)
            there = [one for one in own if isinstance(one, bytes)]
            if len(there) == count and len(octets) == count * HASH_BYTES and b"".join(there) == octets:
                self._entries += count
                self._tree.add(there)
            else:
                leaves = chain(hashes_of(octets), repeat(None))
                self._tree.add([self._compare(*one) for one in zip(range(first, first + count), leaves, own, strict=False)])
        self._progress(size, last)

    def _compare(self, number: int, leaf: bytes | None, own: Own | None) -> bytes:
        """Compare the hash in the tree with that of the number's entry; return the hash to go on with."""
        if leaf is None and not self._hashes_gone:
            self._hashes_gone = True
            self._find(number, f"The tree's hashes from entry {number:,} on are gone; entries are compared with the signatures alone.")
        if leaf is not None and leaf == own:
            self._entries += 1
            return leaf
        padding = padding_hash(self._padding, number)
        match own:
            case None:
                if leaf in (None, padding) or not self._key_fits:
                    self._padded += 1
                else:
                    self._find(number, f"Entry {number:,} was taken away after it was signed.")
                return leaf or padding
            case int():
                self._count_erased(number, own)
                own = leaf or EMPTY_ROOT
            case _:
                self._entries += 1
        if leaf is not None and (leaf != own or leaf == padding):
            self._find(number, f"Entry {number:,} was {'put in' if leaf == padding else 'changed'} after it was signed.")
        return leaf or own

    def _count_erased(self, number: int, told_by: int) -> None:
        self._entries += 1
        run = self._erased.get(told_by, _Run(number, number, 0))
        self._erased[told_by] = _Run(run.first, number, run.count + 1)

    def _compare_signed(self, stored: StoredCheckpoint) -> None:
        first, self._signed_to = self._signed_to + 1, stored.size
        self._checkpoints += 1
        try:
            checkpoint = read_note(stored.note)[0]
        except ValueError as err:
            self._find(first, f"The checkpoint over {stored.size:,} entries can't be read: it is {err}.")
            return
        if not is_of(stored, self._name, self._key):
            self._find(first, f"The checkpoint over {stored.size:,} entries is not signed by this log's key.")
        elif checkpoint.root != self._tree.root():
            self._find(first, f"The tree is not the one that was signed at {stored.size:,}: something up to there was changed.")

    def _compare_unsigned(self, last: int) -> None:
        """Go on behind the newest checkpoint, where no sealed entry has a number."""
        unsigned = _Numbered(access_tree.entry_hashes(self._session, self._origin, after=self._tree.size))
        for number in range(self._tree.size + 1, last + 1):
            (own,) = unsigned.take(number, 1)
            if isinstance(own, int):
                self._count_erased(number, own)
            elif own is not None:
                self._entries += 1
            elif unsigned.ended:
                self._find(number, f"Entry {number:,} was taken away, and what followed up to {last:,}.")
                break
            else:
                self._find(number, f"Entry {number:,} was taken away.")
        for number in unsigned.rest():
            self._find(number, f"Entry {number:,} stands behind the end of the log, which is {last:,}.")
        self._progress(last, last)

    def _find(self, number: int, sentence: str) -> None:
        self._found += 1
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(number, sentence))


class _Numbered:
    """Hashes of entries in order, asked for by number; what is passed over comes again at the end."""

    def __init__(self, pages: Iterator[Hashed]) -> None:
        self._pages = pages
        self._numbers: list[int] = []
        self._hashes: list[Own] = []
        self._at = 0

    def take(self, first: int, count: int) -> list[Own | None]:
        """Return the hashes of so many numbers from `first`; None for each without an entry."""
        self._read_on(count)
        end = bisect_left(self._numbers, first + count, self._at)
        numbers, hashes = self._numbers[self._at : end], self._hashes[self._at : end]
        if numbers and numbers[0] < first:
            return [None] * count
        self._at = end
        if len(numbers) == count:
            return [*hashes]
        found = dict(zip(numbers, hashes, strict=True))
        return [found.get(number) for number in range(first, first + count)]

    @property
    def ended(self) -> bool:
        self._read_on(1)
        return self._at == len(self._numbers)

    def rest(self) -> Iterator[int]:
        while not self.ended:
            yield self._numbers[self._at]
            self._at += 1

    def _read_on(self, count: int) -> None:
        """Hold the next `count` entries, or as many as there are."""
        while len(self._numbers) - self._at < count and (page := next(self._pages, None)) is not None:
            numbers, hashes = page
            self._numbers[: self._at], self._hashes[: self._at] = [], []
            self._at = 0
            self._numbers += numbers
            self._hashes += hashes


class _Tiles:
    """The hashes of the tree's leaves, asked for in order."""

    def __init__(self, tiles: Iterator[tuple[int, bytes]]) -> None:
        self._tiles = tiles
        self._number, self._octets = -1, b""

    def take(self, first: int, count: int) -> bytes:
        """Return the hashes of so many numbers from `first`, which lie in one tile, as far as they are there."""
        number, at = divmod(first - 1, TILE_HASHES)
        while self._number < number:
            self._number, self._octets = next(self._tiles, (number, b""))
        return self._octets[at * HASH_BYTES : (at + count) * HASH_BYTES] if self._number == number else b""

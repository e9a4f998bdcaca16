"""The key store: camera-hour keys in two SQLite files on different paths, wrapped under the node's key-encryption key (KEK).

Losing both copies loses all footage; keeping a destroyed key keeps footage that should be gone. Hence two rules. A key is
handed out only when both copies hold it. A destruction that reached one copy is carried out in the other before anything else.

Writers of all processes take one lock file, then read both copies, then commit copy 1, then copy 2. Each commit is whole
(`vms.store.key_copy`). What a kill or power cut leaves:

Creation of keys (C)
  C1 lock, read both copies                   nothing changed
  C2 copy 1 committed     `keys:create:b`     copy 1 alone has keys that nobody has used: C3 is yet to come before the call
                                              returns. The next `open`, or the next call for the same hour, copies them over.
  C3 copy 2 committed     `keys:create:c`     both have them; the call returns
Destruction of a key (D); in the same commit each segment that is to outlive it, a survivor, gets a key that opens it alone
  D1 lock, read both copies                   nothing changed
  D2 copy 1 committed     `keys:destroy:b`    copy 1 has the tombstone and the survivors, copy 2 still the key. Look-ups read copy 1:
                                              gone at once. The next `open`, `destroy` or creation of this key carries it out in copy 2.
  D3 copy 2 committed     `keys:destroy:c`    gone from both, and both have the survivors
Destruction of a survivor's key (F); none is ever added to an hour whose key is destroyed, so what one copy lacks is destroyed
  F1 lock, read both copies                   nothing changed
  F2 copy 1 committed     `keys:forget:b`     copy 1 lacks it, copy 2 still has it. Look-ups read copy 1: gone at once.
                                              The next `open`, `forget` or destruction in this hour carries it out in copy 2.
  F3 copy 2 committed     `keys:forget:c`     gone from both
Rotation of the KEK: a key opens whose KEK is there, whichever copy and row it is; new ones go under the newest (W)
  W1 lock, read a page of keys                both KEKs are needed
  W2 the page in copy 1   `keys:rewrap:b`     the same keys in both copies, wrapped differently: the same key all the same
  W3 the page in copy 2   `keys:rewrap:c`     the page needs the new KEK alone; so does the next, until none is left
  W4 check value, copy 1  `keys:rewrap:d`     copy 2 still names the old KEK; both files open while both KEKs are there
  W5 check value, copy 2  `keys:rewrap:e`     nobody wraps under the old KEK; it may go when both copies were read and none needs it
Reconciliation at `open` is the same merge over all rows, under the lock; cut short, it begins again. A tombstone stays for ever:
a copy restored from an old backup loses the key again, and the survivors that are forgotten. Two different keys of one hour or
segment mean that the copies belong to different stores: nothing is guessed, `open` refuses. Damage here is `Unavailable`, never
`Corrupt`: it says nothing about the footage, and recovery must not throw that away for it. Layout: vms/FORMATS.md §6.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from vms.crypto import KEY_BYTES, KeySource, first_fitting, random_bytes
from vms.domain.ids import CameraId, SegmentId, split_segment_id
from vms.domain.timespan import MS_PER_HOUR, ms_of
from vms.errors import ConfigError, Unavailable
from vms.log import get_logger
from vms.store.database import linked_sqlite, refuse_old_sqlite
from vms.store.failpoints import failpoint
from vms.store.key_copy import FORMAT, FORMAT_WITHOUT_SURVIVORS, Copy, Entry, KeyName

__all__ = ["CREATE_STEPS", "DESTROY_STEPS", "FORGET_STEPS", "LOCK_NAME", "REWRAP_STEPS", "KeyName", "KeyStore", "Rewrapped"]

LOCK_NAME = "keys.lock"
CREATE_STEPS = ("keys:create:a", "keys:create:b", "keys:create:c")
DESTROY_STEPS = ("keys:destroy:a", "keys:destroy:b", "keys:destroy:c")
FORGET_STEPS = ("keys:forget:a", "keys:forget:b", "keys:forget:c")
REWRAP_STEPS = ("keys:rewrap:b", "keys:rewrap:c", "keys:rewrap:d", "keys:rewrap:e")
REWRAP_PAGE = 500
"""Keys in one commit of a rotation: the recorder waits that long at most when it needs a new hour's."""
_KEK_CHECK = b"custodian key store check value."
"""Wrapped under the key-encryption key in each copy: a wrong one is found out before any key is made with it."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a rotation did to one page of keys."""

    last: KeyName | None
    """The last key looked at; None behind the end."""
    wrapped: int


class KeyStore:
    """Both copies, open. Threads may share it; processes each open their own."""

    def __init__(self, copies: tuple[Copy, Copy], keks: KeySource, lock_fd: int) -> None:
        """Use `open`."""
        self._copies = copies
        self._keks = keks
        self._lock_fd = lock_fd
        self._threads = threading.RLock()

    @classmethod
    def open(cls, path1: Path, path2: Path, keks: KeySource) -> KeyStore:
        """Open both copies, made when they are not there, and bring them to agree.

        Raises ConfigError when the store was made with none of `keks`, Unavailable when a copy is damaged or
        belongs to another store.
        """
        refuse_old_sqlite(linked_sqlite())
        with ExitStack() as undo:
            lock_fd = _open_lock(path1.parent / LOCK_NAME)
            undo.callback(os.close, lock_fd)
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            copies = _opened(path1, undo), _opened(path2, undo)
            _bring_together(*copies, keks)
            fcntl.flock(lock_fd, fcntl.LOCK_UN)
            undo.pop_all()
        return cls(copies, keks, lock_fd)

    def hour_key(self, camera: CameraId, hour: int, *, create: bool = False) -> bytes | None:
        """Return the key of `camera` for the hour that began `hour` hours after the epoch; None when it never was or is destroyed.

        `create`: make it when it never was; then both copies hold it when this returns.
        """
        if create:
            return self.ensure(camera, [hour]).get(hour)
        return self._read(lambda copy: copy.wrapped((camera, hour)))

    def survivor_key(self, camera: CameraId, hour: int, segment: SegmentId) -> bytes | None:
        """Return the key that `segment` was left when that of its hour was destroyed; None when it was left none, or that is gone, too."""
        return self._read(lambda copy: copy.survivor((camera, hour), segment))

    def ensure(self, camera: CameraId, hours: Iterable[int]) -> dict[int, bytes]:
        """Return the keys of these hours, made where they never were. A destroyed one is left out and is not made again."""
        return {hour: key for (_, hour), key in self.ensure_all([(camera, hour) for hour in hours]).items()}

    def ensure_all(self, names: Iterable[KeyName]) -> dict[KeyName, bytes]:
        """Do what `ensure` does for many cameras, with one commit in each copy."""
        wanted = list(dict.fromkeys(names))
        with self._writing() as (first, second):
            held = first.entries(wanted), second.entries(wanted)
            newest = self._newest()
            merged = _merged(*held, self._keks)
            failpoint("keys:create:a")
            for name in wanted:
                if name not in merged:
                    merged[name] = Entry(aes_key_wrap(newest, random_bytes(KEY_BYTES)), None)
            first.put(_changes(held[0], merged))  # C2
            failpoint("keys:create:b")
            second.put(_changes(held[1], merged))  # C3
            failpoint("keys:create:c")
        return {name: key for name, entry in merged.items() if (key := self._opened(entry.wrapped)) is not None}

    def destroy(self, survivors: Mapping[KeyName, Mapping[SegmentId, bytes]], *, at: datetime) -> None:
        """Destroy the keys of these hours in both copies; in the same commit each of the segments named keeps one that opens it alone.

        A key that never was is destroyed all the same. Of an hour whose key is destroyed already, survivors that are not named go, and
        none is added.
        """
        with self._writing() as (first, second):
            held = first.entries(survivors), second.entries(survivors)
            newest = self._newest() if any(survivors.values()) else b""
            merged = _merged(*held, self._keks)
            failpoint("keys:destroy:a")
            for name, left in survivors.items():
                known = merged.get(name)
                if known is not None and known.wrapped is None:
                    merged[name] = replace(known, survivors={one: key for one, key in known.survivors.items() if one in left})
                else:
                    merged[name] = Entry(None, ms_of(at), {one: aes_key_wrap(newest, key) for one, key in left.items()})
            first.put(_changes(held[0], merged))  # D2
            failpoint("keys:destroy:b")
            second.put(_changes(held[1], merged))  # D3
            failpoint("keys:destroy:c")

    def forget(self, camera: CameraId, segments: Iterable[SegmentId]) -> None:
        """Destroy the keys that these segments of a camera were left; most were left none, since that of their hour is there."""
        going = set(segments)
        names = list(dict.fromkeys((camera, split_segment_id(one)[1] // MS_PER_HOUR) for one in going))
        with self._writing() as (first, second):
            held = first.entries(names), second.entries(names)
            failpoint("keys:forget:a")
            merged = {
                name: replace(entry, survivors={one: key for one, key in entry.survivors.items() if one not in going})
                for name, entry in _merged(*held, self._keks).items()
            }
            first.put(_changes(held[0], merged))  # F2
            failpoint("keys:forget:b")
            second.put(_changes(held[1], merged))  # F3
            failpoint("keys:forget:c")

    def hours(self, camera: CameraId, *, before: int) -> list[int]:
        """Return the hours (since 1970) before `before` of which a camera has a key."""
        with self._threads:
            return self._copies[0].hours(camera, before)

    def outlived_hours(self, camera: CameraId, *, before: int) -> list[int]:
        """Return the hours (since 1970) before `before` whose key is destroyed while segments of a camera outlive it."""
        with self._threads:
            return self._copies[0].outlived_hours(camera, before)

    def destroyed(self, camera: CameraId, hours: Iterable[int]) -> dict[int, int | None]:
        """Return of each hour (since 1970) that ever had a key when that was destroyed, in ms since 1970; None while it is there."""
        with self._threads:
            found = self._copies[0].entries([(camera, hour) for hour in hours])
        return {hour: entry.destroyed_ms if entry.wrapped is None else None for (_, hour), entry in found.items()}

    def count(self) -> int:
        """Return how many keys there are, of hours and of segments that outlive theirs."""
        with self._threads:
            return self._copies[0].count()

    def rewrap(self, after: KeyName | None = None) -> Rewrapped:
        """Wrap the page of keys behind `after` under the newest KEK, those that are not; one that opens with none stays as it is."""
        with self._writing() as (first, second):
            names = list(first.page(after, REWRAP_PAGE))
            held = first.entries(names), second.entries(names)
            newest = self._keks.fresh()[-1]
            merged = _merged(*held, self._keks)
            anew = {name: self._wrapped_anew(entry, newest) for name, entry in merged.items()}
            first.put(_changes(held[0], anew))  # W2
            failpoint("keys:rewrap:b")
            second.put(_changes(held[1], anew))  # W3
            failpoint("keys:rewrap:c")
        changed = (len(set(anew[name].keys) - set(entry.keys)) for name, entry in merged.items())
        return Rewrapped(names[-1] if names else None, sum(changed))

    def unopenable(self, keks: tuple[bytes, ...]) -> set[KeyName]:
        """Return the hours of which a key opens with none of `keks` in one of the copies. It takes no lock: a page at a time is read."""
        found: set[KeyName] = set()
        for copy in self._copies:
            after: KeyName | None = None
            while True:
                with self._threads:
                    page = copy.page(after, REWRAP_PAGE)
                if not page:
                    break
                found.update(name for name, entry in page.items() if not all(_opens(keks, wrapped) for wrapped in entry.keys))
                after = max(page)
        return found

    def settle(self) -> None:
        """Name the newest KEK as the one that the store needs: from then on nobody wraps under another."""
        with self._writing() as copies:
            check = aes_key_wrap(self._keks.fresh()[-1], _KEK_CHECK)
            for copy, step in zip(copies, ("keys:rewrap:d", "keys:rewrap:e"), strict=True):
                copy.name_kek(check)  # W4, W5
                failpoint(step)

    def close(self) -> None:
        with self._threads:
            for copy in self._copies:
                copy.close()
            os.close(self._lock_fd)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Copy, Copy]]:
        """Be the only writer of all threads and processes; the system lets go of the lock when a process dies."""
        with self._threads:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
            try:
                yield self._copies
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _newest(self) -> bytes:
        """Return the KEK for new keys. Where its file is away for a while, the one that is held serves as long as the store needs it.

        A process that has only a key which the store no longer names makes none: nobody may have that one any more soon.
        """
        try:
            keys, reason = self._keks.fresh(), None
        except ConfigError as err:
            keys, reason = self._keks.held()[-1:], err
        if not self._needs_one_of(keys):
            raise Unavailable(
                f"No key for a new hour: {reason or 'the key store was rotated. Start this anew with the new key.'}"
            ) from reason
        return keys[-1]

    def _needs_one_of(self, keks: tuple[bytes, ...]) -> bool:
        identity = self._copies[0].identity()
        return identity is not None and identity[2] in [aes_key_wrap(kek, _KEK_CHECK) for kek in keks]

    def _read(self, read: Callable[[Copy], bytes | None]) -> bytes | None:
        """Return the key that `read` finds wrapped in copy 1, None for none."""
        with self._threads:
            wrapped = read(self._copies[0])
            if wrapped is None:
                return None
            # What was read may be older than a rotation that has just ended: then it is read again.
            return _unwrapped(self._keks, wrapped) or self._opened(read(self._copies[0]))

    def _wrapped_anew(self, entry: Entry, newest: bytes) -> Entry:
        def anew(wrapped: bytes) -> bytes:
            if _unwrapped_by(newest, wrapped) is not None:
                return wrapped
            key = _unwrapped(self._keks, wrapped)
            return wrapped if key is None else aes_key_wrap(newest, key)

        hour = None if entry.wrapped is None else anew(entry.wrapped)
        return replace(entry, wrapped=hour, survivors={one: anew(key) for one, key in entry.survivors.items()})

    def _opened(self, wrapped: bytes | None) -> bytes | None:
        """Return the key itself, None for none; Unavailable when it opens with no KEK that is here."""
        if wrapped is None:
            return None
        key = _unwrapped(self._keks, wrapped)
        if key is None and not self._needs_one_of(self._keks.held()):
            raise Unavailable(f"{self._copies[0].path} was rotated to a key that this process does not have. Start it anew with that.")
        if key is None:
            raise Unavailable(f"A key in {self._copies[0].path} is damaged. Move that file away: it is made again from the other copy.")
        return key


def _opened(path: Path, undo: ExitStack) -> Copy:
    try:
        copy = Copy(path)
    except OSError as err:
        raise ConfigError(f"{path} can't be opened: {err.strerror}. Is its disk mounted, and the folder there?") from err
    undo.callback(copy.close)
    return copy


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise ConfigError(f"{path} can't be opened: {err.strerror}. Is its disk mounted, and the folder there?") from err


def _bring_together(first: Copy, second: Copy, keks: KeySource) -> None:
    """Make both copies one store with the same rows."""
    _identify(first, second, keks)
    held = first.entries(), second.entries()
    merged = _merged(*held, keks)
    for copy, rows in zip((first, second), held, strict=True):
        missing = _changes(rows, merged)
        if missing:
            log.warning("key store copy completed from the other", path=str(copy.path), keys=len(missing))
        copy.put(missing)


def _identify(first: Copy, second: Copy, keks: KeySource) -> None:
    known = tuple(aes_key_wrap(kek, _KEK_CHECK) for kek in keks.fresh())
    found = {copy: identity for copy in (first, second) if (identity := copy.identity()) is not None}
    for copy, (number, _, _check) in found.items():
        if number not in (FORMAT, FORMAT_WITHOUT_SURVIVORS):
            raise ConfigError(f"{copy.path} has format {number}; this program knows format {FORMAT}. Run the version that wrote it.")
    strange = [copy for copy, (_, _, check) in found.items() if check not in known]
    if strange and len(strange) < len(found):
        fitting = next(copy for copy in found if copy not in strange)
        raise ConfigError(
            f"{strange[0].path} needs another key than {fitting.path}. If secrets/ was put back from a backup, put back the newer "
            f"node_kek.key; only if {strange[0].path} itself was put back, move it away."
        )
    if strange:
        raise ConfigError(
            f"{strange[0].path} was made with another node key. Keep secrets/node_kek.key under another name and put back the right one; "
            "without that the footage can't be read."
        )
    ids = {store_id for _, store_id, _ in found.values()}
    if len(ids) > 1:
        raise Unavailable(f"{first.path} and {second.path} belong to different key stores. Put back the copy that belongs here.")
    store_id = next(iter(ids), str(uuid.uuid4()))
    for copy in (first, second):
        if copy not in found:
            copy.identify(store_id, known[-1])
        elif found[copy][0] != FORMAT:
            copy.bring_up_to_date()


def _merged(first: dict[KeyName, Entry], second: dict[KeyName, Entry], keks: KeySource) -> dict[KeyName, Entry]:
    """Return what both copies should hold: a destruction in either wins, a key in one is the key of both."""
    both = {name: _agreed(name, first[name], second[name], keks) for name in first.keys() & second.keys()}
    return {**second, **first, **both}


def _agreed(name: KeyName, ours: Entry, theirs: Entry, keks: KeySource) -> Entry:
    """Return what both copies should hold of an hour that both know. Of survivors only those that none has destroyed."""
    if ours == theirs:
        return ours
    if ours.wrapped is None and theirs.wrapped is None:
        left = {one: key for one, key in ours.survivors.items() if one in theirs.survivors}
        pairs = [(key, theirs.survivors[one]) for one, key in left.items()]
        agreed = replace(ours, survivors=left)
    elif ours.wrapped is None or theirs.wrapped is None:
        return ours if ours.wrapped is None else theirs
    else:
        pairs, agreed = [(ours.wrapped, theirs.wrapped)], ours
    if not all(one == other or _same_key(one, other, keks) for one, other in pairs):
        raise Unavailable(
            f"The key store's copies hold different keys of camera {name[0]}, hour {name[1]}. Put back the copy that belongs here."
        )
    return agreed


def _same_key(ours: bytes, theirs: bytes, keks: KeySource) -> bool:
    """Say whether two wrapped keys are one, under two KEKs."""
    key = _unwrapped(keks, ours)
    return key is not None and key == _unwrapped(keks, theirs)


def _unwrapped(keks: KeySource, wrapped: bytes) -> bytes | None:
    """Return a key, None when it opens with no KEK that is there; Unavailable while these can't be read."""
    try:
        return first_fitting(keks, lambda kek: _unwrapped_by(kek, wrapped))
    except ConfigError as err:
        raise Unavailable(f"A key of footage can't be opened now: {err}") from err


def _opens(keks: tuple[bytes, ...], wrapped: bytes) -> bool:
    return any(_unwrapped_by(kek, wrapped) is not None for kek in keks)


def _unwrapped_by(kek: bytes, wrapped: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap:
        return None


def _changes(held: dict[KeyName, Entry], wanted: dict[KeyName, Entry]) -> dict[KeyName, Entry]:
    return {name: entry for name, entry in wanted.items() if held.get(name) != entry}

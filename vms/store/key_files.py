"""The file of a key that wraps others and, beside it while a rotation is open, that of the next.

No key is written over but by the rename that ends a rotation.

`NAME` is the current key, `NAME.next` the next one: 32 octets each, for their owner alone. What a kill or power cut leaves:

  b  next key: `NAME.next.tmp` written and synced, renamed to `NAME.next`, folder synced      before: nothing; after: both keys
  g  `NAME.next` renamed over `NAME`                                                          one key or both: the disk decides
  h  folder synced                                                                            the new key alone

A process that finds a next key which it does not hold yet syncs the folder before it uses it: the kill may have come before b's sync.

The steps between are those of `vms/services/key_rotation.py`. What is sealed or wrapped anew goes under the newest key that is
there, so b makes the next key count, and both open until g.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from vms.crypto import KEY_BYTES, random_bytes
from vms.domain.timespan import datetime_of_ms
from vms.errors import ConfigError, Conflict, Unavailable
from vms.store.failpoints import failpoint
from vms.store.files import fsync_dir
from vms.store.private_files import write_private

_OWNER_ONLY = 0o600


class KeyFiles:
    """A `KeySource`: one key's files. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.next_path = path.with_name(f"{path.name}.next")
        self._held: tuple[bytes, ...] = ()

    def held(self) -> tuple[bytes, ...]:
        """Return the keys as they were last read: a process that has them goes on when the files are away for a while."""
        return self._held or self.fresh()

    def fresh(self) -> tuple[bytes, ...]:
        """Read the current key and, while a rotation is open, the next one behind it.

        Whoever meets a next key makes it durable first: nothing may go under one that a power cut takes away.
        """
        # The next one first: a rotation that ends between the two reads has moved it to where the second looks.
        following = read_key(self.next_path)
        current = read_key(self.path)
        if current is None:
            raise ConfigError(
                f"{self.path} is gone. Put it back from the backup of secrets/: without it nothing that it wraps can be read."
            )
        found = (current,) if following in (None, current) else (current, following)
        if len(found) > 1 and following not in self._held:
            self._sync_folder()
        self._held = found
        return found

    def is_there(self) -> bool:
        """Say whether there is a key, or the next one alone."""
        return self.path.exists() or self.is_rotating()

    def is_rotating(self) -> bool:
        """Say whether a rotation is open."""
        return self.next_path.exists()

    def since(self) -> tuple[datetime, ...]:
        """Return when the current key was made and, while a rotation is open, when the next one was."""
        made = (path.stat().st_mtime_ns for path in (self.path, self.next_path) if path.exists())
        return tuple(datetime_of_ms(moment // 1_000_000) for moment in made)

    def make_if_none(self) -> None:
        """Make the first key, whole or not at all; of several processes one makes it and the others find it.

        Where a next key waits there was a first one, and it is gone: then none is made. Unavailable when the disk refuses.
        """
        if self.path.exists() or self.is_rotating():
            return
        try:
            with _locked(self.path.parent, fcntl.LOCK_EX):
                if not self.path.exists():
                    _write_key(self.path)
        except OSError as err:
            raise Unavailable(
                f"{self.path} can't be made ({err.strerror}), so nothing is kept under it. Look at its disk, then try again."
            ) from err

    def refuse_another_account(self) -> None:
        """Raise ConfigError where the key, or the folder that it will stand in, belongs to another account."""
        owned = self.path if self.path.exists() else self.path.parent
        if owned.stat().st_uid != os.geteuid():
            raise ConfigError(f"{owned} belongs to another account, which could not read a key of yours. Run this as that account.")

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Be the only one that rotates a key of this folder. Conflict when another process does, ConfigError for another's files."""
        self.fresh()
        self.refuse_another_account()
        with the_only_rotation(self.path.parent):
            yield

    def begin(self) -> None:
        """Make the next key, or go on with the one that an interrupted rotation left; Unavailable when the disk refuses."""
        try:
            if not self.is_rotating():
                _write_key(self.next_path)
        except OSError as err:
            left = "Both keys stay" if self.is_rotating() else "No key was changed"
            raise Unavailable(f"{self.next_path} can't be written ({err.strerror}). {left}. Look at its disk, then run again.") from err
        self.fresh()
        failpoint("rotate:b")

    def finish(self) -> str | None:
        """Let the next key take the current one's place, which is gone then. Unavailable says what is left when the disk refuses."""
        try:
            self.next_path.rename(self.path)
        except OSError as err:
            raise Unavailable(f"{self.path} can't be replaced ({err.strerror}). Both keys stay. Look at its disk, then run again.") from err
        try:
            failpoint("rotate:g")
            fsync_dir(self.path.parent)
        except OSError as err:
            raise Unavailable(
                f"The new key is in place as {self.path}, but may not survive a power cut, which would bring both back "
                f"({err.strerror}). Look at its disk."
            ) from err
        self.fresh()
        failpoint("rotate:h")
        return None

    def _sync_folder(self) -> None:
        try:
            fsync_dir(self.path.parent)
        except OSError as err:
            raise ConfigError(f"{self.next_path} can't be used yet: its disk does not keep it ({err.strerror}). Look at the disk.") from err


def read_key(path: Path) -> bytes | None:
    """Return the key in `path`, None when there is no such file."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError(f"{path} can be read by others than its owner. Run: chmod 600 {path}")
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise ConfigError(f"{path} can't be read ({err.strerror}). Run this as the account that it belongs to.") from err
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{path} is not a key of {KEY_BYTES} bytes. Put it back from the backup of secrets/.")
    return key


def _write_key(path: Path) -> None:
    """Write a new key whole or not at all; when this returns it is durable."""
    write_private(path, random_bytes(KEY_BYTES), written=lambda: failpoint("rotate:b1"))


@contextmanager
def the_only_rotation(folder: Path) -> Iterator[None]:
    """Hold the lock that rotations take on `folder`; Conflict when another process does."""
    with ExitStack() as lock:
        try:
            lock.enter_context(_locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError as err:
            raise Conflict(f"Another rotation of keys in {folder} is at work. Wait until it has ended.") from err
        yield


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Hold the lock on `folder`; the system lets go of it when a process dies."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, how)
        yield
    finally:
        os.close(directory)

"""What was signed last, kept beside the key: the database alone could be cut back, and the log signed a second time over other entries."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from vms.config import Settings
from vms.errors import Corrupt
from vms.store.private_files import write_private

_BETWEEN = "\n====\n"


class SignedNotes:
    """The newest checkpoint's note, and the one that was being made: after a crash either may be the one that was committed."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.log_signed_path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from signing in between, in whatever process: what they remember would be forgotten."""
        opened = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
        finally:
            os.close(opened)

    def known(self) -> frozenset[str] | None:
        """Return the notes of which one is the log's newest; "" stands for none. None when nothing was ever signed here."""
        try:
            return frozenset(self._path.read_text(encoding="utf-8").split(_BETWEEN))
        except FileNotFoundError:
            return None

    def about_to_commit(self, newest: str, note: str) -> None:
        """Remember, before the commit, that `note` follows `newest`; Corrupt when something else was signed last."""
        known = self.known()
        if known is not None and newest not in known:
            raise Corrupt(
                "The newest checkpoint in the database is not the one that was signed last: the log was cut back. Run: vms log verify. "
                f"After a restored backup, tell whoever keeps checkpoints, and remove {self._path}"
            )
        write_private(self._path, (newest + _BETWEEN + note).encode())

    def committed(self, note: str) -> None:
        """Forget what came before `note`, which is stored now."""
        write_private(self._path, note.encode())

"""Two copies of a key store, and ways to look into them past the code that keeps them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pysqlite3 import dbapi2

from tests.factories import FixedKeys
from tests.vms.store.keys_child import KEK
from vms.domain.ids import SegmentId
from vms.store.keys import LOCK_NAME, KeyStore

Rows = dict[tuple[int, int], bytes | None]


@dataclass(frozen=True, slots=True)
class Copies:
    """Where the two copies are."""

    one: Path
    two: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Copies:
        for name in ("keys1", "keys2"):
            (folder / name).mkdir()
        return cls(folder / "keys1" / "keys.db", folder / "keys2" / "keys.db")

    @contextmanager
    def store(self, *keks: bytes) -> Iterator[KeyStore]:
        opened = KeyStore.open(self.one, self.two, FixedKeys(keks or (KEK,)))
        try:
            yield opened
        finally:
            opened.close()

    def lock_is_free(self) -> bool:
        with (self.one.parent / LOCK_NAME).open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


class Failed(Exception):
    pass


def fail() -> None:
    raise Failed


def rows(path: Path) -> Rows:
    """Return the hours of a copy, each with its wrapped key or None for a tombstone."""
    with raw(path) as connection:
        found = connection.execute("SELECT camera, hour, wrapped FROM hour_key")
        return {(camera, hour): wrapped for camera, hour, wrapped in found}


def survivors(path: Path) -> dict[SegmentId, bytes]:
    """Return the segments of a copy that have keys of their own, wrapped."""
    with raw(path) as connection:
        return {SegmentId(segment.hex()): wrapped for segment, wrapped in connection.execute("SELECT segment, wrapped FROM segment_key")}


@contextmanager
def raw(path: Path) -> Iterator[dbapi2.Connection]:
    connection = dbapi2.connect(str(path), isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()

"""The keys of sealed matters: a file of `secrets/` each, named by the matter's random id. Destroying one ends what it sealed."""

from __future__ import annotations

import re
from pathlib import Path

from vms.crypto import KEY_BYTES, random_bytes
from vms.domain.ids import MatterId, new_matter_id
from vms.errors import NotFound
from vms.store.files import fsync_dir
from vms.store.key_files import read_key
from vms.store.private_files import write_private

_ID = re.compile(r"[0-9a-f]{32}")


def make(folder: Path) -> MatterId:
    """Make the key of a new matter; it is durable when this returns, before anything is sealed under it."""
    matter = new_matter_id()
    write_private(_path(folder, matter), random_bytes(KEY_BYTES))
    return matter


def read(folder: Path, matter: str) -> tuple[MatterId, bytes]:
    """Return a matter's id and key. NotFound in one sentence when there never was such a matter, and when its key was destroyed."""
    named = MatterId(matter) if _ID.fullmatch(matter) else None
    key = None if named is None else read_key(_path(folder, named))
    if named is None or key is None:
        raise NotFound(f"There is no key of a matter {matter} in {folder}: there was none, the seal was lifted, or the key was destroyed.")
    return named, key


def destroy(folder: Path, matter: MatterId) -> None:
    """Remove a matter's key; nothing that it sealed can be read after this but with a copy, as in a backup."""
    _path(folder, matter).unlink(missing_ok=True)
    fsync_dir(folder)


def _path(folder: Path, matter: MatterId) -> Path:
    return folder / f"{matter}.key"

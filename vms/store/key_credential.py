"""The key of footage where it is in no file of ours: a credential that systemd hands to the service when it starts.

systemd decrypts it (LoadCredentialEncrypted=), by the machine's TPM where it was sealed to one, and lays it in a folder that the
service alone reads. Nothing changes there while a process runs, so the next key of a rotation, and the end of one, are the operator's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from vms.config import CREDENTIALS_FOLDER, Settings
from vms.crypto import KEY_BYTES
from vms.errors import ConfigError
from vms.store.key_files import KeyFiles, the_only_rotation


def footage_key(settings: Settings) -> KeyFiles | KeyCredential:
    """Return where the key that wraps the keys of footage comes from here."""
    if settings.footage_key == "file":
        return KeyFiles(settings.kek_path)
    return KeyCredential(settings.kek_path.name, settings.credentials_dir, lock=settings.secrets_dir)


class KeyCredential:
    """A `KeySource`: one credential and, while a rotation is open, that of the next key beside it. Threads may share it."""

    def __init__(self, name: str, folder: Path | None, *, lock: Path) -> None:
        """`folder`: None where systemd handed over nothing. `lock`: the folder whose lock keeps rotations apart."""
        self._name = name
        self._folder = folder
        self._lock = lock
        self._held: tuple[bytes, ...] = ()

    @property
    def path(self) -> Path:
        return (self._folder or Path(f"${CREDENTIALS_FOLDER}")) / self._name

    @property
    def next_path(self) -> Path:
        return self.path.with_name(f"{self._name}.next")

    def held(self) -> tuple[bytes, ...]:
        """Return the keys as they were first read."""
        return self._held or self.fresh()

    def fresh(self) -> tuple[bytes, ...]:
        """Read the current key and, while a rotation is open, the next one behind it."""
        if self._folder is None:
            raise ConfigError(
                f"The key of footage is a systemd credential (footage_key), and {CREDENTIALS_FOLDER} is not set. "
                f"Start this by a unit, or by systemd-run, with LoadCredentialEncrypted={self._name}."
            )
        current, following = _read(self.path), _read(self.next_path)
        if current is None:
            raise ConfigError(
                f"systemd handed over no credential {self._name}. Put LoadCredentialEncrypted={self._name} into the unit; "
                "where its TPM no longer opens it, seal the key anew from the copy that was kept elsewhere."
            )
        self._held = (current,) if following in (None, current) else (current, following)
        return self._held

    def is_there(self) -> bool:
        """Say yes: whether systemd handed it over is told where it is read."""
        return True

    def is_rotating(self) -> bool:
        """Say whether a next key was handed over, too."""
        try:
            return len(self.fresh()) > 1
        except ConfigError:
            return False

    def since(self) -> tuple[datetime, ...]:
        """Nobody knows here: a credential is made anew at each start."""
        return ()

    def make_if_none(self) -> None:
        """Make none: refuse where there is none."""
        self.fresh()

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Be the only rotation. ConfigError says what to do first when no next key was handed over."""
        if len(self.fresh()) < 2:
            raise ConfigError(
                "The key of footage is a systemd credential, which is made by hand. Make the next one, load it in every unit beside this "
                f"one (LoadCredentialEncrypted={self.next_path.name}) and start all of them anew; then run this again with both. "
                "The commands: deploy/README.md, A key that is in no file."
            )
        with the_only_rotation(self._lock):
            yield

    def begin(self) -> None:
        """Nothing to do: the next key is there."""

    def finish(self) -> str:
        """Say what is left to do."""
        return (
            f"Everything is under {self.next_path.name} now. Seal that key as {self._name}, load it alone in every unit and start all of "
            "them anew. Until then both are needed, and nothing new comes under the old one."
        )


def _read(path: Path) -> bytes | None:
    """Return a credential, None when it was not handed over."""
    try:
        with path.open("rb") as file:
            # Where systemd grants the reading by an ACL, the group's bits show its mask.
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o007:
                raise ConfigError(f"{path} can be read by every account. Let systemd hand it over, or: chmod 400 {path}")
            key = file.read()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise ConfigError(f"{path} can't be read ({err.strerror}). Run this as the account of the unit that has the credential.") from err
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"The credential {path.name} has {len(key)} bytes; a key has {KEY_BYTES}. Seal the key's file itself, not a text of it."
        )
    return key

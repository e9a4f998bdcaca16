"""A package as one encrypted file: a ZIP of its folder, for an age identity made for it alone. The only place that knows `pyrage`.

Everything streams: a package of any size is sealed and opened in a few megabytes of memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pyrage

from vms.config import Settings
from vms.crypto import decrypt, derived_key, encrypt
from vms.domain.ids import PackageId
from vms.domain.made_package import MadePackage
from vms.domain.request import ExportRequest
from vms.errors import Corrupt, InvalidInput
from vms.store import matter_keys
from vms.store.files import fsync_dir

SUFFIX = ".zip.age"
_BLOCK_BYTES = 1 << 18
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""When files in the ZIP were changed, as it says; when what happened is in the package's papers."""
_READABLE = 0o644 << 16
_INFO = b"custodian package identity v1"


class Sink(Protocol):
    def write(self, octets: bytes, /) -> int: ...


def zipped(folder: Path) -> Iterator[bytes]:
    """Yield a ZIP of a folder, not compressed, with the folder's name before each path; the same folder makes the same ZIP."""
    pieces = _Pieces()
    with ZipFile(cast("BinaryIO", pieces), "w", ZIP_STORED) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = ZipInfo(path.relative_to(folder.parent).as_posix(), _EPOCH)
            entry.external_attr = _READABLE
            with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as into:
                while block := file.read(_BLOCK_BYTES):
                    into.write(block)
                    yield pieces.take()
    yield pieces.take()


def seal(folder: Path, file: Path) -> bytes:
    """Write a folder into one new file that nothing opens but the identity which is returned; the file is durable then."""
    identity = pyrage.x25519.Identity.generate()
    with file.open("xb") as sealed:
        pyrage.encrypt_io(_Reading(zipped(folder)), sealed, [identity.to_public()])
        sealed.flush()
        os.fsync(sealed.fileno())
    fsync_dir(file.parent)
    return str(identity).encode()


def open_into(sealed: BinaryIO, identity: bytes, into: Sink) -> None:
    """Write the ZIP of a sealed file to `into`; Corrupt when the file is not what was sealed, as soon as that is seen."""
    try:
        pyrage.decrypt_io(sealed, _Writing(into), [pyrage.x25519.Identity.from_str(identity.decode())])
    except (pyrage.DecryptError, pyrage.IdentityError, OSError) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # of the file, or of who reads
        raise Corrupt("The encrypted package is not what was made: it was damaged, or its key is another.") from err


@contextmanager
def opened(sealed: Path, identity: bytes) -> Iterator[BinaryIO]:
    """Give the ZIP of a sealed file to be read from its beginning; who reads slowly keeps nothing in memory.

    OSError when there is none. Corrupt or OSError at its end when not all of it could be opened: what was read is not the whole then.
    """
    failed: list[Exception] = []

    def pour(source: BinaryIO, into: BinaryIO) -> None:
        with source, into:
            try:
                open_into(source, identity, into)
            except BrokenPipeError:  # nobody reads any more
                pass
            except (OSError, Corrupt) as err:
                failed.append(err)

    source = sealed.open("rb")  # here: a file that is gone is said at once, and not waited for
    read, write = os.pipe()
    pouring = threading.Thread(target=pour, args=(source, os.fdopen(write, "wb", buffering=0)), name="package", daemon=True)
    with os.fdopen(read, "rb", buffering=0) as end:
        pouring.start()
        yield cast("BinaryIO", end)
        with suppress(OSError):
            end.close()
    pouring.join()
    if failed:
        raise failed[0]


def kept_identity(settings: Settings, request: ExportRequest, package: PackageId, identity: bytes) -> bytes:
    """Return an identity as it is stored: under the request's key."""
    return encrypt(_key(settings, request), identity, _bound_to(package))


def identity_of(settings: Settings, request: ExportRequest, package: MadePackage) -> bytes:
    """Return what opens a package. Corrupt when that was changed, NotFound without the request's key."""
    identity = decrypt(_key(settings, request), package.identity, _bound_to(package.id))
    if identity is None:
        not_that = "is not what was stored. Restore the database and secrets/."
        raise Corrupt(f"What opens the package of request {request.number} {not_that}", in_log=f"What opens a package {not_that}")
    return identity


def under_passphrase(identity: bytes, passphrase: str) -> bytes:
    """Return an identity file that any `age` program opens by the passphrase. Takes seconds and up to a gigabyte, as scrypt does."""
    return bytes(pyrage.passphrase.encrypt(identity, passphrase))


def for_recipient(identity: bytes, recipient: str) -> bytes:
    """Return an identity file for the holder of an age key (`age1…`); InvalidInput when it is none."""
    try:
        return bytes(pyrage.encrypt(identity, [pyrage.x25519.Recipient.from_str(recipient.strip())]))
    except pyrage.RecipientError as err:
        raise InvalidInput("That is no public key of age. It begins with age1 and has 62 characters.") from err


def _key(settings: Settings, request: ExportRequest) -> bytes:
    return derived_key(matter_keys.read(settings.secrets_dir, request.matter)[1], _INFO)


def _bound_to(package: PackageId) -> bytes:
    return b"custodian package v1\n%d" % package


class _Pieces:
    """A file that can only be written: what the ZIP consists of so far."""

    def __init__(self) -> None:
        self._there = bytearray()

    def write(self, octets: bytes) -> int:
        self._there += octets
        return len(octets)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        there = bytes(self._there)
        self._there.clear()
        return there


class _Reading:
    """Reads from what an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        taken, self._left = (self._left, memoryview(b"")) if size < 0 else (self._left[:size], self._left[size:])
        return bytes(taken)


class _Writing:
    """Writes all of what it is given, where a pipe takes a part at a time."""

    def __init__(self, into: Sink) -> None:
        self._into = into

    def write(self, octets: bytes) -> int:
        left = memoryview(octets)
        while left:
            left = left[self._into.write(bytes(left)) :]
        return len(octets)

    def flush(self) -> None:
        pass

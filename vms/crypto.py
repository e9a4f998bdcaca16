"""Keys and the few cryptographic acts that are not the segment file's: sealing to a node, making keys, the node's own key file.

Keys travel as their raw 32 octets. Layout of a sealed value: vms/FORMATS.md §5.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vms.errors import ConfigError, Corrupt, InvalidInput

KEY_BYTES = 32
_SEALED_VERSION = b"\x01"
_SEALED_INFO = b"custodian sealed v1"
_SEALED_NONCE = bytes(12)  # each sealed value has a key of its own, used for this one message
_SEALED_MIN_BYTES = 1 + KEY_BYTES + 16
_OWNER_ONLY = 0o600


def random_bytes(count: int) -> bytes:
    """Return `count` octets from the operating system's generator."""
    return os.urandom(count)


class FileKeySource:
    """A key in a file that only its owner reads; made at the first call when there is none, and never replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def key(self) -> bytes:
        """Return the key, 32 octets; ConfigError says why it can't be had and what to do."""
        try:
            return self._read()
        except FileNotFoundError:
            self._make()
            return self._read()

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise ConfigError(f"{self._path} can be read by others than its owner. Run: chmod 600 {self._path}")
            key = file.read(KEY_BYTES + 1)
        if len(key) != KEY_BYTES:
            raise ConfigError(f"{self._path} is not a key of {KEY_BYTES} bytes. Put back the file from when this data directory was made.")
        return key

    def _make(self) -> None:
        """Write the key whole or not at all; the lock on the directory lets one process make it and the others find it."""
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            if not self._path.exists():
                part = self._path.with_name(f"{self._path.name}.tmp")
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWNER_ONLY), "wb") as file:
                    os.fchmod(file.fileno(), _OWNER_ONLY)  # a part left by somebody else may have had another mode
                    file.write(random_bytes(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(self._path)
                os.fsync(directory)
        finally:
            os.close(directory)


def new_sealing_key() -> bytes:
    """Return a new X25519 private key."""
    return X25519PrivateKey.generate().private_bytes_raw()


def sealing_public_key(private_key: bytes) -> bytes:
    """Return the public half of an X25519 key; ConfigError when it is none."""
    try:
        return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    except ValueError as err:
        raise ConfigError(f"The node's key has {len(private_key)} bytes; it has {KEY_BYTES}. Put back secrets/node_x25519.key.") from err


def seal(public_key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt to the holder of an X25519 key; it opens only together with the same `aad`. InvalidInput for a bad key."""
    once = X25519PrivateKey.generate()
    try:
        shared = once.exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError as err:
        raise InvalidInput("The node's public key is not an X25519 key. Register the node again.") from err
    once_public = once.public_key().public_bytes_raw()
    sealed = AESGCM(_sealing_key(shared, once_public + public_key)).encrypt(_SEALED_NONCE, plaintext, aad)
    return _SEALED_VERSION + once_public + sealed


def open_sealed(private_key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Return what was sealed to this key with this `aad`; Corrupt when it was another key, another `aad`, or was changed."""
    if len(sealed) < _SEALED_MIN_BYTES or sealed[:1] != _SEALED_VERSION:
        raise Corrupt("A sealed value is torn or of a version that this program does not know. Enter the password again.")
    once_public, box = sealed[1 : 1 + KEY_BYTES], sealed[1 + KEY_BYTES :]
    recipient = sealing_public_key(private_key)
    try:
        shared = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(once_public))
        return AESGCM(_sealing_key(shared, once_public + recipient)).decrypt(_SEALED_NONCE, box, aad)
    except (InvalidTag, ValueError) as err:
        raise Corrupt("A sealed value was made for another node or another device, or was changed. Enter the password again.") from err


def new_signing_key() -> bytes:
    """Return a new Ed25519 private key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def verifying_key(private_key: bytes, *, file: str = "grant_ed25519.key") -> bytes:
    """Return the public half of an Ed25519 key; ConfigError, which names its `file` in secrets/, when it is none."""
    try:
        return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    except ValueError as err:
        raise ConfigError(f"The key {file} has {len(private_key)} bytes; it has {KEY_BYTES}. Put back secrets/{file}.") from err


def sign(private_key: bytes, message: bytes) -> bytes:
    """Return the Ed25519 signature over `message`, 64 octets."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message)


def is_signed(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether `signature` is that key's over `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def derived_key(key: bytes, info: bytes) -> bytes:
    """Return another key of 32 octets for the duty that `info` names."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _sealing_key(shared: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=_SEALED_INFO).derive(shared)

"""Keys and the few cryptographic acts that are not the segment file's: sealing to a node, making keys, finding the key that fits.

Keys travel as their raw 32 octets. Layout of a sealed value: vms/FORMATS.md §5.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol, TypeVar

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
_NONCE_BYTES = 12
_SEALED_MIN_BYTES = 1 + KEY_BYTES + 16
Opened = TypeVar("Opened")


def random_bytes(count: int) -> bytes:
    """Return `count` octets from the operating system's generator."""
    return os.urandom(count)


class KeySource(Protocol):
    """A key that wraps others, and the next one while its rotation is open (vms/decisions/0030-rotation-tries-both-keys.md)."""

    def held(self) -> tuple[bytes, ...]:
        """Return the keys as they were last read, the one that wraps what is new at the end."""
        ...

    def fresh(self) -> tuple[bytes, ...]:
        """Read them anew; ConfigError says why they can't be had and what to do."""
        ...


def first_fitting(source: KeySource, attempt: Callable[[bytes], Opened | None]) -> Opened | None:
    """Return what `attempt` makes of the first key that fits, the newest first; None when none does.

    The keys are read anew when none of those held fits: a rotation may have begun or ended since.
    """
    for keys in (source.held, source.fresh):
        for key in reversed(keys()):
            if (found := attempt(key)) is not None:
                return found
    return None


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


def open_with(source: KeySource, sealed: bytes, aad: bytes) -> bytes:
    """Return what was sealed to one of the keys of `source`; Corrupt when it was to none, to another `aad`, or was changed."""
    failures: list[Corrupt] = []

    def attempt(key: bytes) -> bytes | None:
        try:
            return open_sealed(key, sealed, aad)
        except Corrupt as err:
            failures.append(err)
            return None

    plaintext = first_fitting(source, attempt)
    if plaintext is None:
        raise failures[-1]
    return plaintext


def encrypt(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt by AES-256-GCM under a random nonce, which stands in front; 28 octets longer. 2**32 messages at most under one key."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def decrypt(key: bytes, encrypted: bytes, aad: bytes) -> bytes | None:
    """Return what `encrypt` was given; None when it was under another key or `aad`, or was changed."""
    try:
        return AESGCM(key).decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
        return None


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

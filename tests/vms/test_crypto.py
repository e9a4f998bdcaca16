from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.crypto import KEY_BYTES, new_signing_key, open_sealed, random_bytes, seal, sealing_public_key, verifying_key
from vms.errors import ConfigError, Corrupt, InvalidInput

PRIVATE = bytes(range(32))
PUBLIC = sealing_public_key(PRIVATE)


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_what_was_sealed_opens_with_key_and_context(plaintext: bytes, aad: bytes) -> None:
    assert open_sealed(PRIVATE, seal(PUBLIC, plaintext, aad), aad) == plaintext


def test_sealing_twice_never_looks_alike() -> None:
    assert seal(PUBLIC, b"password", b"") != seal(PUBLIC, b"password", b"")


def test_another_key_or_another_context_opens_nothing() -> None:
    sealed = seal(PUBLIC, b"password", b"device 1")
    with pytest.raises(Corrupt, match="Enter the password again"):
        open_sealed(random_bytes(KEY_BYTES), sealed, b"device 1")
    with pytest.raises(Corrupt, match="Enter the password again"):
        open_sealed(PRIVATE, sealed, b"device 2")


def test_every_changed_octet_of_a_sealed_value_is_found() -> None:
    sealed = seal(PUBLIC, b"password", b"")
    for at in range(len(sealed)):
        with pytest.raises(Corrupt):
            open_sealed(PRIVATE, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], b"")


def test_every_torn_sealed_value_is_found() -> None:
    sealed = seal(PUBLIC, b"password", b"")
    for length in range(len(sealed)):
        with pytest.raises(Corrupt):
            open_sealed(PRIVATE, sealed[:length], b"")


def test_a_public_key_that_leads_nowhere_is_refused() -> None:
    for public in (bytes(32), b"short"):
        with pytest.raises(InvalidInput):
            seal(public, b"password", b"")
    with pytest.raises(Corrupt):
        open_sealed(PRIVATE, b"\x01" + bytes(32) + bytes(30), b"")


def test_private_keys_of_a_wrong_length_are_named() -> None:
    with pytest.raises(ConfigError, match="node_x25519"):
        sealing_public_key(b"short")
    with pytest.raises(ConfigError, match="grant_ed25519"):
        verifying_key(b"short")


def test_new_keys_have_32_octets_and_differ() -> None:
    made = [random_bytes(KEY_BYTES), random_bytes(KEY_BYTES), new_signing_key(), new_signing_key(), random_bytes(32)]
    assert {len(key) for key in made} == {32}
    assert len(set(made)) == len(made)
    assert len(verifying_key(made[2])) == 32

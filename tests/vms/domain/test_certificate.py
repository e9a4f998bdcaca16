"""Fingerprints of certificates as people find them on a camera's page or in a terminal."""

from __future__ import annotations

import pytest

from vms.domain.certificate import fingerprint, shortened_fingerprint, spelled_fingerprint

SHA256 = bytes(range(160, 192))
SPELLED = spelled_fingerprint(SHA256)


@pytest.mark.parametrize(
    "text",
    [
        SPELLED,
        SHA256.hex(),
        SHA256.hex(" ").upper(),
        f"  {SPELLED.lower()}\n",
        f"SHA256 Fingerprint={SPELLED}",
        f"sha256 Fingerprint={SPELLED}",
        f"SHA-256: {SPELLED}",
    ],
)
def test_a_fingerprint_is_read_however_it_is_written(text: str) -> None:
    assert fingerprint(text) == SHA256


@pytest.mark.parametrize("text", ["", "AB:CD", SPELLED[:-3], f"{SPELLED}:00", "G" * 64, f"SHA1 Fingerprint={SPELLED}", f"{SPELLED}\0"])
def test_anything_else_is_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(ValueError, match="64 digits"):
        fingerprint(text)


def test_a_short_spelling_is_the_beginning_of_the_long_one() -> None:
    assert SPELLED.startswith(shortened_fingerprint(SHA256).rstrip("…"))
    assert shortened_fingerprint(SHA256) == "A0:A1:A2:A3:A4:A5…"

"""What is sealed has a length of few kinds, and is bound to its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.checkpoint import PADDING, padded
from vms.domain.ids import MatterId
from vms.domain.sealed_entry import CLASS_BYTES, OPENING_BYTES, body_in, bound_to, commitment_to, filled, leaf_octets, text_in

_MATTER = MatterId("0" * 32)
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(_TEXTS)
def test_a_text_reads_back_from_what_it_was_filled_up_to(text: str) -> None:
    octets = filled(text)
    assert text_in(octets) == text
    assert 0 <= len(octets) - len(text.encode()) < CLASS_BYTES
    assert len(octets) % CLASS_BYTES == 0


@given(
    st.binary(min_size=OPENING_BYTES, max_size=OPENING_BYTES),
    _TEXTS,
)
def test_a_body_is_read_beside_its_opening_and_no_other_is_committed_to(opening: bytes, body: str) -> None:
    plaintext, commitment = opening + filled(body), commitment_to(opening, body)
    assert body_in(plaintext, commitment) == body
    with pytest.raises(ValueError, match="another text"):
        body_in(opening + filled(body + "."), commitment)
    with pytest.raises(ValueError, match="another text"):
        body_in(bytes([opening[0] ^ 1]) + opening[1:] + filled(body), commitment)


@given(st.lists(st.binary(max_size=3), min_size=3, max_size=3), st.lists(st.binary(max_size=3), min_size=3, max_size=3))
def test_no_other_parts_have_the_same_leaf(some: list[bytes], others: list[bytes]) -> None:
    assert (leaf_octets(*some) == leaf_octets(*others)) == (some == others)


def test_each_place_is_bound_to_another_text() -> None:
    other = MatterId("1" * 32)
    places = [
        (log, matter, position, commitment)
        for log in ("district", "district-1")
        for matter in (_MATTER, other)
        for position in (1, 11)
        for commitment in (None, bytes(32), bytes(31) + b"1")
    ]
    assert len({bound_to(*place) for place in places}) == len(places)


@given(st.integers(min_value=0, max_value=2**48))
def test_every_checkpoint_has_room_for_one_sealed_entry_at_least(size: int) -> None:
    assert 1 <= padded(size) - size <= PADDING
    assert padded(size) % PADDING == 0

"""What is sealed has a length of few kinds, and is bound to its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vms.domain.checkpoint import PADDING, padded
from vms.domain.ids import MatterId
from vms.domain.sealed_entry import CLASS_BYTES, bound_to, filled, leaf_octets, text_in

_MATTER = MatterId("0" * 32)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_text_reads_back_from_what_it_was_filled_up_to(text: str) -> None:
    octets = filled(text)
    assert text_in(octets) == text
    assert 0 <= len(octets) - len(text.encode()) < CLASS_BYTES
    assert len(octets) % CLASS_BYTES == 0


@given(st.lists(st.binary(max_size=3), min_size=3, max_size=3), st.lists(st.binary(max_size=3), min_size=3, max_size=3))
def test_no_other_parts_have_the_same_leaf(some: list[bytes], others: list[bytes]) -> None:
    assert (leaf_octets(*some) == leaf_octets(*others)) == (some == others)


def test_each_place_is_bound_to_another_text() -> None:
    other = MatterId("1" * 32)
    places = [("district", _MATTER, 1), ("district", _MATTER, 11), ("district", other, 1), ("district-1", _MATTER, 1)]
    assert len({bound_to(*place) for place in places}) == len(places)


@given(st.integers(min_value=0, max_value=2**48))
def test_every_checkpoint_has_room_for_one_sealed_entry_at_least(size: int) -> None:
    assert 1 <= padded(size) - size <= PADDING
    assert padded(size) % PADDING == 0

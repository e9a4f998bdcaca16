"""The fragment table of a segment, packed for the index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.footage import FragmentEntry, pack_fragments, unpack_fragments

_entries = st.builds(
    FragmentEntry,
    size=st.integers(0, 2**32 - 1),
    duration=st.integers(0, 2**32 - 1),
    starts_with_keyframe=st.booleans(),
    keyframe_size=st.integers(0, 2**31 - 1),
)


@given(st.lists(_entries, max_size=40))
def test_a_packed_table_reads_back_as_it_was(entries: list[FragmentEntry]) -> None:
    assert unpack_fragments(pack_fragments(entries)) == tuple(entries)


def test_the_layout_is_the_documented_one() -> None:
    table = pack_fragments([FragmentEntry(1, 2, True, 3), FragmentEntry(4, 5, False, 0)])
    assert table.hex() == "01" + "000000010000000280000003" + "000000040000000500000000"


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pack_fragments([FragmentEntry(2**32, 0, False, 0)])


@pytest.mark.parametrize("table", [b"", b"\x02", b"\x01\x00", pack_fragments([FragmentEntry(1, 2, True, 3)])[:-1]])
def test_a_torn_or_unknown_table_is_refused(table: bytes) -> None:
    with pytest.raises(ValueError, match="fragment table"):
        unpack_fragments(table)

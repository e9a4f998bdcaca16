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


WHOLE = pack_fragments([FragmentEntry(1, 2, False, 0), FragmentEntry(4, 5, True, 3), FragmentEntry(9, 5, True, 3)])


@given(st.lists(_entries, max_size=40))
def test_a_packed_table_reads_back_as_it_was(entries: list[FragmentEntry]) -> None:
    assert unpack_fragments(pack_fragments(entries)) == tuple(entries)


def test_the_layout_is_the_documented_one() -> None:
    entries = FragmentEntry(1, 2, False, 0), FragmentEntry(4, 5, True, 3), FragmentEntry(0x1004, 5, False, 0)
    columns = "00000004 02 0000 1000" + "00000005 00" + "00000000 01 07 00"
    assert pack_fragments(entries) == bytes.fromhex("02" + "000000010000000200000000" + "0002" + columns)


def test_rows_of_the_version_before_are_read() -> None:
    table = bytes.fromhex("01" + "000000010000000280000003" + "000000040000000500000000")
    assert unpack_fragments(table) == (FragmentEntry(1, 2, True, 3), FragmentEntry(4, 5, False, 0))


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pack_fragments([FragmentEntry(2**32, 0, False, 0)])
    with pytest.raises(ValueError, match="do not fit"):
        pack_fragments([FragmentEntry(1, 1, True, 1)] * 65_537)


@pytest.mark.parametrize("table", [b"", b"\x03", b"\x01\x00", b"\x02\x00", WHOLE[:-1], WHOLE + b"\0", WHOLE[:20]])
def test_a_torn_or_unknown_table_is_refused(table: bytes) -> None:
    with pytest.raises(ValueError, match="fragment table"):
        unpack_fragments(table)

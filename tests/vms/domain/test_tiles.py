"""Trees in tiles give the same hashes as trees without."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vms.domain.merkle import HASH_BYTES, HashAt, inclusion_proof, leaf_hash, node_hash, root
from vms.domain.tiles import TILE_HASHES, GrowingTree, complete_subtrees, grown, hashes_of

_LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(70_000)]


class _Stored:
    """Tiles in a dictionary, as a database keeps them."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size = 0

    def tile(self, level: int, number: int) -> bytes:
        return self.tiles.get((level, number), b"")

    def add(self, leaves: Sequence[bytes]) -> None:
        for level, number, hashes in grown(self.size, leaves, self.tile):
            self.tiles[level, number] = b"".join(hashes)
        self.size += len(leaves)


def _plain() -> HashAt:
    known: dict[tuple[int, int], bytes] = {}

    def hash_at(level: int, index: int) -> bytes:
        if level == 0:
            return _LEAVES[index]
        if (level, index) not in known:
            known[level, index] = node_hash(hash_at(level - 1, 2 * index), hash_at(level - 1, 2 * index + 1))
        return known[level, index]

    return hash_at


_PLAIN = _plain()


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6))
@settings(max_examples=30)
def test_a_tree_that_grows_in_steps_is_the_tree_of_its_leaves(sizes: list[int]) -> None:
    stored, growing = _Stored(), GrowingTree()
    for size in sizes:
        added = _LEAVES[stored.size : stored.size + size]
        stored.add(added)
        growing.add(added)
        expected = root(stored.size, _PLAIN)
        assert root(stored.size, complete_subtrees(stored.tile)) == expected
        assert growing.root() == expected


@pytest.mark.slow
def test_a_tree_of_three_levels_proves_what_one_without_tiles_proves() -> None:
    stored, growing = _Stored(), GrowingTree()
    stored.add(_LEAVES)
    for at in range(0, len(_LEAVES), 1000):
        growing.add(_LEAVES[at : at + 1000])
    assert growing.root() == root(len(_LEAVES), _PLAIN)
    assert sorted({level for level, _ in stored.tiles}) == [0, 1, 2]
    subtrees = complete_subtrees(stored.tile)
    for index in (0, 255, 256, 65_535, 65_536, len(_LEAVES) - 1):
        assert inclusion_proof(index, len(_LEAVES), subtrees) == inclusion_proof(index, len(_LEAVES), _PLAIN)


def test_a_tile_is_asked_for_once() -> None:
    stored, asked = _Stored(), list[tuple[int, int]]()
    stored.add(_LEAVES[:600])

    def tile(level: int, number: int) -> bytes:
        asked.append((level, number))
        return stored.tile(level, number)

    inclusion_proof(300, 600, complete_subtrees(tile))
    assert len(asked) == len(set(asked))


def test_a_tile_that_is_changed_between_two_proofs_is_not_taken_for_what_it_was() -> None:
    stored = _Stored()
    stored.add(_LEAVES[:600])
    before = inclusion_proof(300, 600, complete_subtrees(stored.tile))
    stored.tiles[0, 1] = leaf_hash(b"another") + stored.tiles[0, 1][HASH_BYTES:]
    assert inclusion_proof(300, 600, complete_subtrees(stored.tile)) != before


def test_a_tile_s_octets_are_its_hashes_in_order() -> None:
    hashes = _LEAVES[:TILE_HASHES]
    assert len(b"".join(hashes)) == TILE_HASHES * HASH_BYTES
    assert hashes_of(b"".join(hashes)) == hashes

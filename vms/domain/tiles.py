"""A Merkle tree in tiles of 256 hashes (C2SP tlog-tiles, height 8): level 0 holds leaves, level n+1 the roots of whole tiles of level n."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from vms.domain.merkle import EMPTY_ROOT, HASH_BYTES, HashAt, node_hash, parents

TILE_HEIGHT = 8
TILE_HASHES = 1 << TILE_HEIGHT

REMEMBERED_LEAVES, REMEMBERED_ABOVE = 32, 256
"""Tiles of level 0, and of those above, whose rows stay in memory, 40 KB each. Over ten million entries stand 154: each of their
proofs needs one, and those of the leaves, another for nearly each proof, do not drive them out."""

Tile = Callable[[int, int], bytes]
"""The hashes of tile `number` of `level`, as many as there are, one behind the other."""


def hashes_of(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def rows_over(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return `hashes` and, row by row, the hashes over pairs of the row before; what has no pair is left out."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        rows.append(parents(rows[-1]))
    return rows


def _rows_over_tile(tile: bytes) -> list[Sequence[bytes]]:
    """Remembered by the tile's own octets: one that somebody changed is another tile."""
    return rows_over(hashes_of(tile))


_rows_over_leaves = lru_cache(maxsize=REMEMBERED_LEAVES)(_rows_over_tile)
_rows_above = lru_cache(maxsize=REMEMBERED_ABOVE)(_rows_over_tile)


def complete_subtrees(tile: Tile) -> HashAt:
    """Return what answers for the complete subtrees of a tree in tiles; each tile is asked for once."""
    known: dict[tuple[int, int], list[Sequence[bytes]]] = {}

    def hash_at(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        number, first = divmod(index << height, TILE_HASHES)
        if (tile_level, number) not in known:
            rows = _rows_above if tile_level else _rows_over_leaves
            known[tile_level, number] = rows(tile(tile_level, number))
        return known[tile_level, number][height][first >> height]

    return hash_at


def grown(size: int, leaves: Sequence[bytes], tile: Tile) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield level, number and hashes of each tile that changes when `leaves` are added to the tree of `size` leaves."""
    level, hashes = 0, list(leaves)
    while hashes:
        number, held = divmod(size, TILE_HASHES)
        hashes = [*(hashes_of(tile(level, number))[:held] if held else ()), *hashes]
        whole = []
        for at in range(0, len(hashes), TILE_HASHES):
            changed = hashes[at : at + TILE_HASHES]
            yield level, number + at // TILE_HASHES, changed
            if len(changed) == TILE_HASHES:
                whole.append(rows_over(changed)[-1][0])
        level, size, hashes = level + 1, size // TILE_HASHES, whole


class GrowingTree:
    """A tree in memory that gives its root at any size while it grows; it keeps the roots of its complete subtrees alone."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[tuple[int, bytes]] = []
        """Leaves and root of each, the largest first: the binary digits of `size`."""

    def add(self, leaves: Sequence[bytes]) -> None:
        at = 0
        while at < len(leaves):
            count = self._fitting(len(leaves) - at)
            self._put(count, rows_over(leaves[at : at + count])[-1][0])
            at += count

    def root(self) -> bytes:
        """Return the root; of the empty tree as RFC 6962 has it."""
        if not self._subtrees:
            return EMPTY_ROOT
        *larger, (_, result) = self._subtrees
        for _, subtree in reversed(larger):
            result = node_hash(subtree, result)
        return result

    def _fitting(self, wanted: int) -> int:
        """Return how many leaves make the next complete subtree, a tile at most."""
        most = min(TILE_HASHES, 1 << wanted.bit_length() - 1)
        return most if self.size % most == 0 else min(most, self.size & -self.size)

    def _put(self, count: int, subtree: bytes) -> None:
        self.size += count
        while self._subtrees and self._subtrees[-1][0] == count:
            subtree = node_hash(self._subtrees.pop()[1], subtree)
            count *= 2
        self._subtrees.append((count, subtree))

"""A Merkle tree in tiles of 256 hashes (C2SP tlog-tiles, height 8): level 0 holds leaves, level n+1 the roots of whole tiles of level n."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vms.domain.merkle import HASH_BYTES, HashAt, node_hash, root

TILE_HEIGHT = 8
TILE_HASHES = 1 << TILE_HEIGHT
TILE_BYTES = TILE_HASHES * HASH_BYTES

Tile = Callable[[int, int], Sequence[bytes]]
"""The hashes of tile `number` of `level`, as many as there are."""


def hashes_of(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def rows_over(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return `hashes` and, row by row, the hashes over pairs of the row before; what has no pair is left out."""
    rows = [hashes]
    while len(rows[-1]) > 1:
        below = iter(rows[-1])
        rows.append([node_hash(left, right) for left, right in zip(below, below, strict=False)])
    return rows


def complete_subtrees(tile: Tile) -> HashAt:
    """Return what answers for the complete subtrees of a tree in tiles; each tile is asked for once."""
    known: dict[tuple[int, int], list[Sequence[bytes]]] = {}

    def hash_at(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        number, first = divmod(index << height, TILE_HASHES)
        if (tile_level, number) not in known:
            known[tile_level, number] = rows_over(tile(tile_level, number))
        return known[tile_level, number][height][first >> height]

    return hash_at


def grown(size: int, leaves: Sequence[bytes], tile: Tile) -> Iterator[tuple[int, int, list[bytes]]]:
    """Yield level, number and hashes of each tile that changes when `leaves` are added to the tree of `size` leaves."""
    level, hashes = 0, list(leaves)
    while hashes:
        number, held = divmod(size, TILE_HASHES)
        hashes = [*(tile(level, number)[:held] if held else ()), *hashes]
        whole = []
        for at in range(0, len(hashes), TILE_HASHES):
            changed = hashes[at : at + TILE_HASHES]
            yield level, number + at // TILE_HASHES, changed
            if len(changed) == TILE_HASHES:
                whole.append(rows_over(changed)[-1][0])
        level, size, hashes = level + 1, size // TILE_HASHES, whole


class GrowingTree:
    """A tree in memory that gives its root at any size while it grows; of its leaves it keeps the newest 256."""

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]
        """Level 0: the newest tile's leaves. Above it: every root of a whole tile."""

    def add(self, leaf: bytes) -> None:
        if len(self._levels[0]) == TILE_HASHES:
            self._levels[0].clear()
        self._levels[0].append(leaf)
        self.size += 1
        level = 0
        while len(self._levels[level]) % TILE_HASHES == 0:
            whole = rows_over(self._levels[level][-TILE_HASHES:])[-1][0]
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(whole)

    def root(self) -> bytes:
        return root(self.size, complete_subtrees(self._tile))

    def _tile(self, level: int, number: int) -> Sequence[bytes]:
        at = number * TILE_HASHES if level else 0
        return self._levels[level][at : at + TILE_HASHES]

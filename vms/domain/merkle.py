"""The Merkle tree of RFC 6962 §2.1: its hashes, its root, and the proofs that an entry is in it and that it only grew.

Nothing here stores a tree: `HashAt` answers for its complete subtrees. Verifying follows RFC 9162 §2.1.3.2 and §2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
_NODE = sha256(b"\x01")

HashAt: TypeAlias = Callable[[int, int], bytes]
"""Of the complete subtree number `index` of height `level`: the leaves from `index << level`, `1 << level` of them."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def parents(row: Sequence[bytes]) -> list[bytes]:
    """Return the hashes over pairs of `row`; what has no pair is left out.

    One loop, and each hash begins as a copy, which is quicker than a new one: a log is verified at its speed.
    """
    below = iter(row)
    found: list[bytes] = []
    copy, append = _NODE.copy, found.append
    for left, right in zip(below, below, strict=False):
        node = copy()
        node.update(left + right)
        append(node.digest())
    return found


def root(size: int, hash_at: HashAt) -> bytes:
    """Return the hash of the tree of the first `size` leaves."""
    return _span_hash(0, size, hash_at) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Return the audit path of leaf `index` (from 0) in the tree of `size` leaves, the leaf's neighbour first."""
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = _split(start, end)
        if index < split:
            path.append(_span_hash(split, end, hash_at))
            end = split
        else:
            path.append(_span_hash(start, split, hash_at))
            start = split
    return path[::-1]


def consistency_proof(old_size: int, size: int, hash_at: HashAt) -> list[bytes]:
    """Return the proof that the tree of `size` leaves begins with the tree of `old_size` leaves, 0 < `old_size` <= `size`."""
    path: list[bytes] = []
    start, end, is_old_root = 0, size, True
    while old_size != end:
        split = _split(start, end)
        if old_size <= split:
            path.append(_span_hash(split, end, hash_at))
            end = split
        else:
            path.append(_span_hash(start, split, hash_at))
            start, is_old_root = split, False
    if not is_old_root:
        path.append(_span_hash(start, end, hash_at))
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], tree_root: bytes) -> bool:
    """Say whether `proof` shows that the leaf of hash `leaf` is number `index` of the tree with `tree_root`."""
    if not 0 <= index < size:
        return False
    at, last, result = index, size - 1, leaf
    for neighbour in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = node_hash(neighbour, result)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            result = node_hash(result, neighbour)
        at, last = at >> 1, last >> 1
    return last == 0 and result == tree_root


def extends(old_size: int, old_root: bytes, size: int, tree_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether `proof` shows that the tree with `tree_root` begins with the one with `old_root`."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == tree_root
    at, last = old_size - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    steps = list(proof) if at else [old_root, *proof]
    if not steps:
        return False
    old = new = steps[0]
    for neighbour in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(neighbour, old), node_hash(neighbour, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, neighbour)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == tree_root


def _span_hash(start: int, end: int, hash_at: HashAt) -> bytes:
    """Return the hash over the leaves from `start` to `end`: a span that RFC 6962's way of halving comes by."""
    level = (end - start).bit_length() - 1
    if end - start == 1 << level:
        return hash_at(level, start >> level)
    split = start + (1 << level)
    return node_hash(hash_at(level, start >> level), _span_hash(split, end, hash_at))


def _split(start: int, end: int) -> int:
    """Return where a span of at least two leaves is halved: behind the largest power of two that is smaller than it."""
    return start + (1 << (end - start - 1).bit_length() - 1)

"""The Merkle tree against RFC 6962's definition and Certificate Transparency's published hashes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.domain.merkle import EMPTY_ROOT, HashAt, consistency_proof, extends, includes, inclusion_proof, leaf_hash, root

_SIZES = st.integers(1, 70)
_CT_ENTRIES = [
    bytes.fromhex(entry) for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
_CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 1 to 8 of these entries: the test vectors of Google's certificate-transparency repository (Apache-2.0)."""


def _leaves(size: int, *, salt: bytes = b"") -> list[bytes]:
    return [leaf_hash(salt + number.to_bytes(2)) for number in range(size)]


def _mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = max(1 << n for n in range(len(leaves).bit_length()) if 1 << n < len(leaves))
    return sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    k = max(1 << n for n in range(len(leaves).bit_length()) if 1 << n < len(leaves))
    return [*_path(m, leaves[:k]), _mth(leaves[k:])] if m < k else [*_path(m - k, leaves[k:]), _mth(leaves[:k])]


def _subproof(m: int, leaves: Sequence[bytes], *, b: bool) -> list[bytes]:
    """RFC 6962 §2.1.2."""
    if m == len(leaves):
        return [] if b else [_mth(leaves)]
    k = max(1 << n for n in range(len(leaves).bit_length()) if 1 << n < len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], b=b), _mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], b=False), _mth(leaves[:k])]


def _hash_at(leaves: Sequence[bytes]) -> HashAt:
    def hash_at(level: int, index: int) -> bytes:
        of = leaves[index << level : index + 1 << level]
        assert len(of) == 1 << level, "only complete subtrees are asked for"
        return _mth(of)

    return hash_at


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_that_certificate_transparency_publishes(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in _CT_ENTRIES[:size]]
    assert root(size, _hash_at(leaves)).hex() == _CT_ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root(0, _hash_at([])) == EMPTY_ROOT == _mth([])


@given(size=_SIZES, data=st.data())
def test_an_inclusion_proof_is_the_rfc_s_and_shows_its_leaf_alone(size: int, data: st.DataObject) -> None:
    leaves, index = _leaves(size), data.draw(st.integers(0, size - 1))
    proof, tree_root = inclusion_proof(index, size, _hash_at(leaves)), _mth(leaves)
    assert proof == _path(index, leaves)
    assert includes(leaves[index], index, size, proof, tree_root)
    other = data.draw(st.integers(0, size))
    assert includes(leaves[index], other, size, proof, tree_root) is (other == index)
    assert not includes(leaf_hash(b"another"), index, size, proof, tree_root)
    assert not includes(leaves[index], index, size, [*proof, tree_root], tree_root)
    for missing in range(len(proof)):
        assert not includes(leaves[index], index, size, [*proof[:missing], *proof[missing + 1 :]], tree_root)


@given(size=_SIZES, data=st.data())
def test_a_consistency_proof_is_the_rfc_s_and_shows_only_what_is_so(size: int, data: st.DataObject) -> None:
    leaves, old = _leaves(size), data.draw(st.integers(1, size))
    proof, old_root, tree_root = consistency_proof(old, size, _hash_at(leaves)), _mth(leaves[:old]), _mth(leaves)
    assert proof == _subproof(old, leaves, b=True)
    assert extends(old, old_root, size, tree_root, proof)
    forked = _mth([*_leaves(old - 1), leaf_hash(b"another")])
    assert not extends(old, forked, size, tree_root, proof)
    assert not extends(old, old_root, size, forked, proof)
    assert not extends(old, old_root, size, tree_root, [*proof, tree_root])
    for missing in range(len(proof)):
        assert not extends(old, old_root, size, tree_root, [*proof[:missing], *proof[missing + 1 :]])


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3)])
def test_nothing_shows_that_a_tree_grew_from_nothing_or_shrank(old: int, size: int) -> None:
    leaves = _leaves(4)
    assert not extends(old, _mth(leaves[:old]), size, _mth(leaves[:size]), [])

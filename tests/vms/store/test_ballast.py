"""The room that a volume sets aside."""

from __future__ import annotations

from pathlib import Path

from vms.store.ballast import BALLAST, BALLAST_BYTES, ballast_bytes, is_whole, let_go, make_ballast


def test_a_ballast_is_let_go_once_and_made_again_whole(tmp_path: Path) -> None:
    assert not is_whole(tmp_path, 100_000)
    (tmp_path / BALLAST).write_bytes(b"half made")
    assert not is_whole(tmp_path, 100_000)
    make_ballast(tmp_path, 100_000)
    assert (tmp_path / BALLAST).stat().st_blocks * 512 >= 100_000
    assert is_whole(tmp_path, 100_000)
    assert (let_go(tmp_path), let_go(tmp_path)) == (True, False)
    assert list(tmp_path.iterdir()) == []


def test_a_ballast_is_a_hundredth_and_never_more_than_64_mib() -> None:
    assert [ballast_bytes(limit) for limit in (10, 1_000_000, 10**12)] == [1, 10_000, BALLAST_BYTES]

"""A disk that is full while complaints are brought under a new key: it is said in a sentence, and running again ends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.disks.machine import in_memory
from tests.factories import FixedKeys
from tests.vms.services.sealed_branch import fill, sealed_branch
from vms.config import load_settings
from vms.errors import Unavailable
from vms.services.key_rotation import RotatedKey
from vms.store.database import Engines
from vms.store.failpoints import armed
from vms.store.migrate import Which

pytestmark = pytest.mark.slow


def test_a_disk_that_fills_up_in_a_rotation_loses_no_text(
    tmp_path: Path, index: Engines, migrated_sqlite: Callable[[Which, Path], Engines]
) -> None:
    with in_memory(tmp_path / "small", size_mb=16) as folder:
        central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
        branch = sealed_branch(load_settings(folder), central, index)
        fill(branch, cameras=0, people=0, texts=20)
        old = branch.keys(RotatedKey.TEXTS)
        full = folder / "fill"

        def fill_up() -> None:
            with full.open("wb", buffering=0) as file:
                os.posix_fallocate(file.fileno(), 0, os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize)

        with armed("rotate:d", fill_up), pytest.raises(Unavailable, match="does not answer"), central.answering():
            branch.rotate(RotatedKey.TEXTS)
        assert branch.lost() == []
        full.unlink()
        assert branch.rotate(RotatedKey.TEXTS).resumed
        assert (branch.lost(), branch.opened(RotatedKey.TEXTS, FixedKeys(old))) == ([], 0)
        central.dispose()

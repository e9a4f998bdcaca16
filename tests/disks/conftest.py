"""Cameras that record onto the disks that these tests break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks.machine import FaultyDisk, faulty_disk, keep_mounts_private
from tests.recorder.site import Cameras


@pytest.fixture(scope="session", autouse=True)
def mounts_of_our_own() -> None:
    """Whatever ends this process ends its mounts."""
    keep_mounts_private()


@pytest.fixture(scope="session")
def cameras() -> Iterator[Cameras]:
    """Two tiny cameras that do nothing wrong."""
    made = Cameras(2)
    yield made
    made.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FaultyDisk]:
    """A disk that fails as it is told; it does nothing wrong yet."""
    with faulty_disk(tmp_path / "faulty") as made:
        yield made

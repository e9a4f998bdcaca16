"""A world for each test of retention."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.retention.world import World
from vms.store.database import Engines


@pytest.fixture
def world(index: Engines, tmp_path: Path) -> Iterator[World]:
    made = World(index, tmp_path)
    yield made
    made.node.keys.close()

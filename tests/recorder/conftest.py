"""Cameras and installations that several tests of the recorder look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorder.site import Cameras, Site, a_site


@pytest.fixture(scope="session")
def cameras() -> Iterator[Cameras]:
    """Two tiny cameras that do nothing wrong; tests that break a camera make their own."""
    made = Cameras(2)
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An installation without cameras, its recorder not started."""
    with a_site(tmp_path / "data") as made:
        yield made

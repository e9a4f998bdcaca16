"""What the tests of services share: settings of an installation of which nothing is there but the folder for its secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from vms.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    settings.secrets_dir.mkdir()
    return settings

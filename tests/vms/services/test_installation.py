"""Who else may read a data directory: nobody, whether it was made for the purpose or stood there before."""

from __future__ import annotations

from pathlib import Path
from shutil import disk_usage

import pytest

from tests.factories import CONSOLE
from vms.clock import SystemClock
from vms.errors import ConfigError, Unavailable
from vms.services.district import District
from vms.services.installation import Installation, install, make_private, migrate_all
from vms.store.database import Engines


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def open_to_all(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def test_a_data_directory_that_is_made_belongs_to_its_account_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "deep" / "data")
    assert _mode(tmp_path / "deep" / "data") == 0o700


def test_an_empty_directory_that_others_may_read_is_tightened(open_to_all: Path) -> None:
    make_private(open_to_all)
    assert _mode(open_to_all) == 0o700


def test_a_directory_that_others_may_read_and_that_holds_something_is_not_taken(open_to_all: Path) -> None:
    (open_to_all / "notes.txt").write_text("somebody's")
    installation = Installation(District(name="Alder", timezone="UTC", days=14, director="Helen Marsh"))
    with pytest.raises(ConfigError, match=r"mode 0755.*chmod 700"):
        install(open_to_all, installation, actor=CONSOLE, clock=SystemClock())
    assert [path.name for path in open_to_all.iterdir()] == ["notes.txt"]
    assert _mode(open_to_all) == 0o755


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match="can't be a data directory"):
        make_private(tmp_path / "data")


def test_without_room_for_the_index_not_even_the_central_database_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    settings = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    settings.central_path.unlink()

    def refuse(_index: Engines, free_bytes: int) -> None:
        assert free_bytes == pytest.approx(disk_usage(tmp_path).free, rel=0.5)
        raise Unavailable("no room")

    monkeypatch.setattr("vms.services.installation.require_room", refuse)
    with pytest.raises(Unavailable, match="no room"):
        migrate_all(settings)
    assert not settings.central_path.exists()

"""The one deleter: it takes exactly the named file, and no link leads it elsewhere."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from vms.errors import InvalidInput
from vms.store.erase import erase_published

_NAME = PurePosixPath("live/0001/20260314/15/segment.cseg")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume" / _NAME.parent
    folder.mkdir(parents=True)
    (folder / "segment.cseg").write_bytes(b"footage")
    (folder / "other.cseg").write_bytes(b"footage")
    return tmp_path / "volume"


def test_the_named_file_goes_and_its_neighbour_stays(volume: Path) -> None:
    assert erase_published(volume, _NAME)
    assert [path.name for path in (volume / _NAME.parent).iterdir()] == ["other.cseg"]


def test_a_file_that_is_gone_already_is_no_error(volume: Path) -> None:
    erase_published(volume, _NAME)
    assert not erase_published(volume, _NAME)
    assert not erase_published(volume, PurePosixPath("live/0002/20260314/15/segment.cseg"))


@pytest.mark.parametrize("name", ["../outside", "live/../../outside", "/etc/passwd", "vms-volume.json", ""])
def test_a_name_that_leads_out_of_the_footage_is_refused(volume: Path, name: str) -> None:
    (volume.parent / "outside").write_text("mine")
    with pytest.raises(InvalidInput):
        erase_published(volume, PurePosixPath(name))
    assert (volume.parent / "outside").exists()


def test_a_link_in_the_path_is_not_followed(volume: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "segment.cseg").write_text("mine")
    (volume / "live" / "0009").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        erase_published(volume, PurePosixPath("live/0009/segment.cseg"))
    assert (elsewhere / "segment.cseg").exists()

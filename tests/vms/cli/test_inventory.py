"""`vms inventory`: one sheet of what is in this machine, also where a database can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import CONSOLE, a_camera, a_person
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Role
from vms.services import inventory
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.inventory import part
from vms.store.database import make_engines


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _told(settings: Settings, *more: str) -> str:
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "inventory", *more])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.slow
def test_the_sheet_has_every_part_and_counts_the_holds_that_people_know_of(settings: Settings, tmp_path: Path) -> None:
    central = make_engines(settings.central_path)
    with central.writing() as session:
        camera = a_camera(session).camera.id
        a_hold(session, a_person(session, Role.DELEGATE), a_new_hold(of_cameras(camera)))
    central.dispose()
    told = _told(settings)
    assert str(settings.volumes[0].path) in told
    assert "Legal holds in force\n  1\n" in told
    assert "Could not be read" not in told
    sheet = tmp_path / "sheet.pdf"
    _told(settings, "--pdf", str(sheet))
    assert sheet.read_bytes().startswith(b"%PDF")
    again = CliRunner().invoke(app, ["--data", str(settings.data_dir), "inventory", "--pdf", str(sheet)])
    assert again.exit_code == 2, "a sheet that is there is not written over"


@pytest.mark.slow
def test_a_damaged_and_a_missing_database_are_said_and_keep_nothing_else_from_being_told(settings: Settings) -> None:
    settings.central_path.write_bytes(b"no database at all" * 400)
    settings.index_path.unlink()
    told = _told(settings)
    assert told.count("Could not be read") == 2
    assert f"{settings.index_path} is not there" in told
    assert str(settings.volumes[0].path) in told
    assert not settings.index_path.exists(), "looking makes no database"
    settings.central_path.unlink()
    assert f"{settings.central_path} is not there" in _told(settings)


def test_disks_are_named_as_the_kernel_names_them_to_everybody(tmp_path: Path) -> None:
    for name, files in {
        "nvme0n1": {"size": "2000409264\n", "device/model": "Samsung SSD 990  \n", "device/serial": "S7DNNJ0W\n"},
        "sda": {"size": "15628053168\n", "device/vendor": "ATA\n", "device/model": "ST8000VN\n", "device/vpd_pg80": "\0\x80\0\x08ZA1B2C3D"},
        "vda": {"size": "100\n"},
        "loop0": {"size": "8\n"},
    }.items():
        for path, content in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="latin-1")
    assert inventory.disks(tmp_path) == [
        "nvme0n1: 1,024.2 GB, Samsung SSD 990, serial S7DNNJ0W",
        "sda: 8,001.6 GB, ATA ST8000VN, serial ZA1B2C3D",
        "vda: 0.0 GB, model not told, serial not told",
    ]


def test_what_cannot_be_looked_at_is_a_line_of_its_part(tmp_path: Path) -> None:
    assert part("Disks", lambda: inventory.disks(tmp_path / "none"))[1][0].startswith("Could not be read: ")
    assert part("Disks", list)[1] == ("None.",)

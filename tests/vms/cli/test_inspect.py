"""The commands that look: what they say about an installation that has lost something."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.factories import CONSOLE
from vms.cli import app
from vms.clock import SystemClock
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store import volumes
from vms.store.database import make_engines
from vms.store.files import IDENTITY


def test_a_volume_that_is_not_mounted_is_a_violation_and_stops_nothing(tmp_path: Path) -> None:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    settings = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    index = make_engines(settings.index_path)
    with index.write.begin() as connection:
        volumes.add_bytes(connection, next(iter(volumes.numbers(connection).values())), 1_000_000)
    index.dispose()
    (settings.volumes[0].path / IDENTITY).unlink()
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check", "--json"])
    assert answer.exit_code == 1
    (violation,) = json.loads(answer.stdout)["violations"]
    assert "mount it" in violation["detail"]

"""The commands that look: what they say about an installation that has lost something."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import CONSOLE, a_branch, a_camera
from vms.cli import app
from vms.clock import SystemClock
from vms.domain.camera import CameraState, StreamStatus
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.nodes import nodes
from vms.store import volumes
from vms.store.coverage import put_states
from vms.store.database import make_engines
from vms.store.files import IDENTITY

DISTRICT = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")


def test_a_volume_that_is_not_mounted_is_a_violation_and_stops_nothing(tmp_path: Path) -> None:
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    index = make_engines(settings.index_path)
    with index.write.begin() as connection:
        volumes.add_bytes(connection, next(iter(volumes.numbers(connection).values())), 1_000_000)
    index.dispose()
    (settings.volumes[0].path / IDENTITY).unlink()
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), "check", "--json"])
    assert answer.exit_code == 1
    (violation,) = json.loads(answer.stdout)["violations"]
    assert "mount it" in violation["detail"]


def test_status_fits_a_narrow_terminal_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment since when stands in local time, to the second, in one piece."""
    since = datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC)
    settings = install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())
    central = make_engines(settings.central_path)
    with central.writing() as session:
        camera = a_camera(session, a_branch(session, "Main Street"), "Entrance").camera
        node = nodes(session)[0].id
        status = StreamStatus(camera.streams[0].id, CameraState.OFFLINE, since, "no answer from 10.20.1.11")
        put_states(session, node, [status], at=SystemClock().now())
    central.dispose()
    monkeypatch.setenv("COLUMNS", "80")
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "status"])
    assert said.exit_code == 0
    assert f"{since.astimezone():%Y-%m-%d %H:%M:%S}  " in said.stdout
    assert len(said.stdout.splitlines()) == 2

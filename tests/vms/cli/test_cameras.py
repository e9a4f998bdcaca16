"""`vms camera test`, `pause` and `resume`: what they print for a program, and what they leave behind."""

from __future__ import annotations

import json
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import CONSOLE, a_branch, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails
from vms.services.access_log import DISTRICT
from vms.services.cameras import NewCamera, add_camera, camera_for
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store.access_log import Filter, find
from vms.store.database import make_engines

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    installation = Installation(
        District(name="Alder", timezone="UTC", days=14, director="Helen Marsh"), extra_settings=(("allow_loopback_cameras", True),)
    )
    return install(tmp_path / "data", installation, actor=CONSOLE, clock=SystemClock())


@pytest.fixture
def camera(settings: Settings) -> CameraDetails:
    """A stored camera at whose address nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    central = make_engines(settings.central_path)
    with central.writing() as session:
        new = NewCamera(
            name="Entrance", branch_id=a_branch(session).id, host="127.0.0.1", port=port, username="viewer", password="camera secret"
        )
        added = done(add_camera(session, CONSOLE, new, at=SystemClock().now(), allow_loopback=True))
    central.dispose()
    return added


def _tests(settings: Settings) -> list[AccessEvent]:
    central = make_engines(settings.central_path)
    with central.reading() as session:
        found = find(session, DISTRICT, None, Filter(actions=frozenset({Action.CAMERA_TEST})), limit=10)
    central.dispose()
    return list(found)


def test_the_test_of_a_stored_camera_is_in_the_access_log(settings: Settings, camera: CameraDetails) -> None:
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "camera", "test", "Entrance", "--json"])
    verdict = json.loads(said.stdout)
    assert (said.exit_code, verdict["kind"]) == (2, "refused_connection")
    (event,) = _tests(settings)
    assert (event.camera_id, event.detail["verdict"]) == (camera.camera.id, verdict["sentence"])
    assert "camera secret" not in str(event)


@pytest.mark.parametrize(
    "url", ["rtsp://169.254.10.1/stream", "http://10.1.2.3/stream", "rtsp://10.1.2.3:0/stream", "rtsp://10.1.2.3/../b"]
)
def test_an_address_that_can_be_no_cameras_is_one_document(tmp_path: Path, url: str) -> None:
    said = CliRunner().invoke(app, ["--data", str(tmp_path), "camera", "test", "--url", url, "--json"])
    verdict = json.loads(said.stdout)
    assert (said.exit_code, verdict["ok"], verdict["kind"]) == (2, False, "bad_address")
    assert said.stderr == ""


def test_an_address_that_can_be_no_cameras_is_one_sentence_for_people(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["--data", str(tmp_path), "camera", "test", "--url", "rtsp://169.254.10.1/stream"])
    assert said.exit_code == 2
    assert "link-local" in said.stdout
    assert said.stdout.count("\n") == 1


def test_what_could_not_begin_is_a_sentence_without_a_document(settings: Settings) -> None:
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "camera", "test", "Attic", "--json"])
    assert (said.exit_code, said.stdout) == (2, "")
    assert "Attic" in said.stderr


def _paused(settings: Settings, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["--data", str(settings.data_dir), "camera", *arguments])
    return result.exit_code, result.output


def test_a_camera_is_paused_for_a_length_of_time_and_resumed(settings: Settings, camera: CameraDetails) -> None:
    assert _paused(settings, "pause", camera.camera.name, "--for", "1h30m", "--reason", "Painting.")[0] == 0
    central = make_engines(settings.central_path)
    with central.reading() as session:
        pause = done(camera_for(session, CONSOLE, camera.camera.id)).camera.pause
    central.dispose()

    assert pause is not None
    assert timedelta(minutes=80) < pause.until - SystemClock().now() <= timedelta(minutes=90)
    assert _paused(settings, "resume", camera.camera.name) == (0, f"{camera.camera.name} is not paused.\n")


@pytest.mark.parametrize(
    "arguments", [(), ("--for", "soon"), ("--for", "13h"), ("--until", "2026-11-25T18:00"), ("--for", "1h", "--until", "2026-11-25T18:00Z")]
)
def test_a_pause_without_a_clear_end_is_refused(settings: Settings, camera: CameraDetails, arguments: tuple[str, ...]) -> None:
    assert _paused(settings, "pause", camera.camera.name, "--reason", "Painting.", *arguments)[0] == 2


def test_a_priority_is_given_and_changed(settings: Settings, camera: CameraDetails) -> None:
    base = ["--data", str(settings.data_dir), "camera"]
    CliRunner().invoke(
        app, [*base, "add", "Shelves", "--branch", camera.branch.name, "--url", "rtsp://10.20.1.11/main", "--priority", "low"]
    )
    CliRunner().invoke(app, [*base, "edit", "Entrance", "--priority", "high"])
    listed = json.loads(CliRunner().invoke(app, [*base, "list", "--json"]).stdout)
    assert {one["name"]: one["priority"] for one in listed} == {"Entrance": "high", "Shelves": "low"}
    refused = CliRunner().invoke(app, [*base, "edit", "Entrance", "--priority", "highest"])
    assert refused.exit_code == 2

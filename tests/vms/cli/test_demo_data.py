"""Where the demo may work, what it takes for its own, and when its directory may be removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recorder.lock import NodeLock
from tests.factories import CONSOLE
from vms.cli import app, demo_data
from vms.cli.context import Cli
from vms.cli.demo_data import Made, Source, claimed, forgettable, make_sample_rows, own_cameras, scenes_needed
from vms.clock import SystemClock
from vms.config import Settings, load_settings
from vms.domain.ids import SessionId
from vms.domain.outcome import Refused
from vms.domain.people import Person, Role
from vms.errors import ConfigError, Conflict
from vms.services import cameras
from vms.services.branches import list_branches
from vms.services.cameras import CameraDetails, CameraEdit, NewCamera
from vms.services.district import District
from vms.services.emergency import opens_more
from vms.services.installation import Installation, install
from vms.services.people import list_people

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
INSTALLATION = Installation(District(name="Alder", timezone="UTC", days=14, director="Helen Marsh"))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "vms-demo-data", SystemClock())


@pytest.fixture
def real(tmp_path: Path) -> Settings:
    """An installation that a person set up."""
    return install(tmp_path / "real", INSTALLATION, actor=CONSOLE, clock=SystemClock())


def _started(cli: Cli, *, wanted: int = 2, port: int = 8554) -> Settings:
    """Do what a start of the demo does to its directory."""
    with claimed(cli.data_dir):
        if not (cli.data_dir / "config.toml").exists():
            install(cli.data_dir, INSTALLATION, actor=CONSOLE, clock=cli.clock)
        settings = load_settings(cli.data_dir)
        make_sample_rows(cli, settings, Source(port, wanted, "secret"))
    return settings


def _known(cli: Cli) -> list[CameraDetails]:
    with cli.reading(cli.settings()) as session:
        return cameras.list_cameras(session, cli.actor)


def _add_own(cli: Cli, *, name: str = "My porch") -> CameraDetails:
    """Add a camera as a person might: a test camera on this machine, with the very user name of the demo's."""
    with cli.writing(cli.settings()) as session:
        branch = list_branches(session, cli.actor)[0].id
        new = NewCamera(name=name, branch_id=branch, host="127.0.0.1", main_path="/mine", username="demo", password="demo")
        added = cameras.add_camera(session, cli.actor, new, at=cli.clock.now(), allow_loopback=True)
    assert not isinstance(added, Refused)
    return added


def _edit(cli: Cli, details: CameraDetails, **change: str | int) -> None:
    with cli.writing(cli.settings()) as session:
        edit = CameraEdit(version=details.camera.version, **change)  # type: ignore[arg-type]
        edited = cameras.edit_camera(session, cli.actor, details.camera.id, edit, at=cli.clock.now(), allow_loopback=True)
    assert not isinstance(edited, Refused)


@pytest.mark.parametrize("command", [["demo"], ["demo", "--forgettable"], ["demo-serve", "--listen-fd", "0", "--code-file", "code"]])
def test_an_installation_of_real_people_is_no_demo(real: Settings, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "code").write_text("00" * 32)
    command = [str(tmp_path / "code") if part == "code" else part for part in command]
    said = CliRunner(env={"VMS_ALLOW_LOOPBACK_CAMERAS": "1"}).invoke(app, ["--data", str(real.data_dir), *command])
    assert said.exit_code == 2
    assert "was not set up by vms demo" in said.stderr
    assert not (real.data_dir / demo_data.MARKER).exists()


def test_the_directory_that_was_named_is_the_one_that_is_meant(real: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`vms --data ./vms-data demo` is never quietly another directory."""
    real.data_dir.rename(tmp_path / "vms-data")
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["--data", "vms-data", "demo"])
    assert said.exit_code == 2
    assert str(tmp_path / "vms-data") in said.stderr
    assert not (tmp_path / "vms-demo-data").exists()


def test_the_demo_never_goes_to_a_database_elsewhere(tmp_path: Path) -> None:
    said = CliRunner(env={"VMS_DATABASE_URL": "postgresql://alder:secret@10.20.1.5/custodian"}).invoke(
        app, ["--data", str(tmp_path / "new"), "demo"]
    )
    assert said.exit_code == 2
    assert "database_url" in said.stderr
    assert "secret" not in said.stderr


def test_a_directory_with_something_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("somebody's")
    with pytest.raises(ConfigError, match="not set up by vms demo"), claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_directory_with_nothing_but_drawn_clips_is_taken(tmp_path: Path) -> None:
    (tmp_path / demo_data.CLIPS).mkdir()
    with claimed(tmp_path):
        assert Made.read(tmp_path) == Made()


def test_two_demos_never_share_a_directory(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(Conflict, match="runs on"), claimed(tmp_path):
        pass


def test_a_damaged_marker_stops_the_demo_with_a_sentence(cli: Cli) -> None:
    _started(cli)
    (cli.data_dir / demo_data.MARKER).write_text('{"cameras": 7}')
    with pytest.raises(ConfigError, match=r"demo\.json can't be read"), claimed(cli.data_dir):
        pass


def test_the_marker_names_every_row_that_the_demo_made(cli: Cli) -> None:
    settings = _started(cli, wanted=2)
    made = Made.read(cli.data_dir)
    assert made.cameras == {details.camera.id for details in _known(cli)}
    with cli.reading(settings) as session:
        people = list_people(session, cli.actor)
    assert not isinstance(people, Refused)
    assert made.people == {account.id for account in people}
    assert len(made.people) == len(demo_data.PEOPLE)


def test_the_branch_manager_sees_the_far_branch_in_an_emergency_only(cli: Cli) -> None:
    settings = _started(cli, wanted=4)
    assert [details.branch.name for details in sorted(_known(cli), key=lambda one: one.camera.name)].count("West") == 1
    with cli.reading(settings) as session:
        people = list_people(session, cli.actor)
        assert not isinstance(people, Refused)
        manager = next(account for account in people if account.role is Role.BRANCH_MANAGER)
        person = Person(manager.id, manager.name, manager.role, SessionId(1), manager.branches)
        assert {details.branch.name for details in cameras.list_cameras(session, person)} == {"Central"}
        assert opens_more(session, person)


def test_a_second_start_adds_nothing_and_follows_the_port(cli: Cli) -> None:
    _started(cli, port=8554)
    before = Made.read(cli.data_dir)
    _started(cli, port=8556)
    assert Made.read(cli.data_dir) == before
    assert {details.device.address.port for details in _known(cli)} == {8556}


def test_more_cameras_than_last_time_are_added_and_fewer_are_all_served(cli: Cli) -> None:
    settings = _started(cli, wanted=1)
    _started(cli, wanted=3)
    assert len(_known(cli)) == 3
    with cli.reading(settings) as session:
        assert scenes_needed(own_cameras(session, cli), wanted=1) == 3


def test_a_persons_camera_is_not_followed_to_another_port(cli: Cli) -> None:
    _started(cli)
    mine = _add_own(cli)
    _started(cli, port=9000)
    assert next(known for known in _known(cli) if known.camera.id == mine.camera.id).device.address.port == 554


def test_a_name_that_a_person_gave_away_does_not_stop_the_start(cli: Cli) -> None:
    settings = _started(cli, wanted=1)
    first = _known(cli)[0]
    with cli.writing(settings) as session:
        cameras.remove_camera(session, cli.actor, first.camera.id, at=cli.clock.now())
    mine = _add_own(cli, name=first.camera.name)
    _started(cli, wanted=1)
    assert [known.camera.id for known in _known(cli)] == [mine.camera.id]


def test_a_directory_with_the_demos_cameras_alone_may_go(cli: Cli) -> None:
    _started(cli)
    assert forgettable(cli) == 0


def test_a_camera_that_a_person_added_keeps_it(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    _started(cli)
    _add_own(cli)
    assert forgettable(cli) == 1
    assert "My porch" in capsys.readouterr().err


def test_a_camera_that_a_person_added_and_removed_keeps_it(cli: Cli) -> None:
    """Its footage stays until its own day."""
    settings = _started(cli)
    mine = _add_own(cli)
    with cli.writing(settings) as session:
        cameras.remove_camera(session, cli.actor, mine.camera.id, at=cli.clock.now())
    assert forgettable(cli) == 1


def test_a_demo_camera_that_a_person_pointed_at_their_own_keeps_it(cli: Cli) -> None:
    _started(cli)
    _edit(cli, _known(cli)[0], host="10.20.1.11", password="theirs")
    assert forgettable(cli) == 1


def test_a_demo_camera_that_was_removed_does_not_keep_it(cli: Cli) -> None:
    settings = _started(cli)
    with cli.writing(settings) as session:
        cameras.remove_camera(session, cli.actor, own_cameras(session, cli)[0].camera.id, at=cli.clock.now())
    assert forgettable(cli) == 0


def test_a_running_demo_keeps_it(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    _started(cli)
    with claimed(cli.data_dir):
        assert forgettable(cli) == 1
    assert "the demo runs" in capsys.readouterr().err


def test_a_recorder_that_was_left_behind_keeps_it(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    settings = _started(cli)
    with NodeLock(settings.run_dir / "recorder.lock"):
        assert forgettable(cli) == 1
    assert "something records" in capsys.readouterr().err


def test_a_first_start_cut_short_before_its_database_may_go(cli: Cli) -> None:
    with claimed(cli.data_dir):
        (cli.data_dir / "secrets").mkdir()
    assert forgettable(cli) == 0


def test_a_first_start_cut_short_after_its_database_is_asked_all_the_same(cli: Cli) -> None:
    """Commands work on it already, so a person may have added a camera."""
    _started(cli)
    (cli.data_dir / "config.toml").unlink()
    assert forgettable(cli) == 0
    _add_own(cli)
    assert forgettable(cli) == 1


def test_a_first_start_cut_short_within_its_database_says_why_it_stays(cli: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    with claimed(cli.data_dir):
        (cli.data_dir / "central.db").touch()
    assert forgettable(cli) == 1
    assert "nobody can tell" in capsys.readouterr().err


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["--data", str(tmp_path / "nowhere"), "demo", "--forgettable"])
    assert said.exit_code == 2
    assert "nowhere" in said.stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A working copy with what make makes in it, to clean."""
    for folder in ("deploy", ".venv/bin", ".cache/demo", "vms/__pycache__", "recorder", "retention", "web/static", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "deploy/clean.sh", tmp_path / "deploy/clean.sh")
    vms = tmp_path / ".venv/bin/vms"
    vms.write_text(f'#!/bin/sh\nexec {sys.executable} -m vms "$@"\n')
    vms.chmod(0o755)
    return tmp_path


def _clean(clone: Path) -> str:
    done = subprocess.run(
        [clone / "deploy/clean.sh"], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )  # fmt: skip
    return done.stdout + done.stderr


def test_make_clean_leaves_nothing_of_what_make_made(clone: Path, cli: Cli) -> None:
    _started(cli)
    assert _clean(clone) == ""
    left = {path.relative_to(clone).as_posix() for path in clone.rglob("*")}
    assert left == {"deploy", "deploy/clean.sh", "vms", "recorder", "retention", "web", "tests"}


def test_make_clean_leaves_the_data_of_a_persons_camera_and_says_so(clone: Path, cli: Cli) -> None:
    _started(cli)
    _add_own(cli)
    assert "My porch" in _clean(clone)
    assert json.loads((cli.data_dir / demo_data.MARKER).read_text())
    assert (cli.data_dir / "central.db").exists()

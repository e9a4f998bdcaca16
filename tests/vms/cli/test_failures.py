"""What goes wrong beneath a command is one sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store import database
from vms.store.database import make_engines

pytestmark = pytest.mark.slow

Vms = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


@pytest.fixture
def vms(settings: Settings) -> Vms:
    return lambda *arguments, stdin="": CliRunner().invoke(app, ["--data", str(settings.data_dir), *arguments], input=stdin)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)


@pytest.fixture
def held(settings: Settings) -> Iterator[None]:
    """Another process writes to the central database and does not come to an end."""
    engines = make_engines(settings.central_path)
    with engines.write.begin():
        yield
    engines.dispose()


def _garbage(settings: Settings) -> None:
    for path in settings.data_dir.glob("central.db*"):
        path.unlink()
    settings.central_path.write_bytes(b"this was a database once\n" * 1000)


def _assert_sentence(said: Result, *words: str) -> None:
    assert isinstance(said.exception, SystemExit), said.exception
    assert said.exit_code == 2
    assert said.stdout == ""
    assert said.stderr.count("\n") == 1
    for word in words:
        assert word in said.stderr


@pytest.mark.parametrize("command", [["status"], ["migrate"], ["up"], ["camera", "list", "--json"]], ids=" ".join)
def test_a_central_database_that_is_none_any_more_is_told(settings: Settings, vms: Vms, command: list[str]) -> None:
    _garbage(settings)
    _assert_sentence(vms(*command), str(settings.central_path), "not a database", "backup")


def test_doctor_names_the_database_that_is_none_any_more_and_looks_at_the_rest(settings: Settings, vms: Vms) -> None:
    _garbage(settings)
    said = vms("doctor", "--json")
    assert said.exit_code == 1
    found = {finding["what"]: finding for finding in json.loads(said.stdout)}
    assert "not a database" in found["central database"]["detail"]
    assert [what for what, finding in found.items() if not finding["ok"]] == ["central database"]


@pytest.mark.usefixtures("impatient", "held")
def test_a_locked_central_database_is_told(settings: Settings, vms: Vms) -> None:
    _assert_sentence(vms("branch", "add", "Central"), str(settings.central_path), "locked", "holds it open")


def test_a_database_server_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    said = CliRunner(env={"VMS_DATABASE_URL": "postgresql://alder:secret@127.0.0.1:1/custodian"}).invoke(
        app, ["--data", str(tmp_path), "camera", "list"]
    )
    _assert_sentence(said, "custodian on 127.0.0.1", "does not answer")
    assert "secret" not in said.stderr


@pytest.mark.parametrize("answer", ["n\n", ""], ids=["no", "end of input"])
def test_a_question_that_gets_no_yes_leaves_all_as_it_is(tmp_path: Path, answer: str) -> None:
    said = CliRunner().invoke(
        app, ["--data", str(tmp_path / "new"), "init", "--name", "Alder", "--timezone", "UTC", "--director", "H. Marsh"], input=answer
    )
    assert said.exit_code == 2
    assert "Nothing was done" in said.stderr
    assert not (tmp_path / "new").exists()

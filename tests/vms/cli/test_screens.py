"""`vms screen`: workstations and walls, added, listed and ended at the console."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.screens import enrol_screen
from vms.store.database import make_engines

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    settings = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    assert _say(settings, "branch", "add", "Harbor").exit_code == 0
    return settings


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


def _screens(settings: Settings) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(_say(settings, "screen", "list", "--json").stdout)["screens"]
    return found


def test_a_screen_is_added_with_a_code_that_enrols_its_browser_and_ended_by_its_name(settings: Settings) -> None:
    added = _say(settings, "screen", "add", "Desk 1", "--branch", "Harbor", "--kind", "workstation")
    assert added.exit_code == 0, added.stderr
    code = added.stdout.removeprefix("Code: ").strip()
    assert "Type it on the page /screens/enrol in the browser of Desk 1" in " ".join(added.stderr.split())
    (screen,) = _screens(settings)
    assert (screen["name"], screen["kind"], screen["enrolled_at"]) == ("Desk 1", "workstation", None)
    central = make_engines(settings.central_path)
    with central.writing() as session:
        assert str(done(enrol_screen(session, code, at=SystemClock().now())).screen.id) == str(screen["id"])
    central.dispose()
    assert "enrolled" in _say(settings, "screen", "list").stdout
    assert _say(settings, "screen", "end", " desk  1").stdout == "Desk 1 at Harbor is ended.\n"
    assert _screens(settings) == []


def test_of_two_screens_of_a_name_the_one_whose_number_is_given_is_ended(settings: Settings) -> None:
    assert _say(settings, "branch", "add", "Central").exit_code == 0
    for branch in ("Harbor", "Central"):
        assert _say(settings, "screen", "add", "Desk 1", "--branch", branch, "--kind", "wall").exit_code == 0
    refused = _say(settings, "screen", "end", "Desk 1")
    assert refused.exit_code == 2
    assert "Several branches have a screen ‘Desk 1’" in " ".join(refused.stderr.split())
    one, other = _screens(settings)
    assert _say(settings, "screen", "end", str(one["id"])).exit_code == 0
    assert _screens(settings) == [other]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "Desk 1", "--branch", "Nowhere", "--kind", "wall"), "Branches: ‘Harbor’"),
        (("add", "Desk 1", "--branch", "Harbor", "--kind", "door"), "door"),
        (("add", "\n", "--branch", "Harbor", "--kind", "wall"), "screen"),
        (("end", "Desk 1"), "There is no such screen ‘Desk 1’"),
    ],
)
def test_what_can_not_be_is_a_sentence_and_nothing_is_added(settings: Settings, words: tuple[str, ...], sentence: str) -> None:
    said = _say(settings, "screen", *words)
    assert said.exit_code == 2
    assert sentence in " ".join(said.stderr.split())
    assert _screens(settings) == []
    assert "No screens yet." in _say(settings, "screen", "list").stdout

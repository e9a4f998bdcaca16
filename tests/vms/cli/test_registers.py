"""`vms notice`, `vms training`, `vms placement` and `vms privacy-review`, as the console and as the people of `vms login`."""

from __future__ import annotations

import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, done
from tests.vms.cli.test_complaints import settings, sign_in
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Role
from vms.domain.placement import Check
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.store.database import make_engines

__all__ = ["settings"]
pytestmark = pytest.mark.slow


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


@pytest.fixture
def _only_for_its_owner() -> Iterator[None]:
    """As `vms` starts."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_only_for_its_owner")
def test_the_notice_is_written_twice_the_same(settings: Settings, tmp_path: Path) -> None:
    first, again = (tmp_path / name for name in ("first", "again"))
    said = _say(settings, "notice", "build", "--out", str(first))
    assert (said.exit_code, "no sign for the door" in said.stderr) == (0, True)
    assert {stat.S_IMODE(one.stat().st_mode) for one in first.iterdir()} == {0o644}, "a web server publishes them"
    assert stat.S_IMODE(first.stat().st_mode) == 0o755
    there = os.open(first / "index.html", os.O_RDONLY)
    _say(settings, "notice", "build", "--out", str(first))
    assert os.fstat(there).st_nlink == 0, "a page takes the place of the one before whole, and is never half there"
    os.close(there)
    told = json.loads(_say(settings, "notice", "build", "--out", str(again), "--json").stdout)
    assert told["files"] == ["complaint.html", "es.html", "index.html", "queja.html"]
    assert {one.name: one.read_bytes() for one in first.iterdir()} == {one.name: one.read_bytes() for one in again.iterdir()}
    (tmp_path / "file").write_text("")
    assert "can't be written" in _say(settings, "notice", "build", "--out", str(tmp_path / "file")).stderr


def test_the_registers_are_kept_from_the_command_line(settings: Settings, tmp_path: Path) -> None:
    central, at = make_engines(settings.central_path), SystemClock().now()
    with central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Harbor", timezone=None, at=at))
        done(add_camera(session, CONSOLE, NewCamera("Entrance", branch.id, "10.20.1.11"), at=at, allow_loopback=False))
    central.dispose()
    sign_in(settings, Role.DIRECTOR)
    untrained = _say(settings, "training", "list")
    assert (untrained.exit_code, "director person" in untrained.stderr) == (1, True)
    assert "in something else" in _say(settings, "training", "add", "director person", "--what", "Fire drill").stdout
    assert _say(settings, "training", "list").exit_code == 1
    assert "was trained on" in _say(settings, "training", "add", "director person").stdout
    assert _say(settings, "training", "list").exit_code == 0
    assert _say(settings, "placement", "list").exit_code == 1
    approve = ("placement", "approve", "Entrance", "--purpose", "Who comes", "--must-not-see", "Desks")
    assert "tick each line" in _say(settings, *approve, "--check", Check.SIGN.value).stderr
    assert "at Harbor" in _say(settings, *approve, *(word for check in Check for word in ("--check", check.value))).stdout
    assert _say(settings, "placement", "list").exit_code == 0
    archive = tmp_path / "evidence.zip"
    assert _say(settings, "privacy-review", "evidence", "--out", str(archive)).exit_code == 0
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert "cameras.json" in zipfile.ZipFile(archive).namelist()
    assert "SHA-256" in _say(settings, "privacy-review", "add", "--result", "All is well.").stdout
    listed = _say(settings, "privacy-review", "list")
    assert (listed.exit_code, "All is well." in listed.stdout) == (0, True)


def test_rules_are_shown_proposed_and_approved_from_the_command_line(settings: Settings, tmp_path: Path) -> None:
    document = tmp_path / "rules.json"
    sign_in(settings, Role.DELEGATE)
    assert "Version 1 is in force" in _say(settings, "rules", "show", "--out", str(document)).stdout
    assert "not there yet" in _say(settings, "rules", "show", "--out", str(document)).stderr
    told = json.loads(document.read_text())
    told["instruments"]["agency-request"]["may_be_approved"] = True
    document.write_text(json.dumps(told))
    broken = _say(settings, "rules", "propose", str(document), "--reason", "Why not")
    assert (broken.exit_code, "clause VIII" in broken.stderr) == (2, True)
    told["instruments"]["agency-request"].update(may_be_approved=False, working_days=2)
    document.write_text(json.dumps(told))
    proposed = json.loads(_say(settings, "rules", "propose", str(document), "--reason", "Sooner", "--json").stdout)
    assert "working_days" in _say(settings, "rules", "show", "--version", "2").stdout
    approve = ("rules", "approve", "2", "--sha256", proposed["sha256"])
    assert "approve rules" in _say(settings, *approve).stderr
    sign_in(settings, Role.DIRECTOR)
    assert "Version 2 is in force" in _say(settings, *approve).stdout
    shown = json.loads(_say(settings, "rules", "show", "--json").stdout)
    assert (shown["in_force"], shown["versions"][0]["approval"]["by"]) == (2, "director person")

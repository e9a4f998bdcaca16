"""`vms retention certificate`: three files of a month that is over, the same each time."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.deletion_certificate import PurgeMonth
from vms.domain.digest import month_before
from vms.services.deletion_certificates import take_month
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store import nodes
from vms.store.database import make_engines

pytestmark = pytest.mark.slow
TODAY = SystemClock().now().astimezone(UTC).date()
MONTH = f"{month_before(TODAY).first:%Y-%m}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _say(settings: Settings, month: str, out: Path) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "retention", "certificate", "--month", month, "--out", str(out)])


def _tell(settings: Settings) -> None:
    central = make_engines(settings.central_path)
    with central.writing() as session:
        told = PurgeMonth(MONTH, SystemClock().now(), (), (), None, 0, "00" * 32, None)
        take_month(session, nodes.find(session)[0].id, told)
    central.dispose()


def test_a_months_files_are_written_and_are_the_same_each_time(settings: Settings, tmp_path: Path) -> None:
    _tell(settings)
    found = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        said = _say(settings, MONTH, tmp_path / name)
        assert said.exit_code == 0, said.output
        assert [Path(line).name for line in said.stdout.split()] == [f"deletion-{MONTH}.{kind}" for kind in ("json", "note", "pdf")]
        found.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})
    assert found[0] == found[1]
    assert found[0][f"deletion-{MONTH}.pdf"].startswith(b"%PDF-")


def test_what_can_not_be_certified_is_said_in_one_sentence(settings: Settings, tmp_path: Path) -> None:
    this = f"{TODAY:%Y-%m}"
    for month, why in ((this, f"{TODAY:%B %Y} is not over yet"), ("soon", "That is no month")):
        said = _say(settings, month, tmp_path)
        assert (said.exit_code, why in said.output) == (2, True), said.output
    _tell(settings)
    nowhere = _say(settings, MONTH, tmp_path / "nowhere")
    assert (nowhere.exit_code, "can't be written" in " ".join(nowhere.output.split())) == (2, True), nowhere.output


def test_the_files_are_verified_without_the_data_and_a_changed_one_is_named(settings: Settings, tmp_path: Path) -> None:
    _tell(settings)
    _say(settings, MONTH, tmp_path)
    runner, file = CliRunner(), tmp_path / f"deletion-{MONTH}.json"
    verified = runner.invoke(app, ["--data", str(settings.data_dir), "log", "verify", "--json"])
    words = ["retention", "verify", str(file), "--key", json.loads(verified.stdout)["key"]]
    said = runner.invoke(app, words)
    assert (said.exit_code, "It is as it was signed." in said.stdout, "Not checked:" in said.stdout) == (0, True, True), said.output
    wrongs = (
        ([*words[:-1], "no key"], "no key of a log"),
        ([*words, "--log", str(file)], "no export"),
        ([*words, "--log", str(tmp_path / "nowhere")], "Give what vms log export wrote."),
        ([*words, "--log", str(file.with_suffix(".pdf"))], "Give what vms log export wrote."),
    )
    for wrong, why in wrongs:
        said = runner.invoke(app, wrong)
        assert (said.exit_code, why in " ".join(said.output.split())) == (2, True), said.output
    file.write_bytes(file.read_bytes().replace(b"Alder", b"Elder"))
    said = runner.invoke(app, [*words, "--json"])
    assert (said.exit_code, json.loads(said.stdout)["ok"], json.loads(said.stdout)["certificate"]) == (1, False, None)
    told = " ".join(runner.invoke(app, words).output.split())
    assert ("!! The file is not the one that was signed" in told, "Elder" in told) == (True, False)
    file.with_suffix(".note").unlink()
    assert "lies in the same folder" in " ".join(runner.invoke(app, words).output.split())

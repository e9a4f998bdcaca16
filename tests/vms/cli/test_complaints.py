"""`vms complaint`: entered, listed and answered as the people of `vms login`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, an_account, done
from vms.cli import app
from vms.cli.context import Cli
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.people import Proof, Role
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.sessions import open_session
from vms.store.database import make_engines
from vms.store.sealed_texts import COMPLAINT_KEY

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    district = District(name="Alder", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "complaint", *words])


def sign_in(settings: Settings, role: Role) -> None:
    central, at = make_engines(settings.central_path), SystemClock().now()
    with central.writing() as session:
        account = an_account(session, role, at=at)
        token = done(open_session(session, person_id=account.id, at=at, proof=Proof.TOTP)).token
    central.dispose()
    Cli.of(settings.data_dir, otherwise="").keep_token(token)


def test_one_is_entered_listed_shown_and_answered(settings: Settings) -> None:
    entry = ("add", "--way", "mail", "--about", "practice", "--said", "It looks at my screen.")
    assert "sign in first" in _say(settings, *entry).stderr
    sign_in(settings, Role.DESK)
    made = json.loads(_say(settings, *entry, "--json").stdout)
    number = str(made["id"])
    late = _say(settings, *entry, "--from", "2026-11-25T18:00-08:00")
    assert (late.exit_code, "Give both" in late.stderr) == (2, True)
    assert "You may not answer" in _say(settings, "answer", number, "--text", "Fine.").stderr
    sign_in(settings, Role.DIRECTOR)
    assert number in _say(settings, "list").stdout
    assert "It looks at my screen." in _say(settings, "show", number).stdout
    assert not any(b"It looks at my screen." in path.read_bytes() for path in settings.data_dir.glob("central.db*"))
    assert "answered on" in _say(settings, "answer", number, "--text", "It was turned.").stdout
    assert json.loads(_say(settings, "list", "--json").stdout)["complaints"][0]["answer"]["text"] == "It was turned."
    assert "no such complaint" in _say(settings, "show", "7").stderr


def test_the_doctor_says_whether_their_key_is_there(settings: Settings) -> None:
    def line() -> tuple[bool, str]:
        told = json.loads(CliRunner().invoke(app, ["--data", str(settings.data_dir), "doctor", "--json"]).stdout)
        return next((one["ok"], one["detail"]) for one in told if one["what"] == "what complaints and inquiries say")

    assert line() == (True, "there are none")
    sign_in(settings, Role.DESK)
    assert _say(settings, "add", "--way", "mail", "--about", "practice", "--said", "It looks at my screen.").exit_code == 0
    assert line() == (True, "their key opens the newest")
    key = settings.secrets_dir / COMPLAINT_KEY
    key.unlink()
    assert line()[0] is False
    assert "complaint_texts.key is gone. Put it back from the backup of secrets/" in line()[1]
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    assert "is not what was written there under this key" in line()[1]

"""`vms mail test` and what `vms doctor` says of the mail server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE
from tests.fakes.mail_server import Mailbox, a_mail_server
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.services.district import District
from vms.services.installation import Installation, install


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with a_mail_server() as box:
        yield box


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _mailing(settings: Settings, port: int) -> None:
    lines = f'smtp_host = "127.0.0.1"\nsmtp_port = {port}\nsmtp_security = "off"\nmail_from = "custodian@library.example"\n'
    with (settings.data_dir / "config.toml").open("a", encoding="utf-8") as file:
        file.write(lines)


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words])


def test_a_test_mail_arrives(settings: Settings, box: Mailbox) -> None:
    _mailing(settings, box.port)
    said = _say(settings, "mail", "test", "pat@library.example")
    assert (said.exit_code, [mail["to"] for mail in box.taken]) == (0, ["pat@library.example"])
    assert "took a mail for pat@library.example" in said.stderr


def test_what_keeps_a_test_mail_back_is_one_sentence(settings: Settings, box: Mailbox) -> None:
    assert "No mail server is set." in _say(settings, "mail", "test", "pat@library.example").stderr
    _mailing(settings, box.port)
    box.refused_recipient = "pat@library.example"
    refused = _say(settings, "mail", "test", "pat@library.example")
    assert (refused.exit_code, refused.stderr) == (2, "vms: The mail server did not take it: 550 5.1.1 no such mailbox.\n")
    assert "is no mail address" in _say(settings, "mail", "test", "Pat <pat@library.example>").stderr


def test_doctor_tries_the_server_and_egress_names_it(settings: Settings, box: Mailbox) -> None:
    _mailing(settings, box.port)
    found = {one["what"]: one for one in json.loads(_say(settings, "doctor", "--json").stdout)}
    assert found["mail server"] == {"what": "mail server", "ok": True, "detail": f"127.0.0.1:{box.port} takes mail"}
    assert "Nothing connects to other machines" in _say(settings, "doctor", "--egress").stdout  # it is on this one
    assert box.taken == []


def test_doctor_says_that_nobody_is_told_of_an_emergency_by_mail_as_long_as_nobody_is(settings: Settings, box: Mailbox) -> None:
    def told() -> list[dict[str, str]]:
        return [one for one in json.loads(_say(settings, "doctor", "--json").stdout) if one["what"] == "mail of emergencies"]

    (finding,) = told()
    assert finding["detail"].startswith("nobody is told")
    _mailing(settings, box.port)
    assert told() != []
    config = settings.data_dir / "config.toml"
    config.write_text(f'director_address = "director@library.example"\n{config.read_text(encoding="utf-8")}', encoding="utf-8")
    assert told() == []

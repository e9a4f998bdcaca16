"""A checkpoint a day by mail: it arrives octet for octet, says what to do with it, and shows a changed log to who kept it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests.factories import CONSOLE
from tests.fakes.mail_server import Mailbox, a_mail_server
from tests.web.world_clock import DrivenClock
from vms.cli import app
from vms.config import Settings
from vms.domain.checkpoint import read_note
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.log_key import read_log_key
from vms.store.database import Engines, make_engines
from web.jobs import Jobs


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with a_mail_server() as box:
        yield box


@pytest.fixture
def settings(tmp_path: Path, box: Mailbox) -> Settings:
    district = District(name="Alder County Library", timezone="America/Los_Angeles", days=14, director="Helen Marsh")
    installed = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=DrivenClock())
    mail = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_security": "off", "mail_from": "custodian@library.example"}
    return installed.model_copy(update=mail | {"outside_address": "clerk@county.example"})


@pytest.fixture
def central(settings: Settings) -> Iterator[Engines]:
    engines = make_engines(settings.central_path)
    yield engines
    engines.dispose()


def _kept(mail: EmailMessage, folder: Path) -> Path:
    """Save the attachment of a mail, as a clerk would."""
    (attachment,) = mail.iter_attachments()
    path = folder / (attachment.get_filename() or "")
    content = attachment.get_content()
    assert isinstance(content, bytes)
    path.write_bytes(content)
    return path


def _verify(settings: Settings, against: Path) -> int:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "log", "verify", "--against", str(against)]).exit_code


def _run(settings: Settings, central: Engines, clock: DrivenClock) -> None:
    jobs = Jobs(settings, central, read_log_key(settings), clock)
    for _ in range(2):
        jobs.checkpoint()
        jobs.send_mail()


def test_one_goes_outside_each_day_whatever_is_started_again(settings: Settings, central: Engines, box: Mailbox) -> None:
    clock = DrivenClock()
    for _ in range(2):
        _run(settings, central, clock)
    clock.step(timedelta(days=1))
    _run(settings, central, clock)
    subjects = [mail["subject"] for mail in box.taken]
    assert subjects == [f"Custodian: checkpoint of 2026-03-{day}, please keep" for day in (14, 15)]
    assert {mail["to"] for mail in box.taken} == {"clerk@county.example"}


def test_it_says_what_it_is_and_shows_a_changed_log(settings: Settings, central: Engines, box: Mailbox, tmp_path: Path) -> None:
    _run(settings, central, DrivenClock())
    (mail,) = box.taken
    body = mail.get_body(("plain",))
    assert body is not None
    said = body.get_content()
    assert "signature over the access log of Alder County Library" in said
    assert "vms log verify --against 2026-03-14.checkpoint" in said
    kept = _kept(mail, tmp_path)
    assert read_note(kept.read_text(encoding="utf-8"))[0].size == 16
    assert _verify(settings, kept) == 0
    with central.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_update"))
        connection.execute(text("UPDATE access_event SET body = replace(body, 'pat@', 'sam@') WHERE number = 1"))
    assert _verify(settings, kept) == 1


def test_without_an_outside_address_none_is_queued(settings: Settings, central: Engines, box: Mailbox) -> None:
    _run(settings.model_copy(update={"outside_address": None, "auditor_address": "auditor@library.example"}), central, DrivenClock())
    assert box.taken == []

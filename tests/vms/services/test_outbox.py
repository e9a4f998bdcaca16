"""The outbox against a real mail server on loopback: nothing is lost, nothing comes three times, and nothing is said in the clear."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.factories import NOW
from tests.fakes.mail_server import PASSWORD, USER, Mailbox, a_certificate, a_mail_server
from tests.vms.store.killed import killed_at
from tests.web.world_clock import DrivenClock
from vms.config import Settings
from vms.errors import Unavailable
from vms.services.outbox import GIVE_UP_AFTER, LONGEST_PAUSE, post, send_due
from vms.services.smtp import greet, mail_server, message_of
from vms.store.database import Engines
from vms.store.mails import Letter

BODY = "Counted in the log: ‘Children's room’, 5 days.\n\nFrom here on.\n.\nA line with a dot alone stands above."


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with a_mail_server() as box:
        yield box


@pytest.fixture
def settings(tmp_path: Path, box: Mailbox) -> Settings:
    return _settings(tmp_path, box.port)


def _settings(folder: Path, port: int, **more: object) -> Settings:
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    (secrets / "smtp_password").write_text(PASSWORD + "\n", encoding="utf-8")
    known = {"smtp_host": "127.0.0.1", "smtp_security": "off", "mail_from": "custodian@library.example"}
    return Settings(data_dir=folder, smtp_port=port, **(known | more))  # type: ignore[arg-type]


def _post(central: Engines, settings: Settings, about: str = "digest:2026-02", to: str | None = "auditor@library.example") -> None:
    with central.writing() as session:
        post(session, settings, to, about=about, subject="Custodian: ‘February’", body=BODY, at=NOW)


def _rows(central: Engines) -> list[tuple[object, ...]]:
    with central.reading() as session:
        return [tuple(row) for row in session.execute(text("SELECT about, tries, sent_at IS NOT NULL, done_at IS NOT NULL FROM mail"))]


def test_a_mail_is_taken_once_as_it_was_written(central: Engines, settings: Settings, box: Mailbox) -> None:
    for _ in range(2):
        _post(central, settings)
        send_due(central, settings, DrivenClock())
    (mail,) = box.taken
    assert mail["subject"] == "Custodian: ‘February’"
    assert (mail["from"], mail["to"], mail["auto-submitted"]) == ("custodian@library.example", "auditor@library.example", "auto-generated")
    assert mail.get_content().splitlines() == BODY.splitlines()
    assert _rows(central) == [("digest:2026-02", 1, True, True)]


def test_it_is_queued_with_the_transaction_that_causes_it_or_not_at_all(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        post(session, settings, "auditor@library.example", about="digest:2026-02", subject="s", body="b", at=NOW)
        session.rollback()
    assert _rows(central_sqlite) == []


def test_without_a_server_or_an_address_nothing_is_queued(central_sqlite: Engines, tmp_path: Path) -> None:
    none = Settings(data_dir=tmp_path)
    _post(central_sqlite, none)
    _post(central_sqlite, _settings(tmp_path, 25), to=None)
    send_due(central_sqlite, none, DrivenClock())
    assert _rows(central_sqlite) == []


def test_a_temporary_failure_is_tried_again_later_and_later(central: Engines, settings: Settings, box: Mailbox) -> None:
    clock = DrivenClock()
    box.answers = ["451 4.7.1 greylisted", "451 4.7.1 greylisted", ""]
    _post(central, settings)
    with capture_logs() as lines:
        for minutes in (0, 0.5, 0.5, 1, 1):
            clock.step(timedelta(minutes=minutes))
            send_due(central, settings, clock)
    told = [(line["event"], line["tries"], line["reason"]) for line in lines]
    assert told == [("mail not sent", tries, "The mail server did not take it: 451 4.7.1 greylisted.") for tries in (1, 2)]
    assert (len(box.taken), _rows(central)) == (1, [("digest:2026-02", 3, True, True)])


def test_one_refused_address_keeps_no_other_from_its_mail(central_sqlite: Engines, settings: Settings, box: Mailbox) -> None:
    box.refused_recipient = "gone@library.example"
    for to in ("gone@library.example", "auditor@library.example"):
        _post(central_sqlite, settings, to=to)
    with capture_logs() as lines:
        send_due(central_sqlite, settings, DrivenClock())
    assert [mail["to"] for mail in box.taken] == ["auditor@library.example"]
    assert [line["reason"] for line in lines] == ["The mail server did not take it: 550 5.1.1 no such mailbox."]


def test_after_three_days_a_mail_is_given_up_with_a_line(central: Engines, settings: Settings, box: Mailbox) -> None:
    box.refused_recipient = "auditor@library.example"
    clock = DrivenClock()
    _post(central, settings)
    with capture_logs() as lines:
        while clock.now() <= NOW + GIVE_UP_AFTER + LONGEST_PAUSE:
            send_due(central, settings, clock)
            clock.step(timedelta(minutes=30))
    assert [line["event"] for line in lines if line["event"] != "mail not sent"] == ["mail given up"]
    assert lines[-1] == {"event": "mail given up", "about": "digest:2026-02", "after_days": 3, "log_level": "warning"}
    assert [row[2:] for row in _rows(central)] == [(False, True)]


def test_a_server_that_hangs_up_gets_the_rest_at_the_next_turn(central_sqlite: Engines, settings: Settings, box: Mailbox) -> None:
    clock = DrivenClock()
    box.answers = ["", "hang up"]
    for about in ("a", "b", "c"):
        _post(central_sqlite, settings, about)
    with capture_logs() as lines:
        send_due(central_sqlite, settings, clock)
        clock.step(timedelta(minutes=1))
        send_due(central_sqlite, settings, clock)
    assert [line["event"] for line in lines] == ["mail not sent"]
    assert len(box.taken) == 3
    assert len({mail["message-id"] for mail in box.taken}) == 3


def test_a_server_that_is_away_is_said_once_a_turn_and_nothing_is_lost(central_sqlite: Engines, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    away, clock = _settings(tmp_path, port), DrivenClock()
    for about in ("a", "b"):
        _post(central_sqlite, away, about)
    with capture_logs() as lines:
        send_due(central_sqlite, away, clock)
        send_due(central_sqlite, away, clock)
    assert [line["reason"] for line in lines] == [f"The mail server 127.0.0.1:{port} can't be used: Connection refused."]
    assert [row[1:3] for row in _rows(central_sqlite)] == [(1, False), (1, False)]


def test_told_to_stop_it_begins_no_other_mail(central_sqlite: Engines, settings: Settings, box: Mailbox) -> None:
    for about in ("a", "b"):
        _post(central_sqlite, settings, about)
    send_due(central_sqlite, settings, DrivenClock(), stopping=lambda: len(box.taken) == 1)
    assert len(box.taken) == 1


@pytest.mark.slow
def test_killed_after_the_server_took_it_a_mail_comes_twice_and_says_that_it_is_the_same(
    central_sqlite: Engines, settings: Settings, box: Mailbox
) -> None:
    _post(central_sqlite, settings)
    killed_at("mail:accepted", "tests.vms.services.outbox_child", settings.data_dir, str(box.port))
    assert len(box.taken) == 1
    clock = DrivenClock()
    for _ in range(3):
        clock.step(timedelta(minutes=1))
        send_due(central_sqlite, settings, clock)
    assert [mail["message-id"] for mail in box.taken] == [box.taken[0]["message-id"]] * 2
    assert _rows(central_sqlite) == [("digest:2026-02", 2, True, True)]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_over_tls_it_signs_in_with_the_password_of_the_file(central_sqlite: Engines, tmp_path: Path, security: str) -> None:
    certificate = a_certificate(tmp_path)
    with a_mail_server(**{security: certificate}) as box:
        settings = _settings(
            tmp_path, box.port, smtp_host="localhost", smtp_security=security, smtp_ca=certificate.certificate, smtp_user=USER
        )
        _post(central_sqlite, settings)
        send_due(central_sqlite, settings, DrivenClock())
        assert greet(settings) == f"localhost:{box.port} takes mail and the password"
    assert (len(box.taken), set(box.passwords)) == (1, {PASSWORD})


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("plain", "STARTTLS extension not supported by server"),
        ("untrusted", "its certificate is not trusted \\(self-signed certificate\\)"),
    ],
)
def test_a_password_is_told_to_nobody_who_is_not_known(tmp_path: Path, server: str, said: str) -> None:
    certificate = a_certificate(tmp_path) if server == "untrusted" else None
    with a_mail_server(starttls=certificate) as box:
        settings = _settings(tmp_path, box.port, smtp_host="localhost", smtp_security="starttls", smtp_user=USER)
        with pytest.raises(Unavailable, match=said):
            greet(settings)
    assert box.passwords == []


def test_a_wrong_password_is_said_and_never_shown(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path)
    with a_mail_server(tls=certificate) as box:
        settings = _settings(tmp_path, box.port, smtp_security="tls", smtp_ca=certificate.certificate, smtp_user=USER)
        settings.smtp_password_path.write_text("another", encoding="utf-8")
        with pytest.raises(Unavailable, match="535 5\\.7\\.8 Authentication credentials invalid") as told:
            greet(settings)
    assert "another" not in str(told.value)


def test_a_server_that_says_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.smtp.TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            greet(_settings(tmp_path, listener.getsockname()[1]))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("field", ["subject", "recipient"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_no_header_can_be_slipped_in(settings: Settings, box: Mailbox, field: str, end: str) -> None:
    parts = {"subject": "Hello", "recipient": "auditor@library.example"}
    parts[field] += f"{end}Bcc: eve@elsewhere.example"
    letter = Letter(1, "test", parts["recipient"], parts["subject"], "body", NOW)
    with pytest.raises(ValueError, match=r"."):
        message_of(letter, "custodian@library.example")
    with mail_server(settings) as server, pytest.raises(Unavailable, match="can't be written as a mail"):
        server.hand_over(letter)
    assert box.taken == []

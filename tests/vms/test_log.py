"""Log lines: events with fields, and no credential in them, whoever writes and whatever is raised."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.log import HIDDEN, configure, get_logger, redact

_SECRET = "hunter2-s3cret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://admin:hunter2-s3cret@10.20.1.11:554/main", f"rtsp://{HIDDEN}@10.20.1.11:554/main"),
        ("no answer from rtsp://admin:p@ss:w/rd@10.20.1.11/main, giving up", f"no answer from rtsp://{HIDDEN}@10.20.1.11/main, giving up"),
        ("postgresql://vms:hunter2-s3cret@db/vms", f"postgresql://{HIDDEN}@db/vms"),
        ("GET /cgi?user=admin&password=hunter2-s3cret&channel=1", f"GET /cgi?user=admin&password={HIDDEN}&channel=1"),
        ('Authorization: Digest username="admin", response="abc"', f"Authorization: {HIDDEN}"),
        ("Cookie: __Host-vms=abc; other=def", f"Cookie: {HIDDEN}"),
        ('{"password": "hunter2-s3cret", "name": "x"}', f'{{"password": {HIDDEN}, "name": "x"}}'),
        ("rtsp://10.20.1.11:554/main", "rtsp://10.20.1.11:554/main"),
        ("mail pat@example.org about it", "mail pat@example.org about it"),
    ],
)
def test_credentials_are_taken_out_of_text(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Zs", "Cc", "Zl", "Zp"), blacklist_characters="\"'<>"), min_size=8))
def test_whatever_the_password_is_a_url_does_not_show_it(password: str) -> None:
    assert password not in redact(f"could not open rtsp://viewer:{password}@10.20.1.11/main") or password in "viewer@10.20.1.11/main"


def test_a_line_is_an_event_with_fields(log_lines: io.StringIO) -> None:
    get_logger("vms.test").info("segment committed", camera=5, reason="cut")
    line = json.loads(log_lines.getvalue())
    assert (line["event"], line["camera"], line["reason"], line["level"]) == ("segment committed", 5, "cut", "info")
    assert line["timestamp"].endswith("Z")


def test_no_field_carries_a_credential(log_lines: io.StringIO) -> None:
    address = f"rtsp://admin:{_SECRET}@10.20.1.11/main"
    get_logger("vms.test").warning(
        f"no answer from {address}",
        url=address,
        password=_SECRET,
        nested={"token": _SECRET, "tried": [address, (address,)]},
        error=OSError(address),
    )
    assert _SECRET not in log_lines.getvalue()
    assert "10.20.1.11" in log_lines.getvalue()


def test_no_exception_carries_a_credential(log_lines: io.StringIO) -> None:
    try:
        _fail()
    except ConnectionError:
        get_logger("vms.test").exception("camera lost")
    line = json.loads(log_lines.getvalue())
    assert _SECRET not in log_lines.getvalue()
    assert "ConnectionError" in line["exception"]


def test_lines_of_libraries_are_redacted_too(log_lines: io.StringIO) -> None:
    library = logging.getLogger("some.library")
    library.warning("reconnecting to %s", f"rtsp://admin:{_SECRET}@10.20.1.11/main")
    try:
        _fail()
    except ConnectionError:
        library.exception("lost")
    assert _SECRET not in log_lines.getvalue()
    first, second = (json.loads(line) for line in log_lines.getvalue().splitlines())
    assert (first["event"], first["level"]) == (f"reconnecting to rtsp://{HIDDEN}@10.20.1.11/main", "warning")
    assert "ConnectionError" in second["exception"]


def test_a_quieter_level_leaves_lines_out(log_lines: io.StringIO) -> None:
    configure("json", "warning", log_lines)
    get_logger("vms.test").info("every second")
    logging.getLogger("some.library").info("every second")
    assert log_lines.getvalue() == ""


def test_the_console_shows_the_same_without_secrets(log_lines: io.StringIO) -> None:
    configure("console", "info", log_lines)
    get_logger("vms.test").info("connecting", url=f"rtsp://admin:{_SECRET}@10.20.1.11/main")
    assert "connecting" in log_lines.getvalue()
    assert _SECRET not in log_lines.getvalue()


def _fail() -> None:
    try:
        _read_camera()
    except OSError as err:
        raise ConnectionError(f"password={_SECRET}") from err


def _read_camera() -> None:
    raise OSError(f"rtsp://admin:{_SECRET}@10.20.1.11/main timed out")

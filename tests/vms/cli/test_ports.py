"""The demo's two port searches: on past what is taken, aloud, and past nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vms.cli import ports
from vms.cli.ports import bind_next_free, free_port
from vms.cli.run import PortTaken
from vms.config import Settings, load_settings
from vms.errors import ConfigError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def test_the_demo_cameras_listen_on_the_next_free_port(taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = free_port(taken)
    assert taken < found < taken + ports.PORTS_TRIED
    assert f"Port {taken} is taken; the demo cameras listen on {found}." in capsys.readouterr().err


def test_a_free_port_is_taken_as_it_is(settings: Settings, taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    free = free_port(taken)
    capsys.readouterr()
    assert free_port(free) == free
    with bind_next_free(settings, "127.0.0.1", free) as sock:
        assert sock.getsockname()[1] == free
    assert capsys.readouterr().err == ""


def test_the_pages_are_on_the_next_free_port(settings: Settings, taken: int, capsys: pytest.CaptureFixture[str]) -> None:
    with bind_next_free(settings, "127.0.0.1", taken) as sock:
        assert f"Port {taken} is taken; the pages are on {sock.getsockname()[1]}." in capsys.readouterr().err


def test_when_none_of_the_ports_is_free_it_says_which_were_tried(settings: Settings, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PORTS_TRIED", 1)
    with pytest.raises(ConfigError, match=f"No port from {taken} to {taken} is free for the pages"):
        bind_next_free(settings, "127.0.0.1", taken)
    with pytest.raises(ConfigError, match=f"No port from {taken} to {taken} is free for the demo cameras"):
        free_port(taken)


def test_the_search_ends_at_the_last_port_there_is(settings: Settings) -> None:
    with bind_next_free(settings, "127.0.0.1", 65535), pytest.raises(ConfigError, match="No port from 65535 to 65535"):
        bind_next_free(settings, "127.0.0.1", 65535)


def test_a_missing_certificate_is_the_reason_and_no_port(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="there is no certificate") as refused:
        bind_next_free(settings, "0.0.0.0", 9100)  # noqa: S104 - what must be refused
    assert not isinstance(refused.value, PortTaken)


def test_an_address_that_is_not_this_machines_is_the_reason_and_no_port(settings: Settings) -> None:
    certified = settings.model_copy(update={"tls_cert": settings.data_dir / "cert.pem", "tls_key": settings.data_dir / "key.pem"})
    with pytest.raises(ConfigError, match=r"Can't listen on 192\.0\.2\.1:9100") as refused:
        bind_next_free(certified, "192.0.2.1", 9100)
    assert not isinstance(refused.value, PortTaken)

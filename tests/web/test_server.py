"""The server process: serves on the socket it is given, says when it is ready, ends in order."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from tests.waiting import wait_until
from tests.web.serving import loopback_socket
from vms.clock import SystemClock
from vms.config import Settings
from vms.crypto import new_signing_key
from vms.errors import ConfigError
from vms.store.database import make_engines
from web.app import open_site
from web.certificate import ServedCertificate
from web.server import configuration

SERVE = """
import socket, sys
from pathlib import Path
import web
from vms.clock import SystemClock
from vms.config import load_settings
sock = socket.socket(fileno=int(sys.argv[2]))
sys.exit(web.run(load_settings(Path(sys.argv[1])), SystemClock(), sock, announce=lambda port: print(port, flush=True)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_announces_its_port_and_ends_in_order(settings: Settings, number: signal.Signals) -> None:
    settings.secrets_dir.mkdir()
    for path in (settings.grant_key_path, settings.log_key_path):
        path.write_bytes(new_signing_key())
    sock = loopback_socket()
    command = [sys.executable, "-c", SERVE, str(settings.data_dir), str(sock.fileno())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(sock.fileno(),), text=True) as process:
        port = sock.getsockname()[1]
        sock.close()
        assert process.stdout is not None
        assert int(process.stdout.readline()) == port
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").text == "ok"
        process.send_signal(number)
        wait_until(lambda: process.poll() is not None)
    assert process.returncode in (0, -number)


def test_video_is_never_deflated_and_nothing_is_written_about_who_asked_what() -> None:
    config = configuration(FastAPI(), ServedCertificate(None))
    assert config.ws_per_message_deflate is False
    assert config.access_log is False
    assert config.server_header is False
    assert config.proxy_headers is False


def test_a_database_of_another_version_stops_the_start(tmp_path: Path) -> None:
    make_engines(tmp_path / "central.db").dispose()
    with pytest.raises(ConfigError, match="vms migrate"):
        open_site(Settings(data_dir=tmp_path), SystemClock())

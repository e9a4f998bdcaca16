"""Nothing calls out: the demo runs in a network whose only way out leads to a canary, which hears nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.canary import NAME_SERVER, Canary, canary
from tests.product import Product, share_clips

pytestmark = pytest.mark.slow

CALLER = """
import socket
for family, address in ((socket.AF_INET, "198.51.100.7"), (socket.AF_INET6, "2001:db8:1::7")):
    with socket.socket(family) as caller:
        caller.settimeout(0.1)
        caller.connect_ex((address, 443))
try:
    socket.getaddrinfo("telemetry.example", 443)
except OSError:
    pass
"""
VISITOR = """
import sys, httpx
page, code = sys.argv[1].split("/#code=")
with httpx.Client(base_url=page, headers={"sec-fetch-site": "same-origin", "accept": "text/html"}, timeout=20, trust_env=False) as browser:
    opened = browser.post("/demo/session", json={"code": code})
    for role in ("desk", "director", "it", "auditor"):
        token = opened.headers["set-cookie"].partition(";")[0]
        for path in ("/", "/live", "/playback", "/cameras", "/cameras/new", "/log", "/login", "/healthz", "/api/v1/cameras", "/api/v1/log"):
            assert browser.get(path, headers={"cookie": token}).status_code < 500, path
        opened = browser.post("/demo/switch", data={"role": role}, headers={"cookie": token})
        assert opened.status_code == 303, role
"""


class Isolated(Product):
    """The product within the canary's network."""

    def __init__(self, data: Path, canary: Canary) -> None:
        super().__init__(data)
        self._canary = canary

    def command(self, *arguments: str) -> list[str]:
        return self._canary.inside(*super().command(*arguments))


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Canary]:
    with canary(tmp_path) as made:
        yield made


def test_the_canary_hears_who_calls_out(listener: Canary) -> None:
    subprocess.run(listener.inside(sys.executable, "-c", CALLER), check=True)
    heard = set(listener.packets())
    assert {"protocol 6 to 198.51.100.7", "protocol 6 to 2001:db8:1::7", f"protocol 17 to {NAME_SERVER}"} <= heard


def test_the_demo_calls_nobody(tmp_path: Path, listener: Canary) -> None:
    """Recorder, web server, jobs and demo cameras, from their start to their end, pages of every role and commands in between."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    share_clips(data / "demo-cameras")
    product = Isolated(data, listener)
    with product.running("demo", "--listen", "127.0.0.1:8080", "--cameras", "1") as demo:
        page = demo.line(r"(http://localhost:\d+/#code=\S+)").group(1)
        subprocess.run(listener.inside(sys.executable, "-c", VISITOR, page), check=True)
        product.must("status", "--json")
        assert product.must("doctor", "--egress", "--json").document() == []
        product.vms("doctor", "--json")
        assert demo.stop() == 0
    product.must("log", "verify", "--json")
    product.must("check", "--deep", "--json")
    assert listener.packets() == []

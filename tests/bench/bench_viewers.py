"""CPU of the web server, the node API and the workers for live viewers, by headless windows with real sessions, against bare sockets.

A viewer is one camera in one window. The floor writes as many messages of the same size at the same pace to as many bare
sockets, in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pyotp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.bench.fan_out import seconds_per_message
from tests.bench.report import Row, publish
from tests.product import CameraProcess, Product, Running, free_port, sign_in, sign_in_again
from tests.waiting import is_listening, wait_until
from web.security import COOKIE

CAMERAS = 16
SOURCES = 4
"""Drawn once and cached; each is added four times."""
SETTLE_SECONDS = 4.0
SECONDS = 15.0
FLOOR_SECONDS = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
DESK = ("d.nakamura", "a long enough password")
IT = ("t.okafor", "another long password")
PROCESSES = {"web": "serve", "node_api": "recorder.node_api", "workers": "recorder.worker"}
"""A word of each process's command line."""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    what: str
    windows: int
    cameras: int
    stream: str

    @property
    def viewers(self) -> int:
        return self.windows * self.cameras


LOADS = (Load("100 windows x 1 camera, main stream", 100, 1, "main"), Load("5 windows x 16 cameras, sub-stream", 5, 16, "auto"))


@dataclass(slots=True)
class Received:
    messages: int = 0
    octets: int = 0


AUTHENTICATORS: dict[tuple[str, str], pyotp.TOTP] = {}
"""Of the accounts, once they are set up."""


@dataclass(frozen=True)
class Pages:
    """The running product, reached as a browser does."""

    running: Running
    origin: str
    tls: ssl.SSLContext | None

    @contextmanager
    def signed_in(self, account: tuple[str, str]) -> Iterator[httpx.Client]:
        headers = {"sec-fetch-site": "same-origin"}
        with httpx.Client(base_url=self.origin, headers=headers, verify=self.tls or True, trust_env=False, timeout=60) as client:
            if account in AUTHENTICATORS:
                sign_in_again(client, *account, AUTHENTICATORS[account])
            else:
                AUTHENTICATORS[account] = sign_in(client, *account)
            yield client


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data")
        product.init()
        for (name, password), role in ((DESK, "desk"), (IT, "it")):
            product.must("user", "add", name, "--role", role, "--password-stdin", stdin=password + "\n")
        with CameraProcess(Path(folder), count=SOURCES) as cameras:
            with _running(product, None) as pages:
                _add_cameras(pages, cameras)
                rows = _measured(product, pages)
            with _running(product, _certificate(product, Path(folder))) as pages:
                rows += [row | {"what": f"{row['what']}, TLS"} for row in _measured(product, pages)]
    return publish("viewers", rows)


@contextmanager
def _running(product: Product, tls: ssl.SSLContext | None) -> Iterator[Pages]:
    port = free_port()
    with product.running("up", "--listen", f"127.0.0.1:{port}") as running:
        running.line("Custodian runs at")
        wait_until(lambda: is_listening(product.data / "run" / "node.sock"), seconds=90)
        yield Pages(running, f"{'https' if tls else 'http'}://localhost:{port}", tls)


def _add_cameras(pages: Pages, cameras: CameraProcess) -> None:
    """Add the first with both streams, the others with their small picture only: what nobody watches is not what is measured."""
    with pages.signed_in(IT) as client:
        branch = re.findall(r'<option value="(\d+)"[^>]*>Central', client.get("/cameras/new", headers={"accept": "text/html"}).text)[0]
        for number in range(CAMERAS):
            source = cameras.cameras[number % SOURCES]
            order = {"name": f"Camera {number + 1:02}", "branch": branch, "host": "127.0.0.1", "port": cameras.port}
            order |= {"username": CameraProcess.USERNAME, "password": CameraProcess.PASSWORD}
            streams = {"main_path": source["sub"]} if number else {"main_path": source["main"], "sub_path": source["sub"]}
            answer = client.post("/api/v1/cameras", json=order | streams)
            assert answer.status_code == 201, answer.text


def _measured(product: Product, pages: Pages) -> list[Row]:
    wait_until(lambda: _all_record(product), seconds=120)
    with pages.signed_in(DESK) as client:
        token = client.headers["cookie"].partition("=")[2]
        ids = [camera["id"] for camera in client.get("/api/v1/cameras").json()["cameras"]]
    return [_idle(pages), *(asyncio.run(_watched(pages, load, token, ids)) for load in LOADS)]


def _all_record(product: Product) -> bool:
    return all(camera["state"] == "recording" for camera in product.must("status", "--json").document()["cameras"])


def _idle(pages: Pages) -> Row:
    before = _cpu(pages)
    time.sleep(SECONDS)
    return {"what": "nobody watches", "n": 0, **_percent(before, _cpu(pages), SECONDS)}


async def _watched(pages: Pages, load: Load, token: str, ids: list[int]) -> Row:
    """Open the windows, let them settle, count what arrives and what it costs; then the floor with the same figures."""
    received = Received()
    async with AsyncExitStack() as stack:
        windows = [await stack.enter_async_context(_window(pages, token)) for _ in range(load.windows)]
        for window in windows:
            for channel, camera in enumerate(ids[: load.cameras], 1):
                await window.send(json.dumps({"t": "sub", "ch": channel, "camera": camera, "stream": load.stream}))
        readers = [asyncio.create_task(_read(window, received)) for window in windows]
        await asyncio.sleep(SETTLE_SECONDS)
        before, messages, octets, begun = _cpu(pages), received.messages, received.octets, time.monotonic()
        await asyncio.sleep(SECONDS)
        after, seconds = _cpu(pages), time.monotonic() - begun
        messages, octets = received.messages - messages, received.octets - octets
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return _row(load, messages, octets, _percent(before, after, seconds), seconds)


def _row(load: Load, messages: int, octets: int, percent: Row, seconds: float) -> Row:
    rate = messages / seconds / load.viewers
    us = float(percent["web_percent"]) / 100 * seconds / messages * 1e6
    floor_us = 1e6 * seconds_per_message(
        sockets=load.viewers, message_bytes=octets // messages, rounds_a_second=rate, seconds=FLOOR_SECONDS
    )
    return {
        "what": load.what,
        "n": messages,
        "pictures_a_second": rate,
        "kb_a_picture": octets / messages / 1000,
        **percent,
        "web_percent_per_viewer": float(percent["web_percent"]) / load.viewers,
        "web_us_per_message": us,
        "floor_us_per_message": floor_us,
        "ratio_to_floor": us / floor_us,
    }


def _window(pages: Pages, token: str) -> connect:
    return connect(
        f"{pages.origin.replace('http', 'ws', 1)}/api/v1/ws",
        additional_headers=_cookie(token),
        origin=Origin(pages.origin),
        ssl=pages.tls,
        compression=None,
        max_size=MAX_MESSAGE_BYTES,
        proxy=None,
    )


async def _read(window: ClientConnection, received: Received) -> None:
    async for message in window:
        if isinstance(message, bytes):
            received.messages += 1
            received.octets += len(message)


def _cookie(token: str) -> Mapping[str, str]:
    return {"cookie": f"{COOKIE}={token}"}


def _percent(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> Row:
    return {f"{name}_percent": (after[name] - before[name]) / seconds * 100 for name in before}


def _cpu(pages: Pages) -> dict[str, float]:
    """Return the CPU seconds so far of each kind of process below `vms up`."""
    spent = dict.fromkeys(PROCESSES, 0.0)
    for pid in _below(pages.running.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        for name, word in PROCESSES.items():
            if word.encode() in command:
                user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
                spent[name] += (int(user) + int(system)) / TICKS_A_SECOND
    return spent


def _below(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return children + [below for child in children for below in _below(child)]


def _certificate(product: Product, folder: Path) -> ssl.SSLContext:
    """Make a certificate for localhost, set it, and return what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    now = datetime.now(UTC)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256())
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    unencrypted = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted))
    product.environment |= {"VMS_TLS_CERT": str(certificate), "VMS_TLS_KEY": str(secret)}
    return ssl.create_default_context(cafile=str(certificate))


if __name__ == "__main__":
    sys.exit(main())

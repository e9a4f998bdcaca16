"""The product as a person runs it: `vms` commands in processes of their own, on a data directory of the test's."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pyotp

from recorder.demo.stream import Start
from tests.fakes.cameras import CACHE
from tests.forked import Said, run_forked
from tests.waiting import wait_until

READY_SECONDS = 220.0
"""The first start draws the demo's scenes, minutes on a machine that is busy with other tests; `faulthandler_timeout` is 240 s."""
STOP_SECONDS = 40.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Product:
    """One data directory and the `vms` command on it."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.environment = {**os.environ, "VMS_ALLOW_LOOPBACK_CAMERAS": "1", **environment}

    def vms(self, *arguments: str, stdin: str = "", timeout: float = 60) -> Said:
        return run_forked(("--data", str(self.data), *arguments), self.environment, stdin=stdin, timeout=timeout)

    def must(self, *arguments: str, stdin: str = "") -> Said:
        said = self.vms(*arguments, stdin=stdin)
        assert said.code == 0, said.err or said.out
        return said

    def segment(self, segment_id: str) -> bytes:
        """Return a segment's decrypted bytes by `vms segment cat`."""
        return self.must("segment", "cat", segment_id).written

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "vms", "--data", str(self.data), *arguments]

    def init(self, *, timezone: str = "America/Los_Angeles") -> None:
        self.must("init", "--name", "Alder County Library District", "--timezone", timezone, "--director", "Helen Marsh", "--yes")
        self.must("branch", "add", "Central")

    @contextmanager
    def running(self, *arguments: str) -> Iterator[Running]:
        """Run a command that goes on until stopped; it is stopped at the end, by SIGTERM."""
        with Running(self.command(*arguments), self.environment) as running:
            yield running


class Running:
    """A process whose lines are read as they come."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment, process_group=0
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(5)
            if self.process.stdout is not None:
                self.process.stdout.close()

    def line(self, pattern: str, *, seconds: float = READY_SECONDS) -> re.Match[str]:
        """Return the first line that matches, waiting for it; the AssertionError holds everything said."""

        def found() -> re.Match[str] | None:
            assert self.process.poll() is None or self._reader.is_alive(), f"it ended before it said {pattern}"
            return next((match for line in list(self.lines) if (match := re.search(pattern, line))), None)

        try:
            return wait_until(found, seconds=seconds)
        except AssertionError as err:
            err.add_note("".join(self.lines))
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)


def sign_in(client: httpx.Client, name: str, password: str) -> pyotp.TOTP:
    """Sign somebody in who has a password alone, and set up the second factor, as a program would; the client keeps the cookie.

    Returns the authenticator.
    """
    client.headers["sec-fetch-site"] = "same-origin"
    _keep_cookie(client, client.post("/api/v1/session", json={"name": name, "password": password}))
    _keep_cookie(client, client.post("/account/authenticator"))
    shown = re.search(r'class="mono">([A-Z2-7 ]+)<', client.get("/account/authenticator").text)
    assert shown is not None
    authenticator = pyotp.TOTP(shown[1].replace(" ", ""))
    _keep_cookie(client, client.post("/account/authenticator/code", data={"code": authenticator.now()}))
    assert client.get("/api/v1/me").json()["must_enrol"] is False
    return authenticator


def sign_in_again(client: httpx.Client, name: str, password: str, authenticator: pyotp.TOTP) -> None:
    """Sign in with the code of an authenticator; each code opens one thing, so half a minute lies between two of these."""
    client.headers["sec-fetch-site"] = "same-origin"
    _keep_cookie(client, client.post("/api/v1/session", json={"name": name, "password": password, "code": authenticator.now()}))


def _keep_cookie(client: httpx.Client, answer: httpx.Response) -> None:
    """The cookie is marked Secure: httpx would keep it for https."""
    assert answer.status_code in (200, 303), answer.text
    if "set-cookie" in answer.headers:
        client.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]


@contextmanager
def running_demo(data: Path, *arguments: str) -> Iterator[tuple[Product, Running, str]]:
    """Run `vms demo` on `data`; yields the product, its process, and the address with the one-time code."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    share_clips(data / "demo-cameras")
    product = Product(data)
    with product.running("demo", "--listen", f"127.0.0.1:{free_port()}", *arguments) as running:
        yield product, running, running.line(r"(http://localhost:\d+/#code=\S+)").group(1)


def share_clips(folder: Path) -> None:
    """Let a data directory use the clips that an earlier test drew."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        folder.symlink_to(CACHE)


class CameraProcess(Running):
    """`python -m recorder.demo` in a process of its own, with its control socket: cameras that can be told to fail."""

    USERNAME = "viewer"
    PASSWORD = "correct horse: battery/staple?"

    def __init__(self, folder: Path, *, count: int = 1, start: Start = Start.IMMEDIATE, more: Sequence[str] = ()) -> None:
        secret, self._control = folder / "camera-password", folder / "control.sock"
        secret.write_text(self.PASSWORD, encoding="utf-8")
        arguments = ["--listen", "127.0.0.1:0", "--cameras", str(count), "--cache", str(CACHE), "--start", start]
        credential = ["--user", self.USERNAME, "--password-file", str(secret), "--control", str(self._control)]
        super().__init__([sys.executable, "-m", "recorder.demo", *arguments, *credential, *more], dict(os.environ))

    def __enter__(self) -> Self:
        super().__enter__()
        ready = json.loads(self.line(r'(\{"ready".*)').group(1))
        self.port: int = ready["port"]
        self.cameras: list[dict[str, str]] = ready["cameras"]
        self.certificate: str | None = ready.get("certificate")
        """Fingerprint, when they serve over rtsps (`--tls`)."""
        return self

    def url(self, number: int = 0, stream: str = "main") -> str:
        return f"{'rtsps' if self.certificate else 'rtsp'}://127.0.0.1:{self.port}{self.cameras[number][stream]}"

    def tell(self, do: str, **order: str | float) -> dict[str, Any]:
        """Give one order and return the answer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self._control))
            sock.sendall(json.dumps({"do": do, **order}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(sock.makefile().readline())
        assert answer.pop("ok"), answer
        return answer

    def add_to(self, product: Product, number: int = 0, *, name: str | None = None) -> None:
        """Add one of these cameras, main and sub-stream, by the command line."""
        camera = self.cameras[number]
        addresses = ("--url", self.url(number), "--sub-url", self.url(number, "sub"))
        credential = ["--user", self.USERNAME, "--password-stdin", *(["--certificate", self.certificate] if self.certificate else [])]
        product.must("camera", "add", name or camera["name"], "--branch", "Central", *addresses, *credential, stdin=self.PASSWORD + "\n")

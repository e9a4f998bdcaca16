"""A canary: one unusual password for cameras good and bad, then searched for in everything the product says, writes and shows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from recorder.demo.auth import REALM
from tests.fakes.eavesdropper import Eavesdropper, answers, eavesdropping
from tests.processes import descendants
from tests.product import CameraProcess, Product, Running, free_port, sign_in
from tests.waiting import is_listening, wait_until

pytestmark = pytest.mark.slow

CANARY = "Kan4rienvogel/7+singt? nie:laut"
IT = ("t.okafor", "another long password")
DIGEST = f'WWW-Authenticate: Digest realm="{REALM}", nonce="0123456789abcdef", qop="auth", algorithm=MD5'
BASIC = f'WWW-Authenticate: Basic realm="{REALM}"'


class SecretCameras(CameraProcess):
    PASSWORD = CANARY


def forms_of(secret: str, username: str) -> dict[str, bytes]:
    """Return every form in which a program might let it out, the hash that is as good as the password included."""
    raw, pair = secret.encode(), f"{username}:{secret}".encode()
    known = f"{username}:{REALM}:{secret}".encode()
    return {
        "plain": raw,
        "in a URL": quote(secret, safe="").encode(),
        "in JSON": json.dumps(secret)[1:-1].encode(),
        "in HTML": raw.replace(b"+", b"&#43;"),
        "in hex": raw.hex().encode(),
        "base64": base64.b64encode(raw).rstrip(b"="),
        "Basic": base64.b64encode(pair).rstrip(b"="),
        "MD5 of Digest": hashlib.md5(known).hexdigest().encode(),  # noqa: S324 -- what RFC 2617 sends in its place
        "SHA-256 of Digest": hashlib.sha256(known).hexdigest().encode(),
    }


FORMS = forms_of(CANARY, CameraProcess.USERNAME)


def leaks(where: str, what: bytes) -> list[str]:
    return [f"{form} in {where}" for form, secret in FORMS.items() if secret in what]


@dataclass(frozen=True)
class Watched:
    """A running installation whose cameras all have the canary, and who listened at the bad ones."""

    product: Product
    up: Running
    origin: str
    states: dict[str, dict[str, str]]
    listeners: dict[str, Eavesdropper]
    said: bytes
    """What the commands printed."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("canary")
    product, listen = Product(folder / "data", VMS_LOG_LEVEL="debug", VMS_LOG_FORMAT="json"), f"127.0.0.1:{free_port()}"
    product.init()
    product.must("user", "add", IT[0], "--role", "it", "--password-stdin", stdin=IT[1] + "\n")
    with SecretCameras(folder, more=["--tls"]) as cameras, eavesdropping(answers("200 OK")) as elsewhere:
        redirect = answers("302 Moved Temporarily", f"Location: rtsp://127.0.0.1:{elsewhere.port}/main")
        with (
            eavesdropping(redirect) as redirecting,
            eavesdropping(answers("401 Unauthorized", BASIC)) as basic,
            eavesdropping(answers("401 Unauthorized", DIGEST)) as digest,
        ):
            listeners = {"Elsewhere": elsewhere, "Redirecting": redirecting, "Basic": basic, "Digest": digest}
            said = _add_cameras(product, cameras, listeners)
            with product.running("up", "--listen", listen) as up:
                states = wait_until(lambda: _settled(product), seconds=90)
                wait_until(lambda: is_listening(product.data / "run" / "node.sock"), seconds=60)
                yield Watched(product, up, f"http://{listen}", states or {}, listeners, said)


def _add_cameras(product: Product, cameras: CameraProcess, listeners: dict[str, Eavesdropper]) -> bytes:
    cameras.add_to(product, name="Good")
    said = []
    addresses = {"Redirecting": "rtsp", "Basic": "rtsp", "Digest": "rtsp"}
    for name, scheme in addresses.items():
        given = ("--url", f"{scheme}://127.0.0.1:{listeners[name].port}/main", "--user", cameras.USERNAME, "--password-stdin")
        said.append(product.must("camera", "add", name, "--branch", "Central", *given, stdin=CANARY + "\n"))
        said.append(product.vms("camera", "test", name, "--json"))
    url = ("--url", cameras.url(), "--user", cameras.USERNAME, "--password-stdin", "--certificate", "AB:" * 31 + "CD")
    said.append(product.must("camera", "add", "Replaced", "--branch", "Central", *url, stdin=CANARY + "\n"))
    said.append(product.vms("camera", "test", *url, stdin=CANARY + "\n"))
    return "".join(one.out + one.err for one in said).encode()


def _settled(product: Product) -> dict[str, dict[str, str]] | None:
    found = {camera["name"]: camera for camera in product.must("status", "--json").document()["cameras"]}
    expected = {"Good": "recording", "Redirecting": "refused", "Basic": "refused", "Digest": "refused", "Replaced": "refused"}
    return found if {name: camera["state"] for name, camera in found.items()} == expected else None


def test_each_camera_that_would_draw_the_password_out_is_refused_and_says_why(watched: Watched) -> None:
    """The good one is recorded over RTSPS beside them."""
    words = {"Redirecting": "another address", "Basic": "Digest", "Digest": "does not take", "Replaced": "AB:AB:AB"}
    for name, word in words.items():
        assert word in str(watched.states[name]), name


def test_no_other_host_hears_the_password_nor_anything_at_all_by_a_redirect(watched: Watched) -> None:
    assert bytes(watched.listeners["Elsewhere"].heard) == b""
    assert b"Authorization" not in watched.listeners["Basic"].heard
    assert b"Authorization: Digest" in watched.listeners["Digest"].heard
    assert [leak for name, listener in watched.listeners.items() for leak in leaks(name, bytes(listener.heard))] == []


def test_no_log_line_and_no_command_says_the_password(watched: Watched) -> None:
    log = "".join(watched.up.lines).encode()
    assert b'"level": "debug"' in log or b"stream state" in log
    assert leaks("log", log) + leaks("commands", watched.said) == []


def test_no_process_carries_the_password_in_its_arguments_or_environment(watched: Watched) -> None:
    processes = [watched.up.process.pid, *descendants(watched.up.process.pid)]
    assert len(processes) >= 4
    shown = {f"/proc/{pid}/{name}": Path(f"/proc/{pid}/{name}").read_bytes() for pid in processes for name in ("cmdline", "environ")}
    assert [leak for where, what in shown.items() for leak in leaks(where, what)] == []


def test_no_page_and_no_answer_shows_the_password(watched: Watched) -> None:
    """Signed in as IT, who may see everything of a camera: every page, the form with a mistake, a test, the API."""
    with httpx.Client(base_url=watched.origin, trust_env=False, timeout=60, headers={"origin": watched.origin}) as client:
        sign_in(client, *IT)
        known = client.get("/api/v1/cameras").json()["cameras"]
        entries = {"name": "Gate", "branch": known[0]["branch"]["id"], "host": "127.0.0.1", "username": CameraProcess.USERNAME}
        entries |= {"password": CANARY, "main_path": "/main", "port": watched.listeners["Digest"].port}
        shown = [client.get(path) for path in ("/", "/cameras", "/cameras/new", "/log", "/api/v1/cameras", "/healthz")]
        shown += [client.get(f"/cameras/{camera['id']}") for camera in known]
        shown += [client.post("/cameras/new", data=entries | change) for change in ({"host": "169.254.1.1"}, {"act": "test"})]
        shown += [client.post("/api/v1/cameras/test", json=entries), client.post("/api/v1/cameras", json=entries | {"port": 0})]
        shown += [client.patch(f"/api/v1/cameras/{known[0]['id']}", json={"version": 99, "password": CANARY})]
    assert {answer.status_code for answer in shown} <= {200, 303, 403, 409, 422}
    assert [leak for answer in shown for leak in leaks(str(answer.url), answer.content + str(answer.headers).encode())] == []


def test_no_file_of_the_data_directory_holds_the_password(watched: Watched) -> None:
    """Databases with their write-ahead logs, keys, settings, footage: it is there sealed to the recorder's key only."""
    files = [path for path in watched.product.data.rglob("*") if path.is_file()]
    assert {"central.db", "index.db"} <= {path.name for path in files}
    assert [leak for path in files for leak in leaks(str(path), path.read_bytes())] == []

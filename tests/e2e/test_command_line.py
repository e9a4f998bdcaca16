"""The command line as scripts use it: exit codes, one JSON document, one sentence for each wrong thing, nothing half-saved."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import CameraProcess, Product
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SENTENCE_LIMIT = 260


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    product = Product(tmp_path_factory.mktemp("cli") / "data")
    product.init()
    return product


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CameraProcess]:
    with CameraProcess(tmp_path_factory.mktemp("cameras")) as cameras:
        yield cameras


def _add(product: Product, url: str, *more: str, stdin: str = "") -> tuple[int, str]:
    said = product.vms("camera", "add", "Somewhere", "--branch", "Central", "--url", url, *more, stdin=stdin)
    assert said.out == ""
    return said.code, said.err


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://10.1.2.3/stream", "no camera address"),
        ("rtsp://user:secret@10.1.2.3/stream", "user name or password"),
        ("rtsp://169.254.10.1/stream", "link-local"),
        ("rtsp://239.1.2.3/stream", "multicast"),
        ("rtsp://0.0.0.0/stream", "unspecified"),
        ("rtsp://10.1.2.3:99999/stream", "can't be read"),
        ("rtsp://10.1.2.3:0/stream", "no port"),
        ("rtsp://10.1.2.3/a/../b", ".."),
        ("rtsp://0x7f000001/stream", "neither an IP address nor a host name"),
    ],
)
def test_an_address_that_is_no_cameras_is_refused_in_one_sentence(product: Product, url: str, word: str) -> None:
    """Exit code 2, the reason, and no camera in the list."""
    code, said = _add(product, url)
    assert code == 2
    assert word in said
    assert "Traceback" not in said
    assert "secret@" not in said
    assert len(said) < SENTENCE_LIMIT
    assert product.must("camera", "list", "--json").document() == []


def test_loopback_is_refused_unless_the_installation_allows_it(product: Product) -> None:
    """Only the demo and the tests record from the machine itself."""
    shipped = Product(product.data, VMS_ALLOW_LOOPBACK_CAMERAS="0")
    said = shipped.vms("camera", "add", "Somewhere", "--branch", "Central", "--url", "rtsp://127.0.0.1/stream")
    assert said.code == 2
    assert "loopback" in said.err


def test_main_and_sub_stream_of_two_devices_are_refused(product: Product) -> None:
    """A camera has one device."""
    code, said = _add(product, "rtsp://10.1.2.3/main", "--sub-url", "rtsp://10.1.2.4/sub")
    assert code == 2
    assert "Add a second camera" in said


def test_an_unknown_branch_is_told(product: Product) -> None:
    """Nothing is made up."""
    said = product.vms("camera", "add", "Somewhere", "--branch", "Atlantis", "--url", "rtsp://10.1.2.3/stream")
    assert said.code == 2
    assert "Atlantis" in said.err


def _test(product: Product, url: str, password: str) -> tuple[int, dict[str, object]]:
    said = product.vms(
        "camera", "test", "--url", url, "--user", CameraProcess.USERNAME, "--password-stdin", "--json", stdin=password + "\n"
    )
    return said.code, json.loads(said.out)


def test_a_good_camera_is_described(product: Product, cameras: CameraProcess) -> None:
    """Codec, size, rate, GOP and the clock's offset."""
    code, verdict = _test(product, cameras.url(), CameraProcess.PASSWORD)
    assert code == 0
    assert verdict["ok"] is True
    assert (verdict["width"], verdict["height"], verdict["fps"], verdict["gop_seconds"]) == (1280, 720, 15.0, 2.0)
    assert str(verdict["codec"]).startswith("avc1.")
    assert abs(int(str(verdict["clock_offset_ms"]))) < 2000


def test_what_is_wrong_with_a_camera_is_told_apart(product: Product, cameras: CameraProcess) -> None:
    """Wrong password, wrong path, nobody listening, a web server: four kinds, four sentences, exit code 2."""
    with _web_server() as port:
        asked = {
            "wrong_password": (cameras.url(), "not the password"),
            "no_such_path": (cameras.url().replace("/main", "/attic"), CameraProcess.PASSWORD),
            "refused_connection": (f"rtsp://127.0.0.1:{_closed_port()}/main", "any"),
            "not_rtsp": (f"rtsp://127.0.0.1:{port}/main", "any"),
        }
        answers = {kind: _test(product, *target) for kind, target in asked.items()}
    assert {kind: (code, verdict["kind"]) for kind, (code, verdict) in answers.items()} == {kind: (2, kind) for kind in asked}
    assert len({verdict["sentence"] for _code, verdict in answers.values()}) == len(asked)
    assert CameraProcess.PASSWORD not in json.dumps([verdict for _code, verdict in answers.values()])


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3/stream",
        "rtsp://user:secret@10.1.2.3/stream",
        "rtsp://10.1.2.3:99999/stream",
        "rtsp://169.254.10.1/stream",
        "rtsp://10.1.2.3/a/../b",
    ],
)
def test_an_address_that_is_no_cameras_is_a_verdict_too(product: Product, url: str) -> None:
    """One document and exit code 2, as for a camera that does not answer."""
    code, verdict = _test(product, url, "any")
    assert (code, verdict["ok"], verdict["kind"]) == (2, False, "bad_address")
    assert "secret" not in json.dumps(verdict)


def test_a_second_init_touches_nothing(product: Product) -> None:
    """An installation is never overwritten."""
    before = (product.data / "config.toml").read_bytes()
    said = product.vms("init", "--name", "Other", "--timezone", "UTC", "--director", "X", "--yes")
    assert said.code == 2
    assert "set up already" in said.err
    assert (product.data / "config.toml").read_bytes() == before


def test_nobody_else_can_read_what_is_made_in_a_directory_that_others_may_enter(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    Product(data).init()

    loose = [str(path.relative_to(data)) for path in data.rglob("*") if path.lstat().st_mode & 0o077]
    assert loose == []


def test_a_directory_without_data_says_how_to_begin(tmp_path: Path) -> None:
    """Not a traceback."""
    said = Product(tmp_path / "nowhere").vms("status")
    assert said.code == 2
    assert "init" in said.err


def test_a_short_password_and_a_wrong_zone_are_refused(product: Product) -> None:
    """Each with what to give instead."""
    said = product.vms("user", "add", "someone", "--role", "desk", "--password-stdin", stdin="short\n")
    assert (said.code, "15" in said.err) == (2, True)
    said = product.vms("branch", "add", "Mars", "--timezone", "Mars/Olympus")
    assert (said.code, "Mars/Olympus" in said.err) == (2, True)


def test_a_password_that_is_not_utf_8_is_refused_in_words(product: Product) -> None:
    command = product.command("user", "add", "someone", "--role", "desk", "--password-stdin")
    said = subprocess.run(command, input=b"caf\xe9 au lait, long enough\n", capture_output=True, env=product.environment, check=False)

    assert said.returncode == 2
    assert b"not UTF-8" in said.stderr
    assert b"Traceback" not in said.stderr


def test_status_check_and_doctor_print_one_json_document(product: Product) -> None:
    """Standard output is for the program that asked."""
    assert set(product.must("status", "--json").document()) == {"cameras", "room", "volumes"}
    assert product.must("check", "--json").document() == {"ok": True, "violations": []}
    assert all(finding["ok"] for finding in product.must("doctor", "--json").document())
    assert product.must("doctor", "--egress", "--json").document() == []


def test_a_tampered_file_makes_check_deep_fail_and_names_it(tmp_path: Path) -> None:
    """Exit code 1: done, and something is wrong."""
    product = Product(tmp_path / "data", VMS_SEGMENT_SECONDS="2")
    product.init()
    with CameraProcess(tmp_path) as cameras:
        cameras.add_to(product)
        with product.running("record") as recorder:
            recorder.line("state=recording")
            _wait_for_a_segment(product)
    victim = next(product.data.rglob("*.cseg"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    said = product.vms("check", "--deep", "--json")
    assert said.code == 1
    assert [violation["subject"] for violation in said.document()["violations"]] == [victim.stem]


def _wait_for_a_segment(product: Product) -> None:
    wait_until(lambda: next(product.data.rglob("*.cseg"), None), seconds=40)


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class _web_server:  # noqa: N801 - used like a function
    """Answers whatever comes with a page."""

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")

from __future__ import annotations

import hashlib
import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorder.demo import cameras, encode
from recorder.demo.script import send_orders
from recorder.demo.settings import SPARING, DemoSettings
from tests.fakes.cameras import CACHE, TINY
from tests.product import CameraProcess
from tests.recorder.demo.raw_client import raw_client
from vms.domain.certificate import fingerprint

pytestmark = pytest.mark.slow

SERVE = """
import recorder.demo.settings as settings
from tests.fakes.cameras import TINY
settings.PROFILES = TINY
import recorder.demo.__main__ as command
command.main()
"""
"""The command with small pictures: the real ones take a while to encode."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    password = tmp_path / "password"
    password.write_text("pass wörd\nsecond line\n", encoding="utf-8")
    arguments = [
        "--cameras",
        "1",
        "--cache",
        str(CACHE),
        "--user",
        "u",
        "--password-file",
        str(password),
        "--control",
        str(tmp_path / "control"),
    ]
    command = [sys.executable, "-c", SERVE, *arguments, "--stop-with-stdin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.asyncio
async def test_ready_line_says_where_and_the_password_of_the_file_opens(served: tuple[subprocess.Popen[str], dict[str, object]]) -> None:
    _, ready = served
    assert ready["cameras"] == [
        {"key": "main-entrance", "name": "Main entrance", "main": "/main-entrance/main", "sub": "/main-entrance/sub"}
    ]
    assert isinstance(ready["port"], int)
    async with raw_client(ready["port"], "/main-entrance/sub", username="u", password="pass wörd") as client:
        assert (await client.signed("DESCRIBE")).status == 200


def test_over_tls_the_ready_line_names_the_certificate_and_an_order_changes_it(tmp_path: Path) -> None:
    with CameraProcess(tmp_path, more=["--tls"]) as secured:
        assert secured.certificate is not None
        shown = _certificate_at(secured.port)
        assert shown == fingerprint(secured.certificate)
        assert secured.tell("change_certificate") == {"certificate": _certificate_at(secured.port).hex()}
        assert _certificate_at(secured.port) != shown


@pytest.mark.asyncio
async def test_sparing_cameras_send_the_sparing_clips(tmp_path: Path) -> None:
    with CameraProcess(tmp_path, more=["--sparing"]) as cameras_process:
        address = cameras_process.url().partition("127.0.0.1")[2]
        port, path = int(address.partition("/")[0].removeprefix(":")), "/" + address.partition("/")[2]
        async with raw_client(port, path, username=CameraProcess.USERNAME, password=CameraProcess.PASSWORD) as client:
            described = (await client.signed("DESCRIBE")).body
    clip = cameras.camera_clips(1, CACHE, DemoSettings(profiles=SPARING))[0].clips["main"]
    usual = cameras.camera_clips(1, CACHE, DemoSettings())[0].clips["main"]
    assert clip.format_parameters in described
    assert usual.format_parameters not in described


def _certificate_at(port: int) -> bytes:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))).digest()


@pytest.mark.asyncio
async def test_another_process_gives_orders(served: tuple[subprocess.Popen[str], dict[str, object]], tmp_path: Path) -> None:
    del served
    assert await send_orders(tmp_path / "control", [{"do": "refuse"}]) == [{"ok": True}]


def test_terminated_command_ends_well(served: tuple[subprocess.Popen[str], dict[str, object]]) -> None:
    process, _ = served
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_command_does_not_outlive_who_started_it(served: tuple[subprocess.Popen[str], dict[str, object]]) -> None:
    process, _ = served
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_progress_is_told_on_standard_error_while_scenes_are_drawn(tmp_path: Path) -> None:
    arguments = ["--cameras", "1", "--cache", str(tmp_path / "empty"), "--stop-with-stdin"]
    with subprocess.Popen([sys.executable, "-c", SERVE, *arguments], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = json.loads(process.stderr.readline())
        process.kill()
    assert 0 < told["progress"] < 1
    assert told["text"].startswith("drawing ")


def test_nothing_is_told_when_the_scenes_are_there(served: tuple[subprocess.Popen[str], dict[str, object]]) -> None:
    process, _ = served
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    process.wait(10)
    assert process.stderr.read() == ""


def test_fifth_camera_looks_into_the_first_room_again() -> None:
    made = cameras.camera_clips(5, CACHE, DemoSettings(profiles={"sub": TINY["sub"]}, processes=0))
    assert [camera.key for camera in made] == ["main-entrance", "returns-desk", "childrens-room", "reading-room", "main-entrance-2"]
    assert made[4].clips["sub"] is made[0].clips["sub"]


@pytest.mark.parametrize("count", [0, 65])
def test_impossible_number_of_cameras_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="Give 1 to 64"):
        cameras.DemoCameras(count, CACHE)


def test_shipped_profiles_loop_in_a_minute() -> None:
    assert [profile.frames for profile in (encode.MAIN, encode.SUB)] == [900, 600]
    assert [profile.frames for profile in SPARING.values()] == [900, 600]

"""The pages beside a real recorder and a real camera: what the fake node of the other tests promises, kept by the real one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.factories import an_account, done
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.waiting import wait_until
from tests.web.serving import loopback_socket, served
from tests.web.world import OWN_PAGE, cookie
from vms.domain.camera import CameraDetails
from vms.domain.people import Proof, Role
from vms.media.boxes import read_fragment
from vms.services.sessions import open_session
from web.app import create_app, open_site
from web.certificate import ServedCertificate
from web.server import configuration

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Library:
    """Recorder, pages, and a camera that records."""

    recorder: Site
    address: str
    camera: CameraDetails
    token: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers={**OWN_PAGE, **cookie(self.token)}, trust_env=False, timeout=20)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    cameras = Cameras(1)
    try:
        with a_site(tmp_path_factory.mktemp("library") / "data") as recorder:
            key = cameras.demo.keys[0]
            camera = recorder.add_camera("Entrance", cameras.demo.port, cameras.demo.path(key), sub_path=cameras.demo.path(key, "sub"))
            recorder.start()
            recorder.wait_for_segments(stream_of(camera), 2)
            yield from _with_pages(recorder, camera)
    finally:
        cameras.close()


def _with_pages(recorder: Site, camera: CameraDetails) -> Iterator[Library]:
    with recorder.central.writing() as session:
        account = an_account(session, Role.DESK)
        token = done(open_session(session, person_id=account.id, at=CLOCK.now(), proof=Proof.TOTP)).token
    sock = loopback_socket()
    settings = recorder.settings.model_copy(update={"allow_loopback_cameras": True})
    with served(configuration(create_app(open_site(settings, CLOCK)), ServedCertificate(None)), sock):
        yield Library(recorder, f"http://127.0.0.1:{sock.getsockname()[1]}", camera, token)


def _view(library: Library, client: httpx.Client, *, until: timedelta = timedelta(hours=1)) -> str:
    now = datetime.now(UTC)
    order = {"camera": library.camera.camera.id, "purpose": "incident", "start": (now - timedelta(minutes=10)).isoformat()}
    answer = client.post("/api/v1/views", json={**order, "end": (now + until).isoformat()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["view"])


def test_the_camera_is_listed_as_recording(library: Library) -> None:
    with library.client() as client:

        def state() -> bool:
            return bool(client.get("/api/v1/cameras").json()["cameras"][0]["state"] == "recording")

        wait_until(state)


def test_ffprobe_decodes_what_the_playlist_names_up_to_the_open_segment(library: Library) -> None:
    with library.client() as client:
        view = _view(library, client, until=timedelta(0))
    headers = f"Cookie: {cookie(library.token)['cookie']}\r\n"
    address = f"{library.address}/api/v1/views/{view}/main.m3u8"
    # The list is still growing; a fixed number of pictures is enough.
    command = ["ffmpeg", "-v", "error", "-headers", headers, "-live_start_index", "0", "-i", address, "-frames:v", "20", "-f", "null", "-"]
    done_ = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done_.stderr == ""


def test_the_playlist_reaches_to_within_seconds_of_now_and_grows(library: Library) -> None:
    with library.client() as client:
        view = _view(library, client)

        def listed() -> str:
            return client.get(f"/api/v1/views/{view}/main.m3u8").text

        before = listed()
        after = wait_until(lambda: text if len(text := listed()) > len(before) else None)
    assert after is not None
    assert after.splitlines()[4:] != before.splitlines()[4:]
    assert "#EXT-X-ENDLIST" not in after


def test_the_timeline_shows_recorded_time_that_touches_now(library: Library) -> None:
    now = datetime.now(UTC)
    window = {"start": (now - timedelta(minutes=5)).isoformat(), "end": now.isoformat()}
    with library.client() as client:
        told = client.get(f"/api/v1/cameras/{library.camera.camera.id}/timeline", params=window).json()
    assert told["recorded"][-1][1] > (now - timedelta(seconds=15)).timestamp() * 1000


@pytest.mark.parametrize("stream", ["main", "sub"])
def test_live_pictures_arrive_from_a_keyframe_on_an_even_time_line(library: Library, stream: str) -> None:
    where = f"{library.address.replace('http', 'ws', 1)}/api/v1/ws"
    pictures: list[bytes] = []
    with connect(where, additional_headers=cookie(library.token), origin=Origin(library.address)) as socket:
        socket.send(json.dumps({"t": "sub", "ch": 3, "camera": library.camera.camera.id, "stream": stream}))
        while len(pictures) < 15:
            message = socket.recv(20)
            if isinstance(message, bytes):
                pictures.append(message)
    assert pictures[0][:3] == b"\x00\x03\x01"
    fragments = [read_fragment(picture[3:]) for picture in pictures]
    assert all(one.tfdt + one.duration == other.tfdt for one, other in pairwise(fragments))


def test_a_test_of_the_stored_camera_opens_its_sealed_password_on_the_node(library: Library) -> None:
    with library.recorder.central.writing() as session:
        account = an_account(session, Role.IT)
        token = done(open_session(session, person_id=account.id, at=CLOCK.now(), proof=Proof.TOTP)).token
    device, camera = library.camera.device, library.camera.camera
    order = {"name": camera.name, "branch": camera.branch_id, "host": device.address.host, "port": device.address.port}
    order |= {"username": device.username, "main_path": camera.streams[0].path, "camera": camera.id}
    with httpx.Client(base_url=library.address, headers={**OWN_PAGE, **cookie(token)}, trust_env=False, timeout=40) as client:
        verdict = client.post("/api/v1/cameras/test", json=order).json()
    assert verdict["ok"] is True, verdict
    assert "H.264" in verdict["checks"][0]["detail"]

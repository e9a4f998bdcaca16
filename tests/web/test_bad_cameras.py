"""Cameras that can't be recorded, entered on the page and by the API beside a real recorder: one sentence each, nothing saved."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import unescape

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from tests.factories import a_branch, an_account, done
from tests.fakes.cameras import PASSWORD, USERNAME
from tests.recorder.rtsp.scripted_camera import ScriptedCamera, camera, serving
from tests.recorder.site import CLOCK, Cameras, Site, a_site
from tests.waiting import is_listening, wait_until
from tests.web.serving import loopback_socket, served
from tests.web.world import OWN_PAGE, cookie, problem
from vms.domain.people import Proof, Role
from vms.services.sessions import open_session
from web.app import create_app, open_site
from web.certificate import ServedCertificate
from web.server import configuration

pytestmark = pytest.mark.slow

SENTENCE_LIMIT = 260
WORDS = {
    "wrong password": "does not take this user name and password",
    "no password": "none is stored",
    "wrong path": "no stream under this path",
    "no listener": "nothing listens on that port",
    "no answer": "does not answer",
    "HTML": "does not speak RTSP",
    "audio only": "offers no video",
    "H.261": "sends video as H261",
    "AV1": "sends video as AV1",
}
"""What each answer says and no other does."""
FORBIDDEN = {
    "169.254.1.1": "link-local",
    "fe80::1": "link-local",
    "224.0.0.1": "multicast",
    "ff02::1": "multicast",
    "0.0.0.0": "unspecified",  # noqa: S104 -- refused
}
SDP = {
    "audio only": "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:1\r\n",
    "H.261": "v=0\r\nm=video 0 RTP/AVP 31\r\na=control:1\r\n",
    "AV1": "v=0\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 AV1/90000\r\n",
}

Entries = Mapping[str, str | int]


@dataclass(frozen=True)
class Library:
    """Recorder and pages without a camera, somebody from IT, and what each kind of bad camera is entered as."""

    address: str
    strict_address: str
    """Pages with the shipped setting: no camera is on this machine itself."""
    token: str
    entries: Mapping[str, Entries]

    def client(self, *, page: bool = False, strict: bool = False) -> httpx.Client:
        headers = {**OWN_PAGE, **cookie(self.token), "accept": "text/html" if page else "application/json"}
        return httpx.Client(base_url=self.strict_address if strict else self.address, headers=headers, trust_env=False, timeout=40)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with ExitStack() as stack:
        recorder = stack.enter_context(a_site(tmp_path_factory.mktemp("bad") / "data"))
        recorder.start()
        with recorder.central.writing() as session:
            branch = a_branch(session)
            token = done(open_session(session, person_id=an_account(session, Role.IT).id, at=CLOCK.now(), proof=Proof.TOTP)).token
        places = stack.enter_context(_bad_cameras())
        address = stack.enter_context(_pages(recorder, allow_loopback=True))
        strict_address = stack.enter_context(_pages(recorder, allow_loopback=False))
        wait_until(lambda: is_listening(recorder.settings.node_socket))
        base: Entries = {"name": "Gate", "branch": branch.id, "host": "127.0.0.1", "username": USERNAME, "password": PASSWORD}
        entries = {kind: {**base, "main_path": "/main", **place} for kind, place in places.items()}
        yield Library(address, strict_address, token, entries)


@contextmanager
def _pages(recorder: Site, *, allow_loopback: bool) -> Iterator[str]:
    settings = recorder.settings.model_copy(update={"allow_loopback_cameras": allow_loopback})
    sock = loopback_socket()
    with served(configuration(create_app(open_site(settings, CLOCK)), ServedCertificate(None)), sock):
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


@contextmanager
def _bad_cameras() -> Iterator[Mapping[str, Entries]]:
    """Serve every kind; yield what of its entries makes it bad."""
    with ExitStack() as stack:
        good = Cameras(1)
        stack.callback(good.close)
        path = good.demo.path(good.demo.keys[0])
        portal = stack.enter_context(start_blocking_portal())
        scripted = {kind: stack.enter_context(_scripted(portal, sdp)) for kind, sdp in SDP.items()}
        yield {
            "wrong password": {"port": good.demo.port, "main_path": path, "password": "not the password"},
            "no password": {"port": good.demo.port, "main_path": path, "username": "", "password": ""},
            "wrong path": {"port": good.demo.port, "main_path": "/nowhere"},
            "no listener": {"port": stack.enter_context(_bound_only())},
            "no answer": {"port": stack.enter_context(_full_backlog())},
            "HTML": {"port": stack.enter_context(portal.wrap_async_context_manager(serving(_answer_html)))},
            **{kind: {"port": port} for kind, port in scripted.items()},
        }


@contextmanager
def _scripted(portal: BlockingPortal, sdp: str) -> Iterator[int]:
    with portal.wrap_async_context_manager(camera(ScriptedCamera(sdp=sdp))) as served_camera:
        yield served_camera.port


async def _answer_html(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<!doctype html><title>Router</title>")
    await writer.drain()


@contextmanager
def _bound_only() -> Iterator[int]:
    """Hold a port that nobody listens on, so that nobody else takes it meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def _full_backlog() -> Iterator[int]:
    """Drop whatever connects, as a switched-off camera does."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def _assert_nothing_saved(client: httpx.Client) -> None:
    assert client.get("/api/v1/cameras", headers={"accept": "application/json"}).json() == {"cameras": []}


@pytest.mark.parametrize("kind", WORDS)
def test_each_kind_of_bad_camera_has_a_sentence_of_its_own_by_the_api(library: Library, kind: str) -> None:
    with library.client() as client:
        answer = client.post("/api/v1/cameras/test", json=library.entries[kind])
        _assert_nothing_saved(client)
    assert answer.status_code == 200, answer.text
    verdict = answer.json()
    assert verdict["ok"] is False
    assert [other for other, words in WORDS.items() if words in verdict["sentence"]] == [kind], verdict["sentence"]
    assert len(verdict["sentence"]) < SENTENCE_LIMIT
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("kind", ["wrong password", "wrong path", "no listener", "HTML", "AV1"])
def test_the_form_shows_the_same_sentence_beside_what_was_entered(library: Library, kind: str) -> None:
    with library.client(page=True) as client:
        answer = client.post("/cameras/new", data={**library.entries[kind], "act": "test"})
        _assert_nothing_saved(client)
    assert answer.status_code == 200, answer.text
    text = unescape(answer.text)
    assert [other for other, words in WORDS.items() if words in text] == [kind]
    assert f'value="{library.entries[kind]["port"]}"' in text
    assert PASSWORD not in text


@pytest.mark.parametrize(("host", "word"), FORBIDDEN.items())
@pytest.mark.parametrize("path", ["/api/v1/cameras/test", "/api/v1/cameras"])
def test_an_address_where_no_camera_can_be_is_told_at_its_field(library: Library, host: str, word: str, path: str) -> None:
    with library.client() as client:
        document = problem(client.post(path, json={**library.entries["wrong path"], "host": host}), 422)
        _assert_nothing_saved(client)
    assert word in str(document["errors"]["host"])  # type: ignore[index]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_itself_is_no_camera_as_shipped(library: Library, host: str) -> None:
    entries = {**library.entries["wrong path"], "host": host}
    with library.client(page=True, strict=True) as client:
        page = client.post("/cameras/new", data={**entries, "act": "test"})
        saved = client.post("/cameras/new", data={**entries, "act": "save"})
        _assert_nothing_saved(client)
    assert (page.status_code, saved.status_code) == (422, 422)
    assert all("this machine" in unescape(answer.text) for answer in (page, saved))

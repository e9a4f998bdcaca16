"""T10: nobody opens, keeps or overwhelms a live window who may not, and who may watch goes on watching meanwhile."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.factories import a_branch
from tests.waiting import wait_until
from tests.web.footage import live_init, live_pictures, live_state, next_picture
from tests.web.world import World
from vms.domain.people import SESSION_LIMITS, Role
from vms.services.sessions import OpenSession, revoke_sessions, session_for_token
from web.security import COOKIE

pytestmark = pytest.mark.slow

CONNECTS = 1_000
MEGABYTE = 1 << 20
FOREIGN_ORIGINS = ("null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1.evil.example", "file://", "http://localhost:1")
FORGED = ("", "none", "a" * 43, "a" * 5000, "../../etc/passwd", "constructor", '"', "' OR 1=1--", "%00")
EVERY_LOOK = 0.05


@pytest.fixture(autouse=True)
def _on_air(world: World) -> None:
    world.site.gateway.look_seconds = EVERY_LOOK
    world.node.live[world.main] = [live_state(), live_init(), *live_pictures(1)]


@pytest.fixture
def viewer(world: World) -> Iterator[Callable[[], None]]:
    """Somebody who watches meanwhile; call it to see that the next picture comes."""
    with world.socket(world.token(Role.DIRECTOR)) as window:
        _watch(world, window)
        sent = iter(range(1, 10_000))

        def sees_the_next() -> None:
            (picture,) = live_pictures(1, first=next(sent))
            world.node.send(world.main, picture)
            wait_until(lambda: next_picture(window)[3:] == picture[1:])

        next_picture(window)
        yield sees_the_next
        sees_the_next()


def _watch(world: World, window: ClientConnection) -> None:
    window.send(json.dumps({"t": "sub", "ch": 1, "camera": world.camera.camera.id, "stream": "main"}))


def _ended(window: ClientConnection) -> int | None:
    """Return the code of the close; an AssertionError when anything of a camera came before."""
    try:
        while True:
            raise AssertionError(f"it was told {window.recv(10)!r}")
    except ConnectionClosed:
        return window.close_code


def test_no_forged_cookie_opens_a_window(world: World, viewer: Callable[[], None]) -> None:
    for token in FORGED:
        with world.socket(token) as window:
            with suppress(ConnectionClosed):
                _watch(world, window)
            assert _ended(window) == 4401, token
        viewer()


def test_no_page_of_another_origin_opens_a_window(world: World) -> None:
    token = world.token(Role.DESK)
    for origin in FOREIGN_ORIGINS:
        with pytest.raises(InvalidStatus, match="403"), world.socket(token, origin=origin):
            pass


def test_a_session_that_is_over_opens_no_window(world: World) -> None:
    token = world.token(Role.DESK)
    world.clock.step(SESSION_LIMITS[Role.DESK])
    with world.socket(token) as window:
        assert _ended(window) == 4401


def test_a_session_that_is_over_ends_its_window_and_no_other(world: World) -> None:
    with world.socket(world.token(Role.DESK)) as window:
        _watch(world, window)
        next_picture(window)
        world.clock.step(SESSION_LIMITS[Role.DESK])
        with world.socket(world.token(Role.DESK)) as later:
            _watch(world, later)
            wait_until(lambda: _closed(window))
            assert window.close_code == 4401
            next_picture(later)


def test_a_window_whose_session_was_ended_gets_no_picture_more(world: World, viewer: Callable[[], None]) -> None:
    token, of_it = world.token(Role.DESK), world.token(Role.IT)
    with world.socket(token) as window:
        _watch(world, window)
        next_picture(window)
        with world.site.central.writing() as session:
            found = session_for_token(session, token, at=world.clock.now())
            it = session_for_token(session, of_it, at=world.clock.now())
            assert isinstance(found, OpenSession)
            assert isinstance(it, OpenSession)
            revoke_sessions(session, it.person, found.person.id, at=world.clock.now())
        wait_until(lambda: _closed(window))
        assert window.close_code == 4401
    viewer()


def _closed(window: ClientConnection) -> bool:
    try:
        window.recv(0.01)
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False
    return False


def test_a_window_of_another_branch_gets_no_picture(world: World, viewer: Callable[[], None]) -> None:
    with world.site.central.writing() as session:
        elsewhere = a_branch(session, "Elsewhere")
    with world.socket(world.token(Role.DESK, branches=frozenset({elsewhere.id}))) as window:
        _watch(world, window)
        viewer()
        window.send('{"t": "ping"}')
        told = [json.loads(window.recv(10)) for _ in range(2)]
    assert {one["t"] for one in told} == {"state", "pong"}
    assert [one["state"] for one in told if one["t"] == "state"] == ["denied"]


@pytest.mark.parametrize(
    "message", ["x" * MEGABYTE, b"x" * MEGABYTE, json.dumps({"t": "ping", "x": "x" * MEGABYTE})], ids=["text", "octets", "JSON"]
)
def test_a_message_of_a_megabyte_ends_its_window_alone(world: World, viewer: Callable[[], None], message: str | bytes) -> None:
    with world.socket(world.token(Role.DESK)) as window:
        with suppress(ConnectionClosed):
            window.send(message)
        assert _ended(window) in (1006, 1009)
    viewer()


def test_a_megabyte_in_pieces_ends_its_window_alone(world: World, viewer: Callable[[], None]) -> None:
    with world.socket(world.token(Role.DESK)) as window:
        with suppress(ConnectionClosed):
            window.send("x" * 4096 for _ in range(MEGABYTE // 4096))
        assert _ended(window) in (1006, 1009)
    viewer()


def test_a_thousand_windows_keep_nobody_from_watching(world: World, viewer: Callable[[], None]) -> None:
    """A third without a cookie, a third with a forged one, a third of one sign-in, which has sixteen."""
    tokens, open_ones = [None, "forged", world.token(Role.DESK)], 0
    with ExitStack() as opened:
        for number in range(CONNECTS):
            caller = opened.enter_context(_connected(world, tokens[number % 3]))
            open_ones += _is_open(caller)
            if number % 100 == 0:
                viewer()
    assert open_ones == 16


def _connected(world: World, token: str | None) -> socket.socket:
    """Shake hands as a browser does, and ask whether anybody is there."""
    host = world.address.removeprefix("http://")
    name, port = host.split(":")
    caller = socket.create_connection((name, int(port)), timeout=20)
    lines = ["GET /api/v1/ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}", f"Origin: {world.address}"]
    lines += [f"Cookie: {COOKIE}={token}"] if token else []
    caller.sendall("\r\n".join([*lines, "", ""]).encode())
    return caller


def _is_open(caller: socket.socket) -> bool:
    """Say whether a window answers a ping, and not by a close."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += caller.recv(4096)
    assert heard.startswith(b"HTTP/1.1 101")
    text = b'{"t": "ping"}'
    mask = bytes(4)
    caller.sendall(struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + text)
    frame = heard.partition(b"\r\n\r\n")[2] or caller.recv(4096)
    return frame[0] == 0x81

"""T17: who sends half a request and waits, five hundred times over, keeps nobody waiting and holds nothing for long."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.waiting import wait_until
from tests.web.footage import live_init, live_pictures, live_state, next_picture
from tests.web.world import World
from vms.domain.people import Role
from web import request_deadline

pytestmark = pytest.mark.slow

MANY = 500
NEVER = 600.0
SOON = 0.3
ANSWER_SECONDS = 5
"""So long at most a page may take beside all the others."""
WHOLE = "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"
HALVES = {
    "nothing": "",
    "half a line": "GET /log",
    "half a head": "POST /login HTTP/1.1\r\nHost: {host}\r\nX-Slow: ",
    "half a body": "POST /login HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 9000\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\nname=a",
    "half a chunk": "POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nTransfer-Encoding: chunked\r\n"
    'Content-Type: application/json\r\n\r\n50\r\n{{"name"',
    "a body nobody asked for, half of it": "POST /nowhere HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000\r\n\r\n12",
    "half a handshake": "GET /api/v1/ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    "one whole and half of the next": WHOLE + "GET /live",
    "one whole and half of a next body": WHOLE + "POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000\r\n\r\n12",
}


@contextmanager
def _sent(world: World, half: str) -> Iterator[socket.socket]:
    host = world.address.removeprefix("http://")
    name, port = host.split(":")
    with socket.create_connection((name, int(port)), timeout=20) as caller:
        caller.sendall(half.format(host=host).encode())
        yield caller


def _is_ended(caller: socket.socket) -> bool:
    """Read on until the other side ends the connection."""
    try:
        while caller.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_a_request_that_does_not_arrive_ends_with_its_connection(
    shared_world: World, half: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(request_deadline, "REQUEST_SECONDS", SOON)
    with _sent(shared_world, half) as caller:
        assert _is_ended(caller)
    assert [record for record in caplog.records if record.exc_info] == []


def test_pieces_that_keep_coming_move_no_deadline(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_deadline, "REQUEST_SECONDS", SOON)
    for half in ("half a head", "half a body", "a body nobody asked for, half of it"):
        with _sent(shared_world, HALVES[half]) as caller:
            wait_until(_dripping(caller), seconds=10)


def _dripping(caller: socket.socket) -> Callable[[], bool]:
    def is_ended() -> bool:
        try:
            caller.sendall(b"a")
        except ConnectionError:
            return True
        return False

    return is_ended


def test_a_connection_that_asks_again_and_a_live_window_outlast_the_deadline(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_deadline, "REQUEST_SECONDS", SOON)
    world = shared_world
    with world.socket(world.token(Role.DESK)) as window, world.client() as asking, _sent(world, HALVES["half a head"]) as slow:
        connections = {_asked(asking)}
        assert _is_ended(slow)
        connections.add(_asked(asking))
        window.send('{"t": "ping"}')
        assert '"pong"' in str(window.recv(10))
    assert len(connections) == 1


def test_five_hundred_of_them_keep_nobody_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_deadline, "REQUEST_SECONDS", NEVER)
    world.node.live[world.main] = [live_state(), live_init(), *live_pictures(1)]
    with world.socket(world.token(Role.DESK)) as viewer, ExitStack() as slow:
        viewer.send(json.dumps({"t": "sub", "ch": 1, "camera": world.camera.camera.id, "stream": "main"}))
        next_picture(viewer)
        halves = [HALVES["half a head"], HALVES["half a body"]]
        for number in range(MANY):
            slow.enter_context(_sent(world, halves[number % 2]))
            if number % 10 == 9:
                world.node.send(world.main, *live_pictures(1, first=1 + number // 10))
                next_picture(viewer)
        with world.client(Role.DESK, page=True) as browser:
            assert browser.get("/live", timeout=ANSWER_SECONDS).status_code == 200


def _asked(browser: httpx.Client) -> object:
    """Ask once and return from which address and port that went."""
    answer = browser.get("/healthz")
    assert answer.status_code == 200
    return answer.extensions["network_stream"].get_extra_info("client_addr")

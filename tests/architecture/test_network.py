"""No test reaches beyond this machine, whichever way it tries."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

ELSEWHERE = ("192.0.2.1", 9)  # RFC 5737: documentation only


def _connect() -> None:
    with socket.socket() as caller:
        caller.connect(ELSEWHERE)


def _send_a_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as caller:
        caller.sendto(b"hello", ELSEWHERE)


def _look_a_name_up() -> None:
    socket.getaddrinfo("camera.example", 554)


@pytest.mark.parametrize("attempt", [_connect, _send_a_datagram, _look_a_name_up])
def test_reaching_beyond_loopback_is_refused(attempt: Callable[[], None]) -> None:
    with pytest.raises(RuntimeError, match=r"a test (reached|looked)"):
        attempt()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_within_reach(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection((host, listener.getsockname()[1]), timeout=5).close()

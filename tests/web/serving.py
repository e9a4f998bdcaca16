"""Run an ASGI application in a thread of this process, on a Unix socket or a loopback port, for as long as a test needs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.waiting import wait_until


def plainly(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app, ws="websockets-sansio", ws_per_message_deflate=False, access_log=False, log_config=None, timeout_graceful_shutdown=1
    )


@contextmanager
def served(config: uvicorn.Config, sock: socket.socket) -> Iterator[None]:
    """Serve on a bound socket until the block ends."""
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="served")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


def unix_socket(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    return sock


def loopback_socket() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))

"""Serve an application on a socket that is already bound, until SIGINT or SIGTERM."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from vms.config import Settings

SHUTDOWN_SECONDS = 3
PING_SECONDS = 20.0
"""A browser that vanished is noticed after two of these."""

Announce = Callable[[int], None]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def serve(app: FastAPI, settings: Settings, sock: socket.socket, *, announce: Announce | None = None) -> int:
    """Serve until stopped; `announce` is told the port once requests are answered. Returns the exit code."""
    port = sock.getsockname()[1]
    # uvicorn raises the signal again after it has shut down in order: that must not end what stands around this call.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = _Server(configuration(app, settings), lambda: announce(port) if announce else None)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[sock])
    return 0 if server.started else 1


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn is to serve `app`."""
    # No access log: it would hold who watched what, outside the log that is made for it. No deflate: video does not
    # shrink, and it costs a viewer 1.1 % of a core instead of 0.06 %.
    return uvicorn.Config(
        app,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_max_size=64 * 1024,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )

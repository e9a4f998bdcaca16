"""Serve an application on a socket that is already bound, until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from vms.config import Settings
from vms.services.own_ca import served_certificate
from web.certificate import ServedCertificate
from web.request_deadline import DeadlineProtocol

SHUTDOWN_SECONDS = 3
PING_SECONDS = 20.0
"""A browser that vanished is noticed after two of these."""

Announce = Callable[[int], None]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], certificate: ServedCertificate) -> None:
        super().__init__(config)
        self._announce = announce
        self._certificate = certificate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._watch = asyncio.create_task(self._certificate.watch())
            self._announce()


def serve(app: FastAPI, settings: Settings, sock: socket.socket, *, announce: Announce | None = None) -> int:
    """Serve until stopped; `announce` is told the port once requests are answered. Returns the exit code."""
    port = sock.getsockname()[1]
    # uvicorn raises the signal again after it has shut down in order: that must not end what stands around this call.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    certificate = ServedCertificate(served_certificate(settings))
    server = _Server(configuration(app, certificate), lambda: announce(port) if announce else None, certificate)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[sock])
    return 0 if server.started else 1


def configuration(app: FastAPI, certificate: ServedCertificate) -> uvicorn.Config:
    """Return how uvicorn is to serve `app`."""
    # No access log: it would hold who watched what, outside the log that is made for it. No deflate: video does not
    # shrink, and it costs a viewer 1.1 % of a core instead of 0.06 %.
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=DeadlineProtocol,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_max_size=64 * 1024,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # web/proxies.py reads them: uvicorn would take the left-most, which a browser can write
        lifespan="on",
        ssl_context_factory=certificate.context_factory,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )

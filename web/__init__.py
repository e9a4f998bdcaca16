"""The web pages and their API: what people see, under the permissions that each route declares."""

from __future__ import annotations

import socket

from vms.clock import Clock
from vms.config import Settings
from web.app import create_app, open_site
from web.server import Announce, serve

__all__ = ["run"]


def run(settings: Settings, clock: Clock, sock: socket.socket, *, announce: Announce | None = None) -> int:
    """Serve the pages on `sock` until stopped; returns the exit code."""
    return serve(create_app(open_site(settings, clock)), settings, sock, announce=announce)

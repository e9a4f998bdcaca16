"""The web pages and their API: what people see, under the permissions that each route declares."""

from __future__ import annotations

import socket

from vms.clock import Clock
from vms.config import Settings
from vms.services.own_ca import renew_if_due
from web.app import create_app, open_site
from web.jobs_process import jobs_beside
from web.server import Announce, serve

__all__ = ["run"]


def run(settings: Settings, clock: Clock, sock: socket.socket, *, announce: Announce | None = None) -> int:
    """Serve the pages on `sock` until stopped, the hub's jobs beside them; returns the exit code."""
    renew_if_due(settings, at=clock.now())
    app = create_app(open_site(settings, clock))
    with jobs_beside(settings.data_dir, clock):
        return serve(app, settings, sock, announce=announce)

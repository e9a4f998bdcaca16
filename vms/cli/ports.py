"""The next free port where the one that was asked for is taken, said aloud: only the demo wanders off."""

from __future__ import annotations

import socket

from vms.cli.run import PortTaken, bind, say
from vms.config import Settings
from vms.errors import ConfigError

PORTS_TRIED = 50
_LAST_PORT = 65535


def free_port(first: int) -> int:
    """Return the first port from `first` that nobody listens on, for the demo cameras."""
    ports = _ports(first)
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                if port != first:
                    say(f"Port {first} is taken; the demo cameras listen on {port}.")
                return port
    raise ConfigError(f"No port from {first} to {ports[-1]} is free for the demo cameras. End what uses them and start again.")


def bind_next_free(settings: Settings, host: str, port: int) -> socket.socket:
    """Return a listening socket for the pages; ConfigError when it is no taken port that stands in the way."""
    ports = _ports(port)
    for candidate in ports:
        try:
            sock = bind(settings, host, candidate)
        except PortTaken:
            continue
        if candidate != port:
            say(f"Port {port} is taken; the pages are on {candidate}.")
        return sock
    raise ConfigError(f"No port from {port} to {ports[-1]} is free for the pages. Give another: make demo LISTEN=127.0.0.1:9000")


def _ports(first: int) -> range:
    return range(first, min(first + PORTS_TRIED, _LAST_PORT + 1))

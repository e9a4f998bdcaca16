"""What every test stands on: databases, demo cameras, the log, and a process that can reach nothing but this machine."""

from __future__ import annotations

import ipaddress
import sys

from hypothesis import settings

pytest_plugins = ["tests.databases", "tests.fakes.cameras", "tests.log_lines"]

settings.register_profile("everyday", deadline=None, max_examples=60, print_blob=True)
settings.load_profile("everyday")


class NetworkRefused(RuntimeError):
    """A test reached for something beyond loopback. Deliberately no OSError: nobody may take it for an offline camera."""


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Let sockets reach loopback and Unix paths only; runs for every connection and name look-up of this process."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise NetworkRefused(f"a test reached for {address!r}; tests talk to loopback only")
    elif event == "socket.getaddrinfo" and not _is_here(arguments[0]):
        raise NetworkRefused(f"a test looked up {arguments[0]!r}; hand the code a resolver that answers from memory")


def _is_here(host: object) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost", "0.0.0.0", "::"):  # noqa: S104 - what a listener binds to, not where a connection goes
        return True
    try:
        return ipaddress.ip_address(str(text)).is_loopback
    except ValueError:
        return False


# An audit hook and not a patched socket class: it also sees sockets that C code opens, and no test can undo it.
sys.addaudithook(_refuse_network)

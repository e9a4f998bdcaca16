"""Who really asks, when a reverse proxy stands before the pages: believed from the proxies that the settings name, and from nobody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from vms.config import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_ENCRYPTED = {"http": "https", "ws": "wss"}


def see_through(scope: Scope, trusted: Sequence[Network]) -> None:
    """Put the client and the scheme that a trusted proxy tells into `scope`; what others tell is not looked at.

    The client is the right-most address of X-Forwarded-For that is no trusted proxy: each proxy adds whom it saw at the right,
    and what stands to the left of that is whatever the client wrote. A proxy that does not say that it was reached over
    HTTPS was reached without.
    """
    client = scope.get("client")
    peer = address_in(client[0]) if client else None
    if peer is None or not _is_trusted(peer, trusted):
        return
    headers = Headers(scope=scope)
    scope["client"] = (str(_right_most(peer, headers.getlist("x-forwarded-for"), trusted)), 0)
    told = ",".join(headers.getlist("x-forwarded-proto")).rpartition(",")[2].strip().lower()
    if told == "https":
        scope["scheme"] = _ENCRYPTED.get(scope["scheme"], scope["scheme"])


def address_in(text: str) -> Address | None:
    """Return the address that `text` is, with or without a port; an IPv4 address in the clothes of IPv6 is itself."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _right_most(peer: Address, headers: Sequence[str], trusted: Sequence[Network]) -> Address:
    found = peer
    for hop in reversed(",".join(headers).split(",")):
        address = address_in(hop)
        if address is None:
            break
        found = address
        if not _is_trusted(address, trusted):
            break
    return found


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)

"""For whom passkeys sign on the pages that a browser asked for. A browser gives none to an address, nor to a page that anybody may read."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.requests import Request

from vms.domain.outcome import Refusal, Refused
from vms.services.webauthn import RelyingParty
from web.security import host_name

NO_PASSKEYS = Refused(
    Refusal.NOT_ALLOWED,
    "Passkeys need the pages under a host name with a trusted certificate. Under an address, go on with password and code.",
)


def relying_party(request: Request) -> RelyingParty | None:
    """Return the host name that the guard let through, with the origins of its pages; None for an address.

    Pages come encrypted, from here or from a proxy before us; a browser trusts http://localhost as well.
    """
    host = request.headers.get("host", "").lower()
    name = host_name(host)
    if not name or _is_address(name):
        return None
    local = name == "localhost" or name.endswith(".localhost")
    return RelyingParty(name, frozenset({f"https://{host}"} | ({f"http://{host}"} if local else set())))


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

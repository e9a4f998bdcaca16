"""What stands before every route: known host names, requests of our own pages only, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vms.config import Network
from web.proxies import address_in, see_through

COOKIE = "__Host-vms"
"""Chromium and Firefox take a Secure cookie on http://localhost and http://127.0.0.1 too: they are trustworthy origins."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not "no-referrer": under it browsers send "Origin: null" with a form, and the check below would have nothing to compare.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), display-capture=(), geolocation=()",
}
ENCRYPTED = {"Strict-Transport-Security": "max-age=31536000"}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})


class Guard:
    """ASGI middleware. Refuses with plain text: who is refused here is no person at one of our pages."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Sequence[str], trusted_proxies: Sequence[Network] = ()) -> None:
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        see_through(scope, self._proxies)
        refusal = self._refusal(scope)
        return await (refusal or self._app)(scope, receive, _with_headers(send, HEADERS | (ENCRYPTED if _is_encrypted(scope) else {})))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not _is_encrypted(scope) and not _is_from_here(scope):
            return Response("The proxy was reached without HTTPS, or doesn't send X-Forwarded-Proto.", 403, media_type="text/plain")
        if host_name(headers.get("host", "")) not in self._allowed:
            return Response("This name is not one of this server's. Set allowed_hosts.", 421, media_type="text/plain")
        if _is_foreign(scope, headers):
            return Response("This request came from another site.", 403, media_type="text/plain")
        return None


def _with_headers(send: Send, added: Mapping[str, str]) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in added.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return with_headers


def _is_encrypted(scope: Scope) -> bool:
    return scope["scheme"] in ("https", "wss")


def _is_from_here(scope: Scope) -> bool:
    """Say whether this machine itself asks: nobody else is served without encryption."""
    client = scope.get("client")
    address = address_in(client[0]) if client else None
    return address is not None and address.is_loopback


def _is_foreign(scope: Scope, headers: Headers) -> bool:
    """Say whether another site may have caused this request (Fetch Metadata, else Origin; as OWASP and Go 1.25 advise).

    A WebSocket carries no Sec-Fetch-Site in every browser, so there the Origin decides alone. A program without either
    header may read, but it changes nothing without saying where it comes from.
    """
    if scope["type"] == "websocket":
        return not _is_own_origin(headers)
    site = headers.get("sec-fetch-site")
    if scope["method"] in SAFE_METHODS:
        return scope["path"].startswith("/api/") and site is not None and site not in OWN_SITES
    return site not in OWN_SITES if site is not None else not _is_own_origin(headers)


def _is_own_origin(headers: Headers) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    return origin.scheme in ("http", "https") and origin.netloc.lower() == headers.get("host", "").lower() != ""


def host_name(host: str) -> str:
    """Return the host without its port; IPv6 keeps its brackets."""
    name, separator, port = host.lower().rpartition(":")
    return name if separator and port.isdecimal() else host.lower()

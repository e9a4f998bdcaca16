"""The cookie by which a browser is an enrolled screen, and what a browser brings along to a sign-in."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

from vms.services.sessions import MAX_TOKEN_CHARS, Browser, digest
from web.security import COOKIE

SCREEN_COOKIE = "__Host-screen"
LASTS = timedelta(days=400)
"""The longest that browsers keep a cookie (RFC 6265bis); each sign-in at the screen begins it anew."""


def browser_of(connection: HTTPConnection) -> Browser:
    return Browser(screen_sha256=_digest(connection.cookies.get(SCREEN_COOKIE, "")))


def switching_browser_of(connection: HTTPConnection) -> Browser:
    """Return the same, with the session that ends once another one opens here."""
    return Browser(_digest(connection.cookies.get(SCREEN_COOKIE, "")), _digest(connection.cookies.get(COOKIE, "")))


def with_screen_cookie(response: Response, token: str) -> Response:
    lasts = int(LASTS.total_seconds())
    response.set_cookie(SCREEN_COOKIE, token, max_age=lasts, path="/", secure=True, httponly=True, samesite="strict")
    return response


def keep_screen_cookie(connection: HTTPConnection, response: Response) -> Response:
    token = connection.cookies.get(SCREEN_COOKIE, "")
    return with_screen_cookie(response, token) if 0 < len(token) <= MAX_TOKEN_CHARS else response


def _digest(token: str) -> bytes:
    return digest(token) if 0 < len(token) <= MAX_TOKEN_CHARS else b""

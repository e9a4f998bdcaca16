"""The cookie by which a browser is an enrolled screen, and what a browser brings along to a sign-in."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import HTTPConnection
from starlette.responses import Response

from vms.domain.people import Person
from vms.services.sessions import Browser, token_digest
from web.deps import Use, site_of
from web.security import COOKIE

SCREEN_COOKIE = "__Host-screen"
LASTS = timedelta(days=400)
"""The longest that browsers keep a cookie (RFC 6265bis); each sign-in at the screen begins it anew."""


def browser_of(connection: HTTPConnection) -> Browser:
    """Return the screen that a browser is enrolled as, and the session in it that ends once another one opens here. Blocks."""
    before = site_of(connection).signed_in(connection.cookies.get(COOKIE), Use.BY_PAGE)
    return Browser(screen_sha256(connection), before.session_id if isinstance(before, Person) else None)


def screen_sha256(connection: HTTPConnection) -> bytes:
    """Return the digest of a browser's screen token; empty where it has none."""
    return token_digest(connection.cookies.get(SCREEN_COOKIE, ""))


def with_screen_cookie(response: Response, token: str) -> Response:
    lasts = int(LASTS.total_seconds())
    response.set_cookie(SCREEN_COOKIE, token, max_age=lasts, path="/", secure=True, httponly=True, samesite="strict")
    return response


def keep_screen_cookie(connection: HTTPConnection, response: Response) -> Response:
    return with_screen_cookie(response, connection.cookies[SCREEN_COOKIE]) if screen_sha256(connection) else response

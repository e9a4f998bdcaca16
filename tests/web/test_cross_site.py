"""T9: no other site changes anything, by whatever request its pages can make a browser send."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy import text

from tests.web.test_permissions import _bare
from tests.web.world import World, cookie
from vms.domain.people import PERMISSIONS, Role
from vms.store.central_tables import SCHEMA
from web.permissions import declared_permissions
from web.security import SAFE_METHODS

UNSAFE = [
    (method, route.path, route.permission)
    for route in declared_permissions(_bare())
    for method in route.methods
    if method not in SAFE_METHODS and method != "WEBSOCKET"
]
FORM = "application/x-www-form-urlencoded"
TRICKS: dict[str, dict[str, str]] = {
    "cross-site": {"sec-fetch-site": "cross-site", "origin": "https://evil.example", "content-type": FORM},
    "a sibling of this site": {"sec-fetch-site": "same-site", "origin": "http://other.localhost", "content-type": FORM},
    "an old browser": {"origin": "https://evil.example", "content-type": FORM},
    "an old browser without origin": {"content-type": FORM},
    "a sandboxed frame": {"origin": "null", "content-type": FORM},
    "the origin of another port": {"origin": "http://127.0.0.1:1", "content-type": FORM},
    "our origin inside another": {"origin": "http://127.0.0.1.evil.example", "content-type": FORM},
    "our own origin beside the site that asks": {"sec-fetch-site": "cross-site", "origin": "OWN", "content-type": FORM},
    "a plain text form": {"sec-fetch-site": "cross-site", "content-type": "text/plain"},
    "a form with files": {"sec-fetch-site": "cross-site", "content-type": "multipart/form-data; boundary=b"},
    "JSON": {"sec-fetch-site": "cross-site", "content-type": "application/json"},
    "two sites at once": {"sec-fetch-site": "cross-site, same-origin", "content-type": FORM},
}
BODIES = {FORM: b"act=save&name=A", "text/plain": b'{"intervals": []}', "application/json": b'{"intervals": []}'}
OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
LINKED = {"/wall": (303,)}
"""What a link of another site to a page leads to, where that is not the page itself: to Live, for who is no wall."""


def _state(world: World) -> dict[str, list[object]]:
    """Return every row of the central database."""
    with world.site.central.reading() as session:
        tables = [table.name for table in SCHEMA.sorted_tables]
        return {table: [tuple(row) for row in session.execute(text(f"SELECT * FROM {table}"))] for table in tables}  # noqa: S608


def _path(world: World, path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: str(world.camera.camera.id) if name[1] == "camera" else "none", path)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "permission"), UNSAFE)
def test_no_route_that_changes_something_is_open_to_another_site(shared_world: World, method: str, path: str, permission: str) -> None:
    role = next(role for role in Role if permission in PERMISSIONS[role])
    signed_in = cookie(shared_world.token(role))
    before = _state(shared_world)
    with httpx.Client(base_url=shared_world.address, trust_env=False, timeout=20) as browser:
        for trick, told in TRICKS.items():
            headers = {name: shared_world.address if value == "OWN" else value for name, value in told.items()}
            body = BODIES.get(told["content-type"], b'--b\r\nContent-Disposition: form-data; name="act"\r\n\r\nsave\r\n--b--\r\n')
            answer = browser.request(method, _path(shared_world, path), content=body, headers={**headers, **signed_in})
            assert answer.status_code == 403, trick
            assert "set-cookie" not in answer.headers, trick
        clicked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", **signed_in}
        plain = browser.get(_path(shared_world, path), headers=clicked)
        assert plain.status_code in LINKED.get(path, (200, 403, 404, 405))
        for override in OVERRIDES:
            shown = browser.get(_path(shared_world, path), headers={override: method, **clicked}, params={"_method": method})
            assert shown.status_code == plain.status_code, override
            assert "set-cookie" not in shown.headers, override
    assert _state(shared_world) == before


def test_every_route_that_changes_something_is_asked() -> None:
    assert len(UNSAFE) >= 12
    assert {method for method, _, _ in UNSAFE} == {"POST", "PUT", "PATCH", "DELETE"}

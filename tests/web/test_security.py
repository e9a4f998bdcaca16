"""What stands before every route: names of the server, other sites' requests, and the headers of each answer."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from fastapi import APIRouter
from websockets.exceptions import InvalidStatus

from tests.web.test_permissions import _bare
from tests.web.world import OWN_PAGE, World
from vms.domain.people import Role
from web.app import create_app
from web.permissions import ANYBODY, declared_permissions
from web.security import CONTENT_SECURITY_POLICY, HEADERS

FORM = {"name": "somebody", "password": "wrong"}


@pytest.mark.parametrize("path", ["/login", "/healthz", "/api/v1/me", "/nothing", "/static/nothing"])
def test_every_answer_carries_the_headers(shared_world: World, path: str) -> None:
    answer = httpx.get(f"{shared_world.address}{path}")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    assert "server" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted({route.path for route in declared_permissions(_bare()) if route.methods != ("WEBSOCKET",)}))
def test_every_route_answers_with_the_headers_whatever_it_is_asked(shared_world: World, path: str) -> None:
    """T27: by each method, by the right name and a wrong one, from our pages and from others, signed in and not."""
    there = re.sub(r"\{(\w+)(:path)?\}", "7", path)
    with shared_world.client(Role.IT, page=True) as member, shared_world.client(page=True) as stranger:
        for method in ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT", "TRACE"):
            for told in ({}, {"host": "evil.example"}, {"sec-fetch-site": "cross-site"}):
                for browser in (member, stranger):
                    answer = browser.request(method, there, headers=told)
                    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, (method, told)
                    assert answer.headers["cache-control"] in ("no-store", "no-cache")
                    assert answer.status_code < 500


def test_a_refused_window_is_told_with_the_headers(shared_world: World) -> None:
    with pytest.raises(InvalidStatus) as refused, shared_world.socket(None, origin="https://evil.example"):
        pass
    assert {name: refused.value.response.headers.get(name) for name in HEADERS} == HEADERS


def test_an_error_of_ours_carries_the_headers_too(shared_world: World) -> None:
    router = APIRouter()

    @router.post("/broken", dependencies=[ANYBODY])
    def broken() -> None:
        raise RuntimeError("what nobody expected")

    broken_app = create_app(shared_world.site, routers=(router,))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(broken_app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=OWN_PAGE) as client:
            return await client.post("/broken")

    answer = asyncio.run(ask())
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "nobody expected" not in answer.text


def test_nothing_runs_but_our_own_files() -> None:
    directives = dict(one.split(" ", 1) for one in CONTENT_SECURITY_POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert {directives[name] for name in ("script-src", "style-src", "worker-src", "connect-src")} == {"'self'"}
    assert directives["media-src"] == "'self' blob:"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_a_built_file_may_be_kept_for_ever(shared_world: World) -> None:
    answer = httpx.get(f"{shared_world.address}{shared_world.site.pages.asset('site.js')}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["manifest.json", "../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "assets", "assets/none.js", "%00", "a" * 5000]
)
def test_only_built_files_are_served(shared_world: World, path: str) -> None:
    assert httpx.get(f"{shared_world.address}/static/{path}").status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example", "", "127.0.0.1@evil.example"])
def test_another_host_name_is_refused(shared_world: World, host: str) -> None:
    answer = httpx.get(f"{shared_world.address}/login", headers={"host": host})
    assert answer.status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
def test_the_own_names_are_served_on_any_port(shared_world: World, host: str) -> None:
    assert httpx.get(f"{shared_world.address}/login", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "OWN"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {},
    ],
)
def test_a_change_asked_for_by_another_site_is_refused(shared_world: World, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{shared_world.address}/login", data=FORM, headers=_own(shared_world, headers))
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "OWN"}])
def test_a_change_asked_for_by_our_own_page_is_taken(world: World, headers: dict[str, str]) -> None:
    assert httpx.post(f"{world.address}/login", data=FORM, headers=_own(world, headers)).status_code == 401


def test_another_site_can_not_embed_data(shared_world: World) -> None:
    with shared_world.client(Role.DESK) as client:
        assert client.get("/api/v1/cameras", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_json_without_its_content_type_is_not_read(shared_world: World) -> None:
    with shared_world.client(Role.IT) as client:
        answer = client.post("/api/v1/cameras", content=b"{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 422


def test_an_endless_body_is_refused(shared_world: World) -> None:
    with shared_world.client(Role.IT) as client:
        answer = client.post("/api/v1/cameras", content=b'"' + b"a" * 2_000_000 + b'"', headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/demo/session"])
def test_there_is_no_way_in_that_the_product_does_not_need(shared_world: World, path: str) -> None:
    assert httpx.get(f"{shared_world.address}{path}").status_code == 404


def _own(world: World, headers: dict[str, str]) -> dict[str, str]:
    return {name: world.address if value == "OWN" else value for name, value in headers.items()}

"""Every route declares one permission, and each role gets exactly what its permissions say: no more, no error."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from websockets.exceptions import ConnectionClosed

from tests.web.world import World
from vms.domain.access import Action
from vms.domain.people import PERMISSIONS, Permission, Role
from vms.errors import ConfigError
from web.app import ROUTERS, create_app
from web.permissions import Declared, declared_permissions, need, permission_table
from web.words import ACTS, ASK, only

ALLOWED: dict[tuple[str, str], int] = {
    ("GET", "/"): 303,
    ("GET", "/login"): 200,
    ("POST", "/login"): 401,
    ("POST", "/logout"): 303,
    ("POST", "/login/oidc"): 404,  # as long as no provider is set
    ("GET", "/login/oidc/callback"): 404,
    ("POST", "/login/oidc/code"): 404,
    ("POST", "/prove/oidc"): 404,
    ("POST", "/account/oidc"): 404,
    ("POST", "/account/oidc/remove"): 404,
    ("POST", "/switch/oidc"): 404,
    ("GET", "/switch"): 200,
    ("GET", "/switch/done"): 200,
    ("POST", "/switch"): 401,
    ("POST", "/switch/passkey"): 403,
    ("GET", "/screens"): 200,
    ("POST", "/screens"): 422,
    ("POST", "/screens/{number}/end"): 404,
    ("GET", "/screens/enrol"): 200,
    ("POST", "/screens/enrol"): 403,
    ("GET", "/download"): 200,
    ("POST", "/download"): 403,
    ("POST", "/api/v1/downloads"): 422,
    ("GET", "/wall"): 303,  # to the live page: it is no wall
    ("POST", "/wall"): 403,
    ("GET", "/live"): 200,
    ("GET", "/playback"): 200,
    ("GET", "/static/{path}"): 404,
    ("GET", "/healthz"): 200,
    ("GET", "/cameras"): 200,
    ("GET", "/cameras/new"): 200,
    ("POST", "/cameras/new"): 422,
    ("GET", "/cameras/{camera}"): 404,
    ("POST", "/cameras/{camera}"): 404,
    ("POST", "/cameras/{camera}/remove"): 404,
    ("POST", "/cameras/{camera}/pause"): 404,
    ("POST", "/cameras/{camera}/resume"): 404,
    ("GET", "/log"): 200,
    ("GET", "/join"): 200,
    ("POST", "/join"): 422,
    ("GET", "/prove"): 200,
    ("POST", "/prove"): 401,
    ("POST", "/api/v1/session/proof"): 422,
    ("GET", "/account"): 200,
    ("POST", "/account/password"): 401,
    ("POST", "/account/sessions/{number}/end"): 303,
    ("POST", "/account/sessions/end-others"): 303,
    ("GET", "/account/authenticator"): 200,
    ("POST", "/account/authenticator"): 303,
    ("POST", "/account/authenticator/code"): 403,
    ("GET", "/account/passkeys/new"): 200,
    ("POST", "/account/passkeys"): 403,
    ("POST", "/account/passkeys/{number}/rename"): 404,
    ("POST", "/account/passkeys/{number}/remove"): 404,
    ("POST", "/login/passkey"): 403,
    ("POST", "/prove/passkey"): 403,
    ("POST", "/api/v1/passkeys/sign-in"): 403,
    ("POST", "/api/v1/passkeys/proof"): 403,
    ("POST", "/api/v1/passkeys/new"): 403,
    ("GET", "/people"): 200,
    ("GET", "/people/new"): 200,
    ("POST", "/people/new"): 422,
    ("POST", "/people/{number}/confirm"): 404,
    ("POST", "/people/{number}/end"): 404,
    ("POST", "/people/{number}/sign-out"): 404,
    ("POST", "/people/{number}/invite"): 404,
    ("POST", "/people/{number}/half"): 404,
    ("POST", "/people/{number}/reset"): 404,
    ("POST", "/people/{number}/reset/finish"): 404,
    ("GET", "/people/{number}/delegation"): 404,
    ("POST", "/people/{number}/delegation"): 404,
    ("POST", "/people/{number}/delegation/confirm"): 404,
    ("POST", "/people/{number}/delegation/end"): 404,
    ("GET", "/waiting"): 200,
    ("GET", "/rules"): 200,
    ("GET", "/rules/document"): 200,
    ("POST", "/rules/versions"): 422,
    ("GET", "/rules/versions/{version}"): 404,
    ("POST", "/rules/versions/{version}/approve"): 404,
    ("GET", "/api/v1/rules"): 200,
    ("POST", "/api/v1/rules"): 422,
    ("GET", "/api/v1/rules/{version}"): 404,
    ("POST", "/api/v1/rules/{version}/approve"): 404,
    ("POST", "/waiting/{number}/stop"): 404,
    ("GET", "/keep"): 200,
    ("POST", "/keep"): 422,
    ("GET", "/holds"): 200,
    ("GET", "/holds/new"): 200,
    ("POST", "/holds/new"): 422,
    ("GET", "/holds/report"): 200,
    ("GET", "/holds/{number}"): 404,
    ("GET", "/holds/{number}/sheet"): 404,
    ("GET", "/holds/{number}/release"): 404,
    ("POST", "/holds/{number}/release"): 404,
    ("POST", "/holds/{number}/confirm"): 404,
    ("POST", "/holds/{number}/undo"): 404,
    ("GET", "/requests"): 200,
    ("POST", "/api/v1/emergency/{number}/shown"): 422,
    ("GET", "/requests/new"): 200,
    ("POST", "/requests/new"): 422,
    ("GET", "/requests/stills"): 200,
    ("POST", "/requests/stills"): 422,
    ("GET", "/requests/{number}"): 404,
    ("GET", "/requests/{number}/letter"): 404,
    ("POST", "/requests/{number}/acts"): 404,  # the page on which it would say what is missing
    ("POST", "/requests/{number}/form"): 404,
    ("GET", "/requests/{number}/scope"): 404,
    ("POST", "/requests/{number}/scope"): 404,
    ("POST", "/requests/{number}/approve"): 404,
    ("POST", "/requests/{number}/deny"): 404,
    ("POST", "/requests/{number}/named"): 404,
    ("POST", "/requests/{number}/unseal"): 404,
    ("POST", "/requests/{number}/papers"): 422,
    ("GET", "/requests/{number}/receipt"): 404,
    ("GET", "/requests/{number}/receipt.pdf"): 404,
    ("POST", "/requests/{number}/package"): 404,
    ("POST", "/requests/{number}/tickets"): 404,
    ("POST", "/requests/{number}/showings"): 404,
    ("POST", "/requests/{number}/showings/end"): 404,
    ("POST", "/requests/{number}/tickets/take-back"): 404,
    ("GET", "/requests/{number}/redaction"): 404,
    ("GET", "/requests/{number}/redaction/sheets/{sheet}"): 404,
    ("POST", "/requests/{number}/redaction/plan"): 422,
    ("POST", "/requests/{number}/redaction/regions"): 404,
    ("POST", "/requests/{number}/redaction/regions/out"): 404,
    ("POST", "/requests/{number}/redaction/approve"): 404,
    ("POST", "/requests/{number}/redaction/back"): 404,
    ("GET", "/requests/{number}/papers/{paper}"): 404,
    ("GET", "/requests/{number}/advice"): 404,
    ("POST", "/requests/{number}/advice"): 404,
    ("GET", "/policy"): 200,
    ("GET", "/policy/new"): 200,
    ("POST", "/policy/new"): 422,
    ("POST", "/policy/{number}/confirm"): 404,
    ("POST", "/policy/{number}/approve"): 404,
    ("GET", "/spot-checks"): 200,
    ("POST", "/spot-checks"): 404,
    ("POST", "/spot-checks/draw"): 303,
    ("GET", "/spot-checks/{number}"): 404,
    ("GET", "/deletion-certificates/{month}.json"): 404,
    ("GET", "/deletion-certificates/{month}.note"): 404,
    ("GET", "/deletion-certificates/{month}.pdf"): 404,
    ("GET", "/emergency"): 200,
    ("GET", "/emergency/new"): 200,
    ("POST", "/emergency/new"): 422,
    ("POST", "/emergency/{number}/close"): 404,
    ("POST", "/emergency/{number}/shown"): 422,
    ("GET", "/emergency/reviews"): 200,
    ("GET", "/emergency/{number}/review"): 404,
    ("POST", "/emergency/{number}/review"): 404,
    ("GET", "/reviews"): 200,
    ("GET", "/ca"): 404,
    ("GET", "/ca.crt"): 404,
    ("POST", "/api/v1/session"): 422,
    ("DELETE", "/api/v1/session"): 204,
    ("GET", "/api/v1/me"): 200,
    ("GET", "/api/v1/cameras"): 200,
    ("POST", "/api/v1/cameras"): 422,
    ("POST", "/api/v1/cameras/test"): 422,
    ("PATCH", "/api/v1/cameras/{camera}"): 422,
    ("DELETE", "/api/v1/cameras/{camera}"): 404,
    ("PUT", "/api/v1/cameras/{camera}/pause"): 422,
    ("DELETE", "/api/v1/cameras/{camera}/pause"): 404,
    ("GET", "/api/v1/cameras/{camera}/timeline"): 422,
    ("POST", "/api/v1/views"): 422,
    ("POST", "/api/v1/views/{view}/extend"): 404,
    ("POST", "/api/v1/views/{view}/close"): 422,
    ("GET", "/api/v1/views/{view}/main.m3u8"): 404,
    ("GET", "/api/v1/views/{view}/segments/{segment}"): 416,
    ("GET", "/api/v1/log"): 200,
    ("GET", "/api/v1/holds"): 200,
    ("POST", "/api/v1/holds"): 422,
    ("GET", "/api/v1/holds/{number}"): 404,
    ("POST", "/api/v1/holds/{number}/release"): 422,
    ("POST", "/api/v1/holds/{number}/confirm"): 404,
    ("POST", "/api/v1/holds/{number}/undo"): 404,
    ("GET", "/api/v1/requests"): 200,
    ("POST", "/api/v1/requests"): 422,
    ("POST", "/api/v1/requests/stills"): 422,
    ("GET", "/api/v1/requests/{number}"): 404,
    ("POST", "/api/v1/requests/{number}/acts"): 422,
    ("POST", "/api/v1/requests/{number}/form"): 422,
    ("POST", "/api/v1/requests/{number}/scope"): 422,
    ("POST", "/api/v1/requests/{number}/approve"): 422,
    ("POST", "/api/v1/requests/{number}/deny"): 422,
    ("POST", "/api/v1/requests/{number}/named"): 422,
    ("POST", "/api/v1/requests/{number}/unseal"): 422,
    ("POST", "/api/v1/requests/{number}/challenge"): 403,  # the tests ask under an address, for which nobody has a passkey
    ("POST", "/api/v1/requests/{number}/papers"): 422,
    ("POST", "/api/v1/requests/{number}/package"): 404,
    ("POST", "/api/v1/requests/{number}/tickets"): 422,
    ("POST", "/api/v1/requests/{number}/showings"): 422,
    ("DELETE", "/api/v1/requests/{number}/showings"): 404,
    ("DELETE", "/api/v1/requests/{number}/tickets"): 404,
    ("GET", "/api/v1/requests/{number}/redaction"): 404,
    ("GET", "/api/v1/requests/{number}/redaction/sheets/{sheet}"): 404,
    ("POST", "/api/v1/requests/{number}/redaction/plan"): 422,
    ("POST", "/api/v1/requests/{number}/redaction/approve"): 422,
    ("POST", "/api/v1/requests/{number}/redaction/back"): 422,
    ("GET", "/api/v1/requests/{number}/advice"): 404,
    ("POST", "/api/v1/requests/{number}/advice"): 422,
    ("GET", "/register"): 200,
    ("POST", "/register"): 404,
    ("GET", "/privacy-reviews"): 200,
    ("POST", "/privacy-reviews"): 422,
    ("POST", "/privacy-reviews/evidence"): 200,
    ("GET", "/deputies"): 200,
    ("POST", "/deputies"): 422,
    ("GET", "/api/v1/deputies"): 200,
    ("PUT", "/api/v1/deputies"): 422,
    ("GET", "/door"): 200,
    ("POST", "/door"): 422,
    ("GET", "/door/{number}"): 404,
    ("POST", "/door/{number}/calls"): 404,
    ("POST", "/door/{number}/form"): 404,
    ("POST", "/api/v1/door"): 422,
    ("POST", "/api/v1/door/{number}/calls"): 422,
    ("POST", "/api/v1/door/{number}/form"): 422,
    ("GET", "/training"): 200,
    ("POST", "/training"): 422,
    ("GET", "/cards"): 200,
    ("GET", "/api/v1/training"): 200,
    ("POST", "/api/v1/training"): 422,
    ("GET", "/notice"): 200,
    ("POST", "/notice"): 200,
    ("GET", "/inquiry"): 404,  # off, as shipped
    ("POST", "/inquiry"): 404,
    ("POST", "/api/v1/inquiries"): 404,
    ("GET", "/inquiries"): 200,
    ("GET", "/inquiries/{number}"): 404,
    ("POST", "/inquiries/{number}/aside"): 404,
    ("GET", "/api/v1/inquiries"): 200,
    ("GET", "/api/v1/inquiries/{number}"): 404,
    ("POST", "/api/v1/inquiries/{number}/aside"): 422,
    ("GET", "/complaints"): 200,
    ("GET", "/complaints/new"): 200,
    ("POST", "/complaints/new"): 422,
    ("GET", "/complaints/{number}"): 404,
    ("GET", "/complaints/{number}/receipt"): 404,
    ("GET", "/complaints/{number}/letter"): 404,
    ("GET", "/complaints/{number}/watched"): 404,
    ("POST", "/complaints/{number}/answer"): 404,
    ("POST", "/complaints/{number}/hold"): 404,
    ("GET", "/api/v1/complaints"): 200,
    ("POST", "/api/v1/complaints"): 422,
    ("POST", "/api/v1/complaints/{number}/answer"): 422,
    ("GET", "/api/v1/policies"): 200,
    ("GET", "/api/v1/policies/versions"): 200,
    ("POST", "/api/v1/policies"): 422,
    ("POST", "/api/v1/policies/{number}/confirm"): 404,
    ("POST", "/api/v1/policies/{number}/approve"): 404,
}
"""What a role that has the permission is answered when it names nothing that exists."""


def _routes() -> list[Declared]:
    return [route for route in declared_permissions(_bare()) if route.methods != ("WEBSOCKET",)]


def _bare(*routers: APIRouter) -> FastAPI:
    app = FastAPI(openapi_url=None)
    for router in routers or ROUTERS:
        app.include_router(router)
    return app


def _cases() -> list[tuple[Role | None, str, str, int]]:
    return [
        (role, method, _path(route.path), _expected(role, route, method))
        for route in _routes()
        for method in route.methods
        for role in (None, *Role)
    ]


def _path(path: str) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda name: "123456" if name[1] in ("camera", "number", "paper") else "none", path)


def _expected(role: Role | None, route: Declared, method: str) -> int:
    key = (method, route.path.replace(":path", ""))
    if route.permission is Permission.PUBLIC:
        return ALLOWED[key]
    if role is None:
        return 401 if key[1].startswith("/api/") else 303
    return ALLOWED[key] if route.permission in PERMISSIONS[role] else 403


_TRIES = {("POST", "/switch")} | {
    (method, _path(route.path))
    for route in _routes()
    for method in route.methods
    if route.permission is Permission.PUBLIC and method == "POST" and not route.path.endswith(("/inquiry", "/inquiries"))
}
"""Where whoever gives no password is slowed down who tries often; the form of inquiries is off here.

Elsewhere the clock stands: days would end an account.
"""


def test_every_route_has_its_line_in_this_table() -> None:
    declared = {(method, route.path.replace(":path", "")) for route in _routes() for method in route.methods}
    assert declared == ALLOWED.keys()


@pytest.fixture(scope="module")
def aged_world(shared_world: World) -> World:
    """A day of its camera is over: one can be drawn."""
    shared_world.clock.step(timedelta(days=1))
    return shared_world


@pytest.mark.slow
@pytest.mark.parametrize(("role", "method", "path", "status"), _cases())
def test_a_route_answers_each_role_as_its_permission_says(
    aged_world: World, role: Role | None, method: str, path: str, status: int
) -> None:
    if (method, path) in _TRIES:
        aged_world.clock.step(timedelta(minutes=20))  # what was tried there before is forgotten
    with aged_world.client(role, page=not path.startswith("/api/")) as client:
        answer = client.request(method, path)
    assert answer.status_code == status, answer.text
    if role is None and status == 303:
        assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize("role", Role)
def test_the_live_socket_opens_for_viewers_only(shared_world: World, role: Role) -> None:
    with shared_world.socket(shared_world.token(role)) as socket:
        if Permission.LIVE_VIEW in PERMISSIONS[role]:
            socket.send('{"t": "ping"}')
            assert '"pong"' in str(socket.recv(10))
        else:
            with pytest.raises(ConnectionClosed):
                socket.recv(10)
            assert socket.close_code == 4403


def test_the_live_socket_sends_an_unknown_browser_to_sign_in(shared_world: World) -> None:
    with shared_world.socket(None) as socket, pytest.raises(ConnectionClosed):
        socket.recv(10)
    assert socket.close_code == 4401


def _undeclared_route(router: APIRouter) -> None:
    router.add_api_route("/forgotten", lambda: "pictures")


def _undeclared_socket(router: APIRouter) -> None:
    @router.websocket("/forgotten")
    async def forgotten(_websocket: WebSocket) -> None: ...


def _plain_route(router: APIRouter) -> None:
    router.routes.append(Route("/forgotten", lambda _request: PlainTextResponse("pictures")))


def _mount(router: APIRouter) -> None:
    router.routes.append(Mount("/forgotten", app=FastAPI()))


def _two_permissions(router: APIRouter) -> None:
    router.add_api_route("/forgotten", lambda: "", dependencies=[need(Permission.LIVE_VIEW), need(Permission.PUBLIC)])


@pytest.mark.parametrize("plant", [_undeclared_route, _undeclared_socket, _plain_route, _mount, _two_permissions])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_start_is_refused_when_a_route_declares_no_permission(world: World, plant: Callable[[APIRouter], None], depth: int) -> None:
    inner = APIRouter()
    plant(inner)
    for _ in range(depth - 1):
        outer = APIRouter(prefix="/deeper")
        outer.include_router(inner)
        inner = outer
    with pytest.raises(ConfigError, match="forgotten"):
        create_app(world.site, routers=(*ROUTERS, inner))


def test_a_permission_declared_deep_inside_another_dependency_counts() -> None:
    def through(_person: object = need(Permission.LOG_READ)) -> None: ...

    router = APIRouter()
    router.add_api_route("/deep", lambda: "", dependencies=[Depends(through)])
    assert [route.permission for route in declared_permissions(_bare(router))] == [Permission.LOG_READ]


def test_a_refusal_is_written_with_the_permission_that_was_missing(world: World) -> None:
    with world.client(Role.IT) as client:
        client.get("/live")
    (event,) = world.events(Action.ACCESS_REFUSE)
    assert (event.role, event.detail["what"]) == ("it", "live.view")


def test_a_flood_of_refusals_is_one_event_a_minute(world: World) -> None:
    with world.client(Role.IT) as client:
        for _ in range(5):
            client.get("/live")
    assert len(world.events(Action.ACCESS_REFUSE)) == 1


def test_every_permission_has_its_words() -> None:
    assert set(ACTS) == set(ASK) == set(Permission)
    assert only(Permission.CAMERA_MANAGE) == "Only IT may set up cameras"
    assert only(Permission.PEOPLE_READ) == "Only Director, IT and Auditor may see who has an account"


def test_the_table_in_the_readme_is_current() -> None:
    readme = Path(__file__).parents[2].joinpath("web", "README.md").read_text(encoding="utf-8")
    assert permission_table(_bare()) in readme, f"replace the table in web/README.md by:\n{permission_table(_bare())}"

"""Every operation of the pages and the API, asked what its schema allows and what it does not: never an error of ours.

T7 and schemathesis: each role and nobody, real ids among the made-up ones, and texts that a database, a shell or a browser might trip over.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response

from tests.web.payloads import PAYLOADS
from tests.web.world import OWN_PAGE, World, cookie
from vms.domain.people import Role
from web.app import ROUTERS
from web.permissions import declared_permissions

EVERYDAY, LONG = 60, 80
"""Cases in all, and for each operation and mode."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def _application() -> FastAPI:
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    return app


APP = _application()
SCHEMA = schemathesis.openapi.from_dict(APP.openapi())
OPERATIONS = {
    f"{found.ok().method.upper()} {found.ok().path}": found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
}
TEXTS = ("q", "state", "person", "day", "before", "name", "host", "username", "main_path", "next", "t", "view", "segment")
ROLES = (None, *Role)
ASKED = [(label, mode) for label, found in OPERATIONS.items() for mode in MODES if mode is MODES[0] or found.body or found.query]
"""What has neither body nor query can't be asked against its schema."""


def test_every_route_is_asked() -> None:
    declared = {(method, route.path.replace(":path", "")) for route in declared_permissions(APP) for method in route.methods}
    assert {f"{method} {path}" for method, path in declared if method != "WEBSOCKET"} == OPERATIONS.keys()


def _ask(world: World, case: Case[Any], role: Role | None, swap: dict[str, Any]) -> Response:
    """Ask as somebody with `role`; `swap`: what goes in the place of made-up parameters."""
    for container in (case.path_parameters, case.query):
        for name in container or {}:
            if name in swap:
                container[name] = swap[name]
    if isinstance(case.body, dict):
        case.body |= {name: value for name, value in swap.items() if name in case.body}
    headers = (
        OWN_PAGE | {"accept": "text/html" if role is Role.DESK else "application/json"} | (dict(cookie(world.token(role))) if role else {})
    )
    with requests.Session() as session:
        session.trust_env = False
        return case.call(base_url=world.address, session=session, headers=headers, allow_redirects=False, timeout=20)


def _never_an_error(world: World, label: str, mode: GenerationMode, data: st.DataObject) -> None:
    case = data.draw(OPERATIONS[label].as_strategy(mode))
    role = data.draw(st.sampled_from(ROLES))
    swap: dict[str, Any] = {}
    if data.draw(st.booleans()):
        swap["camera"] = world.camera.camera.id
    if data.draw(st.booleans()):
        swap |= dict.fromkeys(TEXTS, data.draw(st.sampled_from(PAYLOADS)))
    answer = _ask(world, case, role, swap)
    assert answer.status_code < 500, (label, role, case.as_curl_command(), answer.status_code, answer.text)


def _searched(examples: int) -> settings:
    quiet = list(HealthCheck)
    return settings(max_examples=examples, phases=[Phase.generate], suppress_health_check=quiet, database=None)


@pytest.mark.slow
def test_no_request_is_an_error_of_ours(shared_world: World) -> None:
    @_searched(EVERYDAY)
    @given(st.sampled_from(ASKED), st.data())
    def ask(asked: tuple[str, GenerationMode], data: st.DataObject) -> None:
        _never_an_error(shared_world, *asked, data)

    ask()


@pytest.mark.long
@pytest.mark.parametrize(("label", "mode"), ASKED)
def test_no_request_of_thousands_is_an_error_of_ours(shared_world: World, label: str, mode: GenerationMode) -> None:
    @_searched(LONG)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        _never_an_error(shared_world, label, mode, data)

    ask()

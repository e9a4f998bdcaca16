"""T7: sixty odd texts in every place that takes one: no error of ours, and nothing beyond what the asker reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx
import pytest

from tests.factories import a_branch, a_camera
from tests.web import text_fields
from tests.web.conftest import Migrated
from tests.web.payloads import PAYLOADS
from tests.web.test_permissions import _bare
from tests.web.world import World, a_world
from vms.config import Settings
from vms.domain.people import PERMISSIONS, Role
from vms.store.migrate import Which
from web.permissions import declared_permissions

ELSEWHERE = "Vault at another branch"
DECLARED = {
    f"{method} {route.path.replace(':path', '')}": route.permission for route in declared_permissions(_bare()) for method in route.methods
}
EVERY = pytest.mark.parametrize("every", [pytest.param(8, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)])
"""Each eighth text in `make test`, all of them in `make test-long`."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    """A world with a second branch, whose camera is not for the people who ask here."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("injection"))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        with world.site.central.writing() as session:
            a_camera(session, a_branch(session, "Elsewhere"), ELSEWHERE)
        yield world


def test_each_text_of_a_request_is_entered() -> None:
    assert text_fields.on_routes() == {operation: tuple(sorted(texts)) for operation, texts in text_fields.REQUESTS.items()}


def test_each_text_of_a_command_is_entered() -> None:
    assert text_fields.on_commands() == {command: tuple(sorted(texts)) for command, texts in text_fields.COMMANDS.items()}


HASHED = {"invitation", "new", "old", "password", "second"}
"""Each of these costs a hash that is slow on purpose."""


@contextmanager
def _somebody(world: World, operation: str) -> Iterator[httpx.Client]:
    """Yield the browser of somebody of the first branch who may ask this."""
    role = next(role for role in Role if DECLARED[operation] in PERMISSIONS[role])
    with world.client(role, branches=frozenset({world.branch.id})) as browser:
        yield browser


def _path(world: World, path: str, texts: dict[str, str]) -> str:
    made_up = {"camera": str(world.camera.camera.id), "view": "none", "segment": "none", "number": "1", "version": "2"}
    return re.sub(r"\{(\w+)\}", lambda name: quote((made_up | texts)[name[1]], safe=""), path)


@EVERY
@pytest.mark.parametrize("operation", [one for one in text_fields.REQUESTS if one.startswith("GET ")])
def test_no_text_in_an_address_is_an_error_or_shows_more(world: World, operation: str, every: int) -> None:
    path = operation.removeprefix("GET ")
    with _somebody(world, operation) as browser:
        for field in text_fields.REQUESTS[operation]:
            for text in PAYLOADS[::every]:
                headers = {"range": text} if field == "range" and text.isascii() and text.isprintable() else {}
                query = {} if f"{{{field}}}" in path or field == "range" else {field: text}
                answer = browser.get(_path(world, path, {field: text}), params=query, headers=headers)
                assert answer.status_code < 500, (field, text, answer.text)
                assert ELSEWHERE not in answer.text, (field, text)


@EVERY
@pytest.mark.parametrize("operation", [one for one in text_fields.REQUESTS if not one.startswith("GET ")])
def test_no_text_in_a_body_is_an_error(world: World, operation: str, every: int) -> None:
    method, path = operation.split(" ")
    usual: dict[str, object] = {
        "name": "A",
        "role": "desk",
        "branch": str(world.branch.id),
        "host": "10.20.1.77",
        "main_path": "/main",
        "version": 1,
    }
    with _somebody(world, operation) as browser:
        for field in text_fields.REQUESTS[operation]:
            for text in PAYLOADS[::every] if field not in HASHED else PAYLOADS[:: 12 * every]:
                body = usual | {field: text}
                content = {"json": body} if path.startswith("/api/") else {"data": {name: str(value) for name, value in body.items()}}
                answer = browser.request(method, _path(world, path, {field: text}), **content)
                assert answer.status_code < 500, (field, text, answer.text)
                assert ELSEWHERE not in answer.text, (field, text)


@EVERY
def test_a_stored_name_is_found_and_shown_as_it_is(world: World, every: int) -> None:
    """Second order: what was taken once is no part of a question later."""
    with world.client(Role.IT, branches=frozenset({world.branch.id})) as browser:
        for number, text in enumerate(PAYLOADS[::every]):
            name = f"{number} {text}"
            entries = {"name": name, "branch": world.branch.id, "host": "10.20.1.88", "main_path": "/main"}
            added = browser.post("/api/v1/cameras", json=entries)
            assert added.status_code in (201, 422), added.text
            if added.status_code == 201:
                stored = added.json()["name"]
                listed = browser.get("/api/v1/cameras").json()["cameras"]
                assert [one["name"] for one in listed].count(stored) == 1
                assert browser.get("/cameras", params={"q": stored}).status_code == 200
                assert browser.delete(f"/api/v1/cameras/{added.json()['id']}").status_code == 204
    with world.client(Role.DIRECTOR) as browser:
        assert browser.get("/log").status_code == 200
        assert browser.get("/api/v1/log").status_code == 200

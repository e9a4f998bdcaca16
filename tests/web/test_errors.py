"""What goes wrong is told once, in one sentence, in the shape that the asker reads; nothing uncommitted is ever answered."""

from __future__ import annotations

import httpx
import pytest

from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.outcome import Refusal
from vms.domain.people import Role
from vms.errors import VmsError
from web.errors import FAILURES, REFUSALS, TITLES


def test_nothing_is_answered_when_the_commit_fails(world: World) -> None:
    with world.client(Role.DESK) as client:
        world.refuse_events(Action.SESSION_CLOSE)
        problem(client.delete("/api/v1/session"), 503)
        assert client.get("/api/v1/me").status_code == 200


def test_a_refusal_whose_event_can_not_be_written_is_still_a_refusal_of_the_page(world: World) -> None:
    with world.client(Role.IT) as client:
        world.refuse_events(Action.ACCESS_REFUSE)
        answer = client.get("/live")
    assert answer.status_code == 503
    assert "vms-live" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/cameras/abc/timeline", f"/api/v1/cameras/{1 << 60}/timeline"])
def test_an_address_that_is_none_is_not_found(shared_world: World, path: str) -> None:
    with shared_world.client(Role.DESK) as client:
        assert problem(client.get(path), 404)["title"] == "There is nothing here"


def test_a_method_that_is_none_is_told_with_those_there_are(shared_world: World) -> None:
    with shared_world.client(Role.DESK) as client:
        answer = client.put("/api/v1/me")
    assert problem(answer, 405)
    assert answer.headers["allow"] == "GET"


def test_torn_json_is_one_sentence_and_never_echoed(shared_world: World) -> None:
    with shared_world.client(Role.IT) as client:
        answer = client.post("/api/v1/session", content=b'{"password": "tell nobody', headers={"content-type": "application/json"})
    assert problem(answer, 422)
    assert "tell nobody" not in answer.text


@pytest.mark.parametrize("body", ['{"name": 5, "password": "tell nobody"}', '{"name": "a", "password": {"tell": "nobody"}}'])
def test_a_body_of_the_wrong_shape_is_never_echoed(shared_world: World, body: str) -> None:
    answer = httpx.post(
        f"{shared_world.address}/api/v1/session",
        content=body.encode(),
        headers={"content-type": "application/json", "sec-fetch-site": "same-origin"},
        timeout=20,
    )
    assert problem(answer, 422)
    assert "nobody" not in answer.text


REFUSED = [
    (Role.DESK, "GET", "/playback?camera=7"),
    (Role.DESK, "GET", "/api/v1/cameras/7/timeline?start=2026-03-14T11:00:00Z&end=2026-03-14T12:00:00Z"),
    (Role.DESK, "POST", "/api/v1/views/none/extend"),
    (Role.DESK, "POST", "/api/v1/views/none/close"),
    (Role.DESK, "GET", "/api/v1/views/none/main.m3u8"),
    (Role.DESK, "GET", "/api/v1/views/none/segments/none"),
    (Role.IT, "GET", "/cameras/7"),
    (Role.IT, "POST", "/cameras/7"),
    (Role.IT, "PATCH", "/api/v1/cameras/7"),
    (Role.IT, "POST", "/api/v1/cameras/test"),
]
BODIES: dict[str, dict[str, object]] = {
    "/api/v1/views/none/close": {"intervals": []},
    "/api/v1/cameras/7": {"version": 1},
    "/api/v1/cameras/test": {"name": "a", "branch": 7, "host": "10.20.1.11", "main_path": "/", "camera": 7},
}


@pytest.mark.slow
@pytest.mark.parametrize(("role", "method", "path"), REFUSED)
def test_what_does_not_exist_for_a_person_is_an_event_however_often_it_is_asked_for(
    world: World, role: Role, method: str, path: str
) -> None:
    with world.client(role) as client:
        answers = [client.request(method, path, json=BODIES.get(path), headers={"range": "bytes=0-9"}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {404}
    (event,) = world.events(Action.ACCESS_REFUSE)
    assert (event.role, event.detail["why"]) == (role, "out_of_scope")
    assert event.detail["what"] == f"{method} {path.partition('?')[0]}"


def test_health_tells_nothing_but_that_it_is_well(shared_world: World) -> None:
    answer = httpx.get(f"{shared_world.address}/healthz", timeout=20)
    assert (answer.status_code, answer.text) == (200, "ok")


def test_every_kind_of_failure_and_refusal_has_its_status_and_title() -> None:
    assert set(REFUSALS) == set(Refusal)
    assert all(issubclass(kind, VmsError) for kind in FAILURES)
    assert {*REFUSALS.values(), *FAILURES.values()} <= TITLES.keys()

"""Sign-in and sign-out, by form and by JSON."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from tests.factories import PASSWORD, an_account
from tests.web.world import OWN_PAGE, World, problem
from vms.domain.access import Action
from vms.domain.people import Role
from vms.domain.sign_in_pace import OF_PERSON_HERE
from web.deps import POLL_HEADER
from web.security import COOKIE

PAGE = OWN_PAGE | {"accept": "text/html"}


@pytest.fixture
def name(world: World) -> str:
    with world.site.central.writing() as session:
        return an_account(session, Role.DESK, name="d.nakamura").name


def _sign_in(world: World, name: str, password: str = PASSWORD, **form: str) -> httpx.Response:
    return httpx.post(f"{world.address}/login", data={"name": name, "password": password, **form}, headers=PAGE)


def test_the_form_signs_in_and_leads_on(world: World, name: str) -> None:
    answer = _sign_in(world, name, next="/playback?camera=7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/playback?camera=7")
    assert [event.actor_name for event in world.events(Action.SESSION_OPEN)] == [name]


def test_the_cookie_is_bound_to_this_host_and_hidden_from_scripts(world: World, name: str) -> None:
    parts = {part.strip().lower() for part in _sign_in(world, name).headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1"]
)
def test_a_sign_in_never_leads_to_another_site(world: World, name: str, there: str) -> None:
    answer = _sign_in(world, name, next=there)
    assert answer.headers["location"] == "/"
    assert answer.headers["set-cookie"].startswith(COOKIE)


def test_a_wrong_password_keeps_the_name_and_says_one_sentence(world: World, name: str) -> None:
    answer = _sign_in(world, name, "wrong")
    assert answer.status_code == 401
    assert "Name, password or code is wrong." in answer.text
    assert 'value="d.nakamura"' in answer.text
    assert "set-cookie" not in answer.headers
    assert len(world.events(Action.SESSION_REFUSE)) == 1


def test_an_unknown_name_is_answered_like_a_wrong_password(world: World, name: str) -> None:
    wrong, unknown = _sign_in(world, name, "wrong"), _sign_in(world, "nobody", "wrong")
    assert unknown.text.replace("nobody", name) == wrong.text


def test_many_wrong_tries_are_slowed_down_and_the_right_one_works_after_the_wait(world: World, name: str) -> None:
    for _ in range(OF_PERSON_HERE.free):
        _sign_in(world, name, "wrong")
    slowed = _sign_in(world, name)
    assert slowed.status_code == 429
    world.clock.step(timedelta(seconds=int(slowed.headers["retry-after"])))
    assert _sign_in(world, name).status_code == 303


@pytest.mark.slow
def test_wrong_tries_sent_all_at_once_are_slowed_down_too(world: World, name: str) -> None:
    with ThreadPoolExecutor(4 * OF_PERSON_HERE.free) as browsers:
        answers = list(browsers.map(lambda _: _sign_in(world, name, "wrong").status_code, range(4 * OF_PERSON_HERE.free)))
    assert sorted(answers) == [401] * OF_PERSON_HERE.free + [429] * (3 * OF_PERSON_HERE.free)


def test_tries_at_one_name_do_not_slow_down_another(world: World, name: str) -> None:
    for _ in range(OF_PERSON_HERE.free):
        _sign_in(world, "somebody else", "wrong")
    assert _sign_in(world, name).status_code == 303


def test_json_signs_in_and_tells_what_this_role_may(world: World, name: str) -> None:
    with httpx.Client(base_url=world.address, headers=OWN_PAGE, timeout=20) as client:
        answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
        token = answer.cookies[COOKIE]
        me = client.get("/api/v1/me", headers={"cookie": f"{COOKIE}={token}"})
    assert answer.json() == me.json()
    assert me.json()["role_label"] == "Desk"
    assert (me.json()["permissions"], me.json()["must_enrol"]) == ([], True)


def test_json_tells_what_a_role_may_after_two_factors(world: World) -> None:
    with world.client(Role.DESK) as client:
        me = client.get("/api/v1/me").json()
    assert "live.view" in me["permissions"]
    assert "camera.manage" not in me["permissions"]


def test_json_refuses_in_a_problem_document(world: World, name: str) -> None:
    answer = httpx.post(f"{world.address}/api/v1/session", json={"name": name, "password": "wrong"}, headers=OWN_PAGE)
    assert problem(answer, 401)["detail"] == "Name, password or code is wrong."


@pytest.mark.parametrize("entries", [b'{"name": "%s", "password": "\\ud800"}', b'{"name": "\\ud800", "password": "%s"}'])
def test_half_a_character_is_a_wrong_entry_and_no_error(world: World, name: str, entries: bytes) -> None:
    headers = OWN_PAGE | {"content-type": "application/json"}
    answer = httpx.post(f"{world.address}/api/v1/session", content=entries % name.encode(), headers=headers)
    assert answer.status_code in (401, 422), answer.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/logout"), ("DELETE", "/api/v1/session")])
def test_signing_out_ends_the_session_for_every_window(world: World, method: str, path: str) -> None:
    with world.client(Role.DESK) as client:
        assert client.request(method, path).is_success or method == "POST"
        assert client.get("/api/v1/me").status_code == 401
    assert len(world.events(Action.SESSION_CLOSE)) == 1


def test_a_session_ends_after_idle_time_and_requests_keep_it(world: World) -> None:
    with world.client(Role.DESK) as client:
        for _ in range(3):
            world.clock.step(timedelta(minutes=14))
            assert client.get("/api/v1/me").status_code == 200
        world.clock.step(timedelta(minutes=16))
        problem(client.get("/api/v1/me"), 401)


def test_what_a_page_asks_by_itself_keeps_no_session_alive(world: World) -> None:
    with world.client(Role.DESK) as client:
        world.clock.step(timedelta(minutes=14))
        assert client.get("/api/v1/cameras", headers={POLL_HEADER: "1"}).status_code == 200
        world.clock.step(timedelta(minutes=2))
        problem(client.get("/api/v1/cameras", headers={POLL_HEADER: "1"}), 401)


def test_the_sign_in_page_says_that_a_session_has_ended_and_what_keeps_one(world: World) -> None:
    with world.client(Role.DESK, page=True) as client:
        assert "has ended" not in client.get("/login?next=/live").text
        world.clock.step(timedelta(minutes=16))
        assert "only at a screen that IT has enrolled" in client.get("/login?next=/live").text
        elsewhere = client.get("/login?next=/playback").text
        assert "has ended" in elsewhere
        assert "enrolled" not in elsewhere
    assert "has ended" not in httpx.get(f"{world.address}/login?next=/live", headers=PAGE).text


def test_a_form_sent_after_the_session_ended_leads_to_sign_in_and_to_the_start(world: World) -> None:
    answer = httpx.post(f"{world.address}/logout", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_page_asked_for_without_a_session_leads_to_sign_in_and_back(world: World) -> None:
    answer = httpx.get(f"{world.address}/playback?camera=7&t=2026-03-14T12:00:00Z", headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fplayback%3Fcamera%3D7%26t%3D2026-03-14T12%3A00%3A00Z"

"""Enrolled screens over HTTP: enrolling, the lock of a workstation, the wall, and one person in another's place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta

import httpx
import pyotp
import pytest

from tests.factories import CONSOLE, PASSWORD, a_branch, a_camera, a_person, an_account, done
from tests.waiting import wait_until
from tests.web.footage import record
from tests.web.test_live import Window
from tests.web.test_permissions import _bare, _path
from tests.web.world import OWN_PAGE, World, cookie, problem
from vms.domain.access import Action
from vms.domain.people import PERMISSIONS, Permission, Role
from vms.domain.screens import ScreenKind
from vms.services.people import NewAccount, add_person, invite_person
from vms.services.second_factor import enrol_totp, offer_totp
from vms.services.sessions import OpenSession, session_for_token, touch_session
from web.deps import POLL_HEADER
from web.permissions import LOCKED, WALL_ONLY, declared_permissions
from web.screen_cookie import SCREEN_COOKIE
from web.security import COOKIE

PAGE = OWN_PAGE | {"accept": "text/html"}
OPEN_TO_A_LOCKED_ONE = {Permission.PUBLIC, Permission.SESSION_OWN, Permission.CAMERA_LIST, Permission.LIVE_VIEW}


def _browser(world: World, *cookies: Mapping[str, str] | str, page: bool = False) -> httpx.Client:
    """Return a browser that has these cookies: name=value, or a session's token."""
    told = "; ".join(one if isinstance(one, str) else one["cookie"] for one in cookies)
    headers = OWN_PAGE | {"accept": "text/html" if page else "application/json", "cookie": told}
    return httpx.Client(base_url=world.address, headers=headers, trust_env=False, timeout=20)


def _at_a_workstation(world: World, role: Role = Role.DESK, *, page: bool = False) -> tuple[str, httpx.Client]:
    token = world.token(role, screen=world.screen())
    return token, _browser(world, cookie(token), page=page)


def _left(world: World, token: str, minutes: int = 16) -> None:
    """Let live pictures go on at a workstation for so long, and nobody act."""
    for _ in range(minutes):
        world.clock.step(timedelta(minutes=1))
        with world.site.central.writing() as session:
            found = done(session_for_token(session, token, at=world.clock.now()))
            touch_session(session, found.person.session_id, at=world.clock.now())


def _open(world: World, token: str) -> OpenSession:
    with world.site.central.reading() as session:
        return done(session_for_token(session, token, at=world.clock.now()))


def test_it_adds_a_screen_and_its_browser_is_enrolled_by_the_code(world: World) -> None:
    with world.client(Role.IT, page=True) as it:
        page = it.post("/screens", data={"name": "Desk 1", "branch": str(world.branch.id), "kind": "workstation"})
        (code,) = re.findall(r"(?:[0-9a-f]{5}-){3}[0-9a-f]{5}", page.text)
        assert code not in it.get("/screens").text
    answer = httpx.post(f"{world.address}/screens/enrol", data={"code": code}, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/screens/enrol")
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/", "max-age=34560000"} <= parts
    here = httpx.get(f"{world.address}/screens/enrol", headers=PAGE | {"cookie": f"{SCREEN_COOKIE}={answer.cookies[SCREEN_COOKIE]}"})
    assert "This browser is the screen Desk 1, workstation." in here.text
    assert httpx.post(f"{world.address}/screens/enrol", data={"code": code}, headers=PAGE).status_code == 403
    with world.client(Role.IT, page=True) as it:
        assert "Enrolled Sat 14 Mar" in it.get("/screens").text


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ({"name": "", "branch": "1", "kind": "wall"}, 422),
        ({"name": "X", "kind": "wall"}, 422),
        ({"name": "X", "branch": "1", "kind": "y"}, 422),
        ({"name": "X", "branch": "1", "kind": "wall"}, 404),
    ],
)
def test_a_screen_that_can_not_be_is_refused_in_a_sentence(world: World, entries: dict[str, str], status: int) -> None:
    with world.client(Role.DIRECTOR, page=True) as client:
        answer = client.post("/screens", data=entries)
    assert answer.status_code == status
    assert world.events(Action.SCREEN_ADD) == []


def test_codes_are_guessed_at_a_pace(world: World) -> None:
    answers = [httpx.post(f"{world.address}/screens/enrol", data={"code": f"{n:020x}"}, headers=PAGE).status_code for n in range(22)]
    assert answers[:20] == [403] * 20
    assert 429 in answers[20:]


def test_a_sign_in_at_a_workstation_is_opened_there_and_the_account_says_where(world: World) -> None:
    screen = world.screen(name="Central, desk 1")
    with world.site.central.writing() as session:
        name = an_account(session, Role.COUNSEL, name="c.ito").name
    headers = PAGE | {"cookie": f"{SCREEN_COOKIE}={screen.token}"}
    answer = httpx.post(f"{world.address}/login", data={"name": name, "password": PASSWORD}, headers=headers)
    assert answer.cookies[SCREEN_COOKIE] == screen.token
    assert world.events(Action.SESSION_OPEN)[0].detail["screen"] == "Central, desk 1"
    with _browser(world, cookie(answer.cookies[COOKIE]), page=True) as client:
        assert "Central, desk 1" in client.get("/account").text


@pytest.mark.parametrize("told", ["", "x", "a" * 43, "a" * 5000, "%E2%80%99"])
def test_a_forged_screen_changes_nothing(world: World, told: str) -> None:
    with world.site.central.writing() as session:
        name = an_account(session, Role.COUNSEL, name="c.ito").name
    headers = PAGE | {"cookie": f"{SCREEN_COOKIE}={told}"}
    answer = httpx.post(f"{world.address}/login", data={"name": name, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 303
    assert _open(world, answer.cookies[COOKIE]).person.screen_id is None


def test_a_stolen_screen_alone_opens_nothing(world: World) -> None:
    with _browser(world, f"{SCREEN_COOKIE}={world.screen().token}") as client:
        problem(client.get("/api/v1/me"), 401)
    with _browser(world, f"{COOKIE}={world.screen(name='other').token}") as client:
        problem(client.get("/api/v1/me"), 401)


@pytest.mark.slow
@pytest.mark.parametrize("role", list(Role))
def test_a_locked_workstation_opens_no_route_but_those_of_live_pictures_and_of_a_proof(world: World, role: Role) -> None:
    token, client = _at_a_workstation(world, role)
    _left(world, token)
    with client:
        for route in declared_permissions(_bare()):
            if route.permission in OPEN_TO_A_LOCKED_ONE | set(Permission) - PERMISSIONS[role]:
                continue
            for method in {*route.methods} - {"WEBSOCKET"}:
                answer = client.request(method, _path(route.path))
                assert problem(answer, 401)["detail"] == LOCKED.sentence, route
                assert answer.json()["way_on"] == "/prove"
        assert client.get("/api/v1/me").status_code == 200
    assert world.events(Action.ACCESS_REFUSE) == []


def test_a_locked_page_leads_to_the_proof_and_says_since_when(world: World) -> None:
    token, client = _at_a_workstation(world, page=True)
    _left(world, token)
    with client:
        answer = client.get("/playback")
        assert (answer.status_code, answer.headers["location"]) == (303, "/prove?next=%2Fplayback")
        live = client.get("/live").text
        assert "Locked since 08:24. Live pictures go on." in live
        assert 'href="/playback"' not in live
        assert "Locked since 08:24." in client.get("/prove").text
        assert client.get("/").headers["location"] == "/live"


def test_nothing_but_a_proof_unlocks(world: World) -> None:
    token, client = _at_a_workstation(world)
    with client:
        view = client.post("/api/v1/views", json=_order(world)).json()["view"]
        _left(world, token)
        for path in ("/api/v1/me", "/live", "/api/v1/cameras", "/"):
            client.get(path)
            client.get(path, headers={POLL_HEADER: "1"})
        problem(client.post(f"/api/v1/views/{view}/extend"), 401)
        assert client.post(f"/api/v1/views/{view}/close", json={"intervals": []}).status_code == 204
        _ping(world, token)
        problem(client.post("/api/v1/session/proof", json={"password": "wrong"}), 401)
    assert _open(world, token).person.locked_since is not None


def _order(world: World) -> dict[str, object]:
    start, end = world.clock.now() - timedelta(seconds=90), world.clock.now() - timedelta(seconds=30)
    return {"camera": world.camera.camera.id, "purpose": "incident", "start": start.isoformat(), "end": end.isoformat()}


def _ping(world: World, token: str) -> None:
    """Open the live socket and ask whether anybody is there."""
    with world.socket(token) as window:
        window.send('{"t": "ping"}')
        assert json.loads(window.recv(10))["t"] == "pong"


def test_what_a_page_and_a_player_ask_by_themselves_puts_no_lock_off(world: World) -> None:
    """And a request by hand does: here the one for a page."""
    token, client = _at_a_workstation(world)
    record(world.node, world.main, world.clock.now() - timedelta(minutes=1), segments=2)
    with client:
        order = _order(world)
        view = client.post("/api/v1/views", json=order).json()["view"]
        acted = _open(world, token).person.acted_at
        world.clock.step(timedelta(minutes=5))
        playlist = client.get(f"/api/v1/views/{view}/main.m3u8").text
        name, first, last = _first_range(playlist)
        assert client.get(f"/api/v1/views/{view}/segments/{name}", headers={"range": f"bytes={first}-{last}"}).status_code == 206
        assert client.post(f"/api/v1/views/{view}/extend").status_code == 200
        assert client.post("/api/v1/views", json=order).status_code == 201
        assert client.post(f"/api/v1/views/{view}/close", json={"intervals": []}).status_code == 204
        _ping(world, token)
        assert client.get("/live", headers={POLL_HEADER: "1"}).status_code == 200
        found = _open(world, token)
        assert (found.person.acted_at, found.seen_at) == (acted, world.clock.now())
        client.get("/api/v1/me")
        assert _open(world, token).person.acted_at == world.clock.now()


def _first_range(playlist: str) -> tuple[str, int, int]:
    """Return name, first and last octet of the first fragment of a playlist."""
    found = re.search(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(?:#.*\n)*segments/(\S+)", playlist)
    assert found, playlist
    return found[3], int(found[2]), int(found[2]) + int(found[1]) - 1


@pytest.mark.slow
def test_a_recording_left_playing_is_refused_and_closed_in_the_log_within_five_seconds(world: World) -> None:
    _, client = _at_a_workstation(world)
    record(world.node, world.main, world.clock.now() - timedelta(minutes=1), segments=2)
    world.clock.step(timedelta(minutes=10))
    with client:
        start, end = world.clock.now() - timedelta(minutes=11), world.clock.now() - timedelta(minutes=9)
        order = {"camera": world.camera.camera.id, "purpose": "incident", "start": start.isoformat(), "end": end.isoformat()}
        view = client.post("/api/v1/views", json=order).json()["view"]
        name, first, last = _first_range(client.get(f"/api/v1/views/{view}/main.m3u8").text)
        octets, asked = f"/api/v1/views/{view}/segments/{name}", {"range": f"bytes={first}-{last}"}
        assert client.get(octets, headers=asked).status_code == 206
        world.clock.step(timedelta(minutes=5))
        problem(client.get(octets, headers=asked), 401)
        (event,) = wait_until(lambda: world.events(Action.VIEW_CLOSE))
    assert world.site.left.look_seconds < 5
    assert (event.view_id, event.detail["why"]) == (view, "locked")
    assert event.detail["streamed"].count("/") == 1


def _wall(world: World, role: Role = Role.SUPERVISOR) -> str:
    token = world.token(role, screen=world.screen(ScreenKind.WALL, name="Hall"))
    with _browser(world, cookie(token), page=True) as client:
        assert "This browser is the wall Hall." in client.get("/live").text
        answer = client.post("/wall")
        assert (answer.status_code, answer.headers["location"]) == (303, "/wall")
    return token


@pytest.mark.slow
@pytest.mark.parametrize("role", [role for role in Role if Permission.LIVE_VIEW in PERMISSIONS[role]])
def test_a_wall_opens_live_pictures_and_asks_to_sign_in_for_anything_else(world: World, role: Role) -> None:
    token = _wall(world, role)
    with _browser(world, cookie(token)) as client:
        for route in declared_permissions(_bare()):
            if route.permission in (Permission.PUBLIC, Permission.LIVE_VIEW):
                continue
            for method in route.methods:
                assert problem(client.request(method, _path(route.path)), 401)["detail"] == WALL_ONLY.sentence, route
    with _browser(world, cookie(token), page=True) as client:
        assert client.get("/account").headers["location"] == "/login?next=%2Faccount"
        assert client.get("/live").headers["location"] == "/wall"
        page = client.get("/wall")
        assert page.status_code == 200
        assert [part for part in ("<nav", "<form", "<a ") if part in page.text] == []


def test_a_wall_shows_its_branch_alone(world: World) -> None:
    with world.site.central.writing() as session:
        pier = a_camera(session, a_branch(session, "Harbor"), "Pier")
    token = _wall(world, Role.DIRECTOR)
    with _browser(world, cookie(token), page=True) as client:
        page = client.get("/wall").text
    assert world.branch.name in page
    assert [name for name in ("Harbor", "Pier") if name in page] == []
    with world.socket(token) as opened:
        window = Window(opened, token)
        for channel, camera in enumerate((world.camera, pier), start=1):
            window.sub(camera.camera.id, channel)
        denied = window.state("denied")
    assert (denied["ch"], denied["sentence"]) == (2, "There is no such camera.")
    assert [event.camera_id for event in world.events(Action.VIEW_OPEN)] == [world.camera.camera.id]
    (event,) = world.events(Action.WALL_SHOW)
    assert (event.actor_name, event.detail["name"]) == ("director 0", "Hall")


def test_no_wall_is_shown_elsewhere(world: World) -> None:
    with world.client(Role.DESK, page=True) as client:
        assert client.post("/wall").status_code == 403
        assert client.get("/wall").headers["location"] == "/live"
        assert "This browser is the wall" not in client.get("/live").text


def test_a_wall_is_ended_in_its_own_browser(world: World) -> None:
    token = _wall(world)
    with _browser(world, cookie(token), page=True) as client:
        assert "supervisor 0 is signed in in this browser until you are." in client.get("/login").text
        answer = client.post("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert COOKIE in answer.headers["set-cookie"]
        assert client.get("/wall").headers["location"] == "/login?next=%2Fwall"
    assert [event.actor_name for event in world.events(Action.SESSION_CLOSE)] == ["supervisor 0"]
    assert world.events(Action.ACCESS_REFUSE) == []


class Next:
    """Somebody who comes to the screen, with an authenticator."""

    def __init__(self, world: World, role: Role = Role.DESK, name: str = "n.ruiz") -> None:
        at = world.clock.now()
        with world.site.central.writing() as session:
            person = a_person(session, role, name=name, at=at)
            offer = done(offer_totp(session, person, key=world.site.factor_key))
            self.authenticator = pyotp.TOTP(offer.secret)
            done(enrol_totp(session, person, self.authenticator.at(at), key=world.site.factor_key, at=at))
        world.clock.step(timedelta(seconds=30))
        self.world, self.id = world, person.id

    def entries(self, **changed: str) -> dict[str, str]:
        code = self.authenticator.at(self.world.clock.now())
        return {"name": "n.ruiz", "password": PASSWORD, "code": code, "next": "/live?grid=4&cams=1,2,,"} | changed


def test_the_next_person_takes_the_place_of_the_one_before_also_when_that_is_locked(world: World) -> None:
    token, client = _at_a_workstation(world, page=True)
    _left(world, token)
    coming = Next(world)
    with client:
        assert "is signed out when you are signed in, not before" in client.get("/switch").text
        answer = client.post("/switch", data=coming.entries())
    assert (answer.status_code, answer.headers["location"]) == (303, "/live?grid=4&cams=1,2,,")
    assert _open(world, answer.cookies[COOKIE]).person.id == coming.id
    with _browser(world, cookie(token)) as client:
        problem(client.get("/api/v1/me"), 401)
    closed = world.events(Action.SESSION_CLOSE)
    assert [(event.actor_name, event.detail) for event in closed] == [("desk 0", {"why": "switched"})]


@pytest.mark.parametrize("path", ["/login", "/api/v1/session"])
def test_who_signs_in_by_another_door_takes_the_place_of_the_one_before_all_the_same(world: World, path: str) -> None:
    token, client = _at_a_workstation(world, page=path == "/login")
    coming = Next(world).entries()
    if path != "/login":
        del coming["next"]
    with client:
        wrong = coming | {"password": "wrong"}
        assert (client.post(path, data=wrong) if path == "/login" else client.post(path, json=wrong)).status_code == 401
        assert _open(world, token).person.name == "desk 0"
        answer = client.post(path, data=coming) if path == "/login" else client.post(path, json=coming)
    assert _open(world, answer.cookies[COOKIE]).person.name == "n.ruiz"
    with _browser(world, cookie(token)) as client:
        problem(client.get("/api/v1/me"), 401)
    assert [(event.actor_name, event.detail) for event in world.events(Action.SESSION_CLOSE)] == [("desk 0", {"why": "switched"})]


def test_who_joins_takes_the_place_of_the_one_before(world: World) -> None:
    token, client = _at_a_workstation(world, page=True)
    with world.site.central.writing() as session:
        account = done(add_person(session, CONSOLE, NewAccount("n.ruiz", Role.DESK), at=world.clock.now()))
        first = done(invite_person(session, CONSOLE, account.id, at=world.clock.now())).code
    with client:
        answer = client.post("/join", data={"name": "n.ruiz", "invitation": first, "password": "a long enough phrase 7"})
    assert answer.status_code == 303
    with _browser(world, cookie(token)) as client:
        problem(client.get("/api/v1/me"), 401)


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}, {"code": ""}, {"name": "nobody"}])
def test_a_failed_switch_changes_nothing(world: World, wrong: dict[str, str]) -> None:
    token, client = _at_a_workstation(world, page=True)
    before = _open(world, token)
    coming = Next(world)
    with client:
        answer = client.post("/switch", data=coming.entries(**wrong))
    assert answer.status_code == 401
    assert "Name, password or code is wrong." in answer.text
    assert COOKIE not in answer.cookies
    assert _open(world, token).person == before.person
    assert world.events(Action.SESSION_CLOSE) == []


def test_a_switch_is_guessed_at_the_pace_of_a_sign_in(world: World) -> None:
    _, client = _at_a_workstation(world, page=True)
    with client:
        answers = [client.post("/switch", data={"name": "n.ruiz", "password": "wrong"}).status_code for _ in range(7)]
    assert answers[:5] == [401] * 5
    assert answers[-1] == 429


def test_nobody_takes_the_place_of_nobody(world: World) -> None:
    answer = httpx.post(f"{world.address}/switch", data=Next(world).entries(), headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert world.events(Action.SESSION_CLOSE) == []

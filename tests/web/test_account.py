"""One's own account: the second factor that a role needs, the password, and where one is signed in."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pyotp
import pytest

from tests.factories import PASSWORD, an_account, done
from tests.web.world import OWN_PAGE, World, cookie, problem
from vms.domain.access import Action
from vms.domain.people import PROOF_LASTS, Proof, Role
from vms.services.sessions import open_session
from web.security import COOKIE

LATER = timedelta(minutes=1)


class Browser:
    """Somebody's browser, which keeps the cookie that it is given."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self.token = token

    def get(self, path: str, *, page: bool = True) -> httpx.Response:
        return self._ask("GET", path, None, page=page)

    def post(self, path: str, form: dict[str, str] | None = None, *, page: bool = True) -> httpx.Response:
        return self._ask("POST", path, form or {}, page=page)

    def _ask(self, method: str, path: str, form: dict[str, str] | None, *, page: bool) -> httpx.Response:
        headers: dict[str, str] = OWN_PAGE | dict(cookie(self.token)) | {"accept": "text/html" if page else "application/json"}
        if method == "POST":
            headers |= {"referer": f"{self._world.address}/people"}
        answer = httpx.request(method, f"{self._world.address}{path}", data=form, headers=headers, timeout=20)
        self.token = answer.cookies.get(COOKIE) or self.token
        return answer

    def set_up_authenticator(self) -> tuple[str, httpx.Response]:
        """Return the secret and the page with the codes on paper."""
        assert self.post("/account/authenticator").status_code == 303
        shown = re.search(r'class="mono">([A-Z2-7 ]+)<', self.get("/account/authenticator").text)
        assert shown is not None
        secret = shown[1].replace(" ", "")
        return secret, self.post("/account/authenticator/code", {"code": pyotp.TOTP(secret).at(self._world.clock.now())})


@pytest.fixture
def browser(world: World) -> Browser:
    """Somebody of the desk, just signed in by a password alone."""
    with world.site.central.writing() as session:
        account = an_account(session, Role.DESK, name="d.nakamura")
        token = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=world.clock.now())).token
    return Browser(world, token)


def _sign_in(world: World, code: str) -> httpx.Response:
    form = {"name": "d.nakamura", "password": PASSWORD, "code": code}
    return httpx.post(f"{world.address}/login", data=form, headers=OWN_PAGE | {"accept": "text/html"}, timeout=20)


def test_a_password_alone_leads_to_setting_up_the_second_factor(world: World, browser: Browser) -> None:
    assert browser.get("/").headers["location"] == "/account"
    assert "Your role needs one" in browser.get("/account").text
    for path in ("/live", "/playback"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/authenticator")
    refused = problem(browser.get("/api/v1/cameras", page=False), 403)
    assert refused["way_on"] == "/account/authenticator"
    assert world.events(Action.ACCESS_REFUSE) == []


def test_what_the_role_may_not_is_refused_as_ever(browser: Browser) -> None:
    assert browser.get("/cameras").status_code == 403


def test_setting_up_opens_what_the_role_may_and_shows_the_codes_once(world: World, browser: Browser) -> None:
    before = browser.token
    _, page = browser.set_up_authenticator()
    codes = re.findall(r"<li>([0-9a-f]{5}(?:-[0-9a-f]{5}){3})</li>", page.text)
    assert len(codes) == 10
    assert browser.token != before
    assert browser.get("/live").status_code == 200
    assert Browser(world, before).get("/api/v1/me", page=False).status_code == 401
    for path in ("/account", "/account/authenticator"):
        assert not any(code in browser.get(path).text for code in codes)


def test_a_wrong_first_code_keeps_the_secret_on_the_page(browser: Browser) -> None:
    browser.post("/account/authenticator")
    before = browser.get("/account/authenticator").text
    answer = browser.post("/account/authenticator/code", {"code": "123"})
    assert (answer.status_code, "not the code it shows now" in answer.text) == (403, True)
    secret = re.search(r'class="mono">([A-Z2-7 ]+)<', before)
    assert secret is not None
    assert secret[1] in answer.text


def test_sign_in_asks_for_the_code_from_then_on(world: World, browser: Browser) -> None:
    secret, _ = browser.set_up_authenticator()
    world.clock.step(LATER)
    assert _sign_in(world, "").status_code == 401
    assert _sign_in(world, pyotp.TOTP(secret).at(world.clock.now())).status_code == 303


def test_the_page_says_where_one_is_signed_in_and_ends_it_there(world: World, browser: Browser) -> None:
    secret, _ = browser.set_up_authenticator()
    world.clock.step(LATER)
    other = Browser(world, _sign_in(world, pyotp.TOTP(secret).at(world.clock.now())).cookies[COOKIE])
    page = browser.get("/account").text
    (end,) = re.findall(r'action="(/account/sessions/\d+/end)"', page)
    assert "127.0.0.1" in page
    assert browser.post(end).status_code == 303
    assert other.get("/api/v1/me", page=False).status_code == 401
    assert browser.get("/api/v1/me", page=False).status_code == 200


def test_a_new_password_is_taken_and_a_weak_or_wrong_one_is_not(world: World, browser: Browser) -> None:
    assert browser.post("/account/password", {"old": "wrong", "new": "a quite different sentence"}).status_code == 401
    assert "15 characters" in browser.post("/account/password", {"old": PASSWORD, "new": "short"}).text
    assert browser.post("/account/password", {"old": PASSWORD, "new": "a quite different sentence"}).status_code == 303
    assert [event.actor_name for event in world.events(Action.PERSON_PASSWORD)] == ["d.nakamura"]


def test_an_act_that_wants_a_fresh_proof_leads_there_and_back(world: World) -> None:
    with world.site.central.writing() as session:
        account = an_account(session, Role.IT, name="t.okafor")
        token = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=world.clock.now())).token
    it = Browser(world, token)
    world.clock.step(PROOF_LASTS)
    answer = it.post(f"/people/{account.id}/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/prove?next=%2Fpeople")
    assert problem(it.post(f"/people/{account.id}/sign-out", page=False), 401)["way_on"] == "/prove"
    assert it.post("/prove", {"password": "wrong", "next": "/people"}).status_code == 401
    proved = it.post("/prove", {"password": PASSWORD, "next": "/people"})
    assert (proved.status_code, proved.headers["location"]) == (303, "/people")
    assert world.events(Action.ACCESS_REFUSE) == []


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example"])
def test_a_proof_never_leads_to_another_site(browser: Browser, there: str) -> None:
    assert browser.post("/prove", {"password": PASSWORD, "next": there}).headers["location"] == "/"


def test_guessing_a_proof_is_slowed_down(browser: Browser) -> None:
    answers = [browser.post("/prove", {"password": "wrong"}).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]

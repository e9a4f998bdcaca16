"""Passkeys over HTTP: the pages' forms, the cookie that a challenge is bound to, and the addresses that can have none."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
import pytest

from tests.factories import PASSWORD, an_account, done
from tests.fakes.authenticator import Authenticator, Lie
from tests.vms.services.requesting import a_request, at_work, in_order
from tests.web.world import OWN_PAGE, World, problem
from vms.domain.access import Action
from vms.domain.ids import SessionId
from vms.domain.outcome import Refused
from vms.domain.people import PROOF_LASTS, Person, Proof, Role
from vms.domain.sign_in_pace import OF_PERSON_HERE
from vms.services.sessions import open_session
from web.deps import Use
from web.routers.passkeys import COOKIE as CHALLENGE_COOKIE
from web.security import COOKIE

NEED = "Passkeys need the pages under a host name with a trusted certificate."


@dataclass
class Browser:
    """Somebody's browser at http://localhost, with a passkey in it. It sends the cookies that it was given."""

    world: World
    token: str = ""
    challenge: str = ""

    def __post_init__(self) -> None:
        self.host = f"localhost:{self.world.address.rpartition(':')[2]}"
        self.device = Authenticator(f"http://{self.host}")

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, *, page: bool = True) -> httpx.Response:
        kept = "; ".join(f"{name}={value}" for name, value in ((COOKIE, self.token), (CHALLENGE_COOKIE, self.challenge)) if value)
        headers = OWN_PAGE | {"host": self.host, "cookie": kept, "accept": "text/html" if page else "application/json"}
        answer = httpx.request(method, f"{self.world.address}{path}", data=form, headers=headers, timeout=20)
        self.token = answer.cookies.get(COOKIE) or self.token
        self.challenge = answer.cookies.get(CHALLENGE_COOKIE) or self.challenge
        return answer

    def options(self, act: str) -> str:
        answer = self.ask("POST", f"/api/v1/passkeys/{act}", page=False)
        assert answer.status_code == 200, answer.text
        return answer.text

    def add(self, label: str = "Phone") -> httpx.Response:
        return self.ask("POST", "/account/passkeys", {"credential": self.device.create(self.options("new")), "label": label})

    def sign_in(self, lie: Lie | None = None) -> httpx.Response:
        self.token = ""
        answer = self.device.get(self.options("sign-in"), lie or Lie())
        return self.ask("POST", "/login/passkey", {"credential": answer, "next": "/playback"})


@pytest.fixture
def browser(world: World) -> Browser:
    """Somebody of the desk, just signed in by a password alone."""
    with world.site.central.writing() as session:
        account = an_account(session, Role.DESK, name="d.nakamura")
        token = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=world.clock.now())).token
    return Browser(world, token)


def test_adding_one_opens_the_role_and_shows_the_codes_once(browser: Browser) -> None:
    assert "Add a passkey" in browser.ask("GET", "/account/passkeys/new").text
    before = browser.token
    page = browser.add()
    assert len(re.findall(r"<li>([0-9a-f]{5}(?:-[0-9a-f]{5}){3})</li>", page.text)) == 10
    assert "Your passkey works" in page.text
    assert browser.token != before
    assert browser.ask("GET", "/live").status_code == 200
    browser.device = Authenticator(browser.device.origin)
    assert browser.add("Key ring").headers["location"] == "/account?done=passkey"


def test_a_passkey_signs_in_and_leads_on(world: World, browser: Browser) -> None:
    browser.add()
    answer = browser.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/playback")
    assert browser.ask("GET", "/playback").status_code == 200
    assert world.events(Action.SESSION_OPEN)[-1].detail["how"] == "passkey"


def test_whoever_signs_in_by_a_passkey_takes_the_place_of_who_was_signed_in(world: World, browser: Browser) -> None:
    browser.add()
    with world.site.central.writing() as session:
        person = an_account(session, Role.COUNSEL, name="c.ito").id
        before = done(open_session(session, person_id=person, proof=Proof.PASSWORD, at=world.clock.now())).token
    browser.token = before
    answer = browser.device.get(browser.options("sign-in"))
    assert browser.ask("POST", "/login/passkey", {"credential": answer}).status_code == 303
    assert isinstance(world.site.signed_in(before, Use.BY_PAGE), Refused)
    assert [event.actor_name for event in world.events(Action.SESSION_CLOSE)] == ["c.ito"]


def test_the_challenge_is_bound_to_a_cookie_that_no_script_reads(browser: Browser) -> None:
    browser.add()
    browser.token = ""
    asked = browser.ask("POST", "/api/v1/passkeys/sign-in", page=False)
    parts = {part.strip().lower() for part in asked.headers["set-cookie"].split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/", "max-age=300"} <= parts
    answer = browser.device.get(asked.text)
    elsewhere = Browser(browser.world)
    assert elsewhere.ask("POST", "/login/passkey", {"credential": answer}).status_code == 401
    assert browser.ask("POST", "/login/passkey", {"credential": answer}).status_code == 303


def test_a_passkey_that_lies_gets_a_sentence_on_the_sign_in_page(world: World, browser: Browser) -> None:
    browser.add()
    answer = browser.sign_in(Lie(origin="https://evil.example"))
    assert (answer.status_code, "This passkey opens nothing here." in answer.text) == (401, True)
    assert COOKIE not in answer.cookies
    assert world.events(Action.SESSION_REFUSE)[-1].detail["why"] == "answer"


def test_a_passkey_that_counts_back_is_told_on_the_log_page(world: World, browser: Browser) -> None:
    browser.add()
    assert browser.sign_in().status_code == 303
    browser.device.counter = 0
    assert browser.sign_in().status_code == 401
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "Sign-in refused: a passkey counted back" in director.get("/log").text


def test_an_origin_with_another_port_is_another_origin(browser: Browser) -> None:
    browser.add()
    assert browser.sign_in(Lie(origin="http://localhost:1")).status_code == 401


def test_wrong_tries_with_a_passkey_slow_down_that_passkey_alone(browser: Browser) -> None:
    browser.add()
    wrong = Authenticator(browser.device.origin)
    own, browser.device = browser.device, wrong
    assert [browser.sign_in().status_code for _ in range(OF_PERSON_HERE.free + 1)] == [401] * OF_PERSON_HERE.free + [429]
    browser.device = own
    assert browser.sign_in().status_code == 303


def test_a_passkey_proves_anew_and_leads_back(world: World, browser: Browser) -> None:
    browser.add()
    world.clock.step(PROOF_LASTS)
    assert browser.ask("GET", "/account/passkeys/new").headers["location"] == "/prove?next=%2Faccount%2Fpasskeys%2Fnew"
    assert "Go on with a passkey" in browser.ask("GET", "/prove").text
    before, answer = browser.token, browser.device.get(browser.options("proof"))
    proved = browser.ask("POST", "/prove/passkey", {"credential": answer, "next": "/account/passkeys/new"})
    assert (proved.status_code, proved.headers["location"]) == (303, "/account/passkeys/new")
    assert browser.token != before
    assert browser.ask("GET", "/account/passkeys/new").status_code == 200


def test_a_wrong_proof_stays_on_its_page(browser: Browser) -> None:
    browser.add()
    answer = browser.ask("POST", "/prove/passkey", {"credential": browser.device.get(browser.options("proof"), Lie(flags=1))})
    assert (answer.status_code, "did not answer as asked" in answer.text) == (401, True)


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example"])
def test_a_passkey_never_leads_to_another_site(browser: Browser, there: str) -> None:
    browser.add()
    form = {"credential": browser.device.get(browser.options("sign-in")), "next": there}
    assert browser.ask("POST", "/login/passkey", form).headers["location"] == "/"


def test_the_account_page_names_renames_and_removes(world: World, browser: Browser) -> None:
    browser.add("Phone of <b>")
    page = browser.ask("GET", "/account").text
    assert "Phone of &lt;b&gt;" in page
    (number,) = re.findall(r"/account/passkeys/(\d+)/rename", page)
    assert browser.ask("POST", f"/account/passkeys/{number}/rename", {"label": "Phone"}).status_code == 303
    assert "the only one" in browser.ask("POST", f"/account/passkeys/{number}/remove").text
    browser.device = Authenticator(browser.device.origin)
    browser.add("Key ring")
    assert browser.ask("POST", f"/account/passkeys/{number}/remove").headers["location"] == "/account?done=removed"
    assert [event.detail["label"] for event in world.events(Action.FACTOR_REMOVE)] == ["Phone"]


def test_removing_one_asks_for_a_fresh_proof(world: World, browser: Browser) -> None:
    browser.add()
    world.clock.step(PROOF_LASTS)
    assert browser.ask("POST", "/account/passkeys/1/remove").headers["location"].startswith("/prove")


def test_a_session_by_password_of_before_the_first_passkey_adds_none(world: World, browser: Browser) -> None:
    older = Browser(world, browser.token)
    with world.site.central.writing() as session:
        person = world.site.signed_in(browser.token, Use.BY_PAGE)
        assert isinstance(person, Person)
        older.token = done(open_session(session, person_id=person.id, proof=Proof.PASSWORD, at=world.clock.now())).token
    browser.add()
    assert older.ask("GET", "/account/passkeys/new").headers["location"].startswith("/login")  # the first factor ended it
    assert problem(older.ask("POST", "/api/v1/passkeys/new", page=False), 401)["title"] == "Sign in"


def test_an_address_has_no_passkeys_and_the_pages_say_so(world: World, browser: Browser) -> None:
    plain = httpx.get(f"{world.address}/login", headers=OWN_PAGE).text
    assert NEED in plain
    assert "data-passkey" not in plain
    browser.host = world.address.removeprefix("http://")
    for path in ("/account", "/account/passkeys/new"):
        page = browser.ask("GET", path).text
        assert NEED in page
        assert "data-passkey" not in page
    for act in ("sign-in", "proof", "new"):
        assert str(problem(browser.ask("POST", f"/api/v1/passkeys/{act}", page=False), 403)["detail"]).startswith(NEED)


def test_a_form_without_an_answer_is_refused(browser: Browser) -> None:
    assert browser.ask("POST", "/login/passkey", {}).status_code == 401
    assert browser.ask("POST", "/prove/passkey", {}).status_code == 401
    assert browser.ask("POST", "/account/passkeys", {}).status_code == 403
    assert browser.ask("POST", "/login/passkey", {"credential": "x" * 40_000}).status_code == 422


def test_another_site_can_ask_for_nothing(world: World) -> None:
    headers = {"sec-fetch-site": "cross-site", "host": f"localhost:{world.address.rpartition(':')[2]}"}
    assert httpx.post(f"{world.address}/api/v1/passkeys/sign-in", headers=headers).status_code == 403


def test_a_password_alone_is_refused_like_a_wrong_one_once_there_is_a_passkey(browser: Browser) -> None:
    browser.add()
    answer = browser.ask("POST", "/login", {"name": "d.nakamura", "password": PASSWORD})
    assert (answer.status_code, "Name, password or code is wrong." in answer.text) == (401, True)


def test_a_passkey_signs_an_approval_with_no_other_proof(world: World) -> None:
    with world.site.central.writing() as session:
        clerk, head = (an_account(session, role, name=name) for role, name in ((Role.DESK, "d.nakamura"), (Role.DIRECTOR, "h.marsh")))
        at, settings = world.clock.now(), world.site.settings
        token = done(open_session(session, person_id=head.id, proof=Proof.PASSWORD, at=at)).token
        taker, judge = (Person(one.id, one.name, one.role, SessionId(1)) for one in (clerk, head))
        request = a_request(session, settings, taker, camera=world.camera.camera.id, at=at)
        in_order(session, settings, at_work(judge, at), request, at=at)
    director, page = Browser(world, token), f"/requests/{request.id}"
    director.add()
    assert "Approve exactly this with a passkey" in director.ask("GET", page).text
    world.clock.step(PROOF_LASTS)

    def approve(**more: str) -> httpx.Response:
        return director.ask("POST", f"{page}/approve", {"sha256": request.sha256} | more)

    def challenge() -> str:
        asked = director.ask("POST", f"/api/v1{page}/challenge", page=False)
        assert asked.status_code == 200, asked.text
        return asked.text

    for stale in (approve(), approve(credential=director.device.get(challenge(), Lie(kind="webauthn.create")))):
        assert stale.headers["location"].startswith("/prove")
    signed = approve(credential=director.device.get(challenge()))
    assert signed.headers["location"] == f"{page}?done=approved"
    told = director.ask("GET", f"/api/v1{page}", page=False).json()["approval"]
    assert (told["proof"], len(told["passkey"])) == ("passkey", 64)

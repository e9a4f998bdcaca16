"""Sign-in by the district's OpenID provider, against npm oidc-provider as a process: what a browser does, cookie by cookie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest

from tests.factories import PASSWORD, an_account, done
from tests.web.conftest import Migrated
from tests.web.district import a_district, confirmed, oidc_settings
from tests.web.serving import loopback_socket
from tests.web.world import OWN_PAGE, World, a_world
from vms.domain.access import AccessEvent, Action
from vms.domain.outcome import Refused
from vms.domain.people import PROOF_LASTS, Proof, Role
from vms.services.oidc_provider import CALLBACK
from vms.services.sessions import open_session, prove_session, session_for_token
from vms.store import people
from web.deps import Use
from web.oidc_flows import FLOW_COOKIE
from web.security import COOKIE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    with a_district(tmp_path_factory.mktemp("oidc"), migrated_sqlite, "127.0.0.1") as world:
        yield world


@pytest.fixture(autouse=True)
def _on_time(world: World) -> None:
    """The provider's clock is the machine's; five minutes later who guessed may guess again."""
    world.clock.at = datetime.now(UTC)
    world.clock.seconds += 1000


@dataclass
class Browser:
    """Keeps our cookies and sends them as their SameSite says; at the provider it is whoever `account` names."""

    world: World
    account: str
    groups: str = ""
    amr: str = "pwd,mfa"
    cookies: dict[str, str] = field(default_factory=dict)
    lax: set[str] = field(default_factory=set)
    provider: httpx.Cookies = field(default_factory=httpx.Cookies)

    def post(self, path: str, **form: str) -> httpx.Response:
        return self._ask("POST", f"{self.world.address}{path}", self.cookies, "same-origin", form)

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", f"{self.world.address}{path}", self.cookies, "same-origin")

    def come_back(self, address: str) -> httpx.Response:
        """Follow a link or a redirect of another site: strict cookies stay at home."""
        return self._ask("GET", address, {name: value for name, value in self.cookies.items() if name in self.lax}, "cross-site")

    def at_provider(self, page: httpx.Response) -> str:
        """Follow our page to the provider, sign in there, and return the address that it sends the browser back to."""
        address = onward(page)
        headers = {"x-account": self.account, "x-groups": self.groups, "x-amr": self.amr}
        with httpx.Client(cookies=self.provider, trust_env=False, timeout=20) as client:
            while not address.startswith(self.world.address):
                answer = client.get(address, headers=headers)
                assert answer.next_request is not None, answer.text
                address = str(answer.next_request.url)
            self.provider = client.cookies
        return address

    def sign_in(self, next_path: str = "") -> httpx.Response:
        return self.come_back(self.at_provider(self.post("/login/oidc", next=next_path)))

    def _ask(self, method: str, address: str, cookies: dict[str, str], site: str, form: dict[str, str] | None = None) -> httpx.Response:
        headers = {"accept": "text/html", "sec-fetch-site": site, "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        answer = httpx.request(method, address, data=form, headers=headers, timeout=20)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.lax |= {name} if morsel["samesite"].lower() == "lax" else set()
                assert morsel["secure"]
                assert morsel["httponly"]
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value
        return answer


def onward(page: httpx.Response) -> str:
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


def newest(world: World, action: Action) -> AccessEvent:
    return world.events(action)[-1]


def known(world: World, account: str, groups: str = "cameras-it", amr: str = "pwd,mfa") -> Browser:
    """Return the browser of somebody whose proposed account was confirmed."""
    browser = Browser(world, account, groups, amr)
    assert browser.sign_in().status_code == 401
    confirmed(world, account)
    return browser


def linked(world: World, account: str) -> Browser:
    """Return the browser of somebody who has a password here and has linked the provider's `account`."""
    browser = with_password(world, account)
    back = browser.come_back(browser.at_provider(browser.post("/account/oidc")))
    assert onward(back) == "/account?done=linked"
    return browser


def with_password(world: World, account: str) -> Browser:
    browser = Browser(world, account)
    with world.site.central.writing() as session:
        person = an_account(session, Role.IT, name=f"{account} by hand")
        people.confirm(session, person.id, world.clock.now())
        token = done(open_session(session, person_id=person.id, proof=Proof.TOTP, at=world.clock.now())).token
    browser.cookies[COOKIE] = token
    return browser


def test_somebody_new_is_proposed_and_waits_for_the_director(world: World) -> None:
    browser = Browser(world, "ana", "readers,cameras-it")
    answer = browser.sign_in()
    assert (answer.status_code, COOKIE in browser.cookies) == (401, False)
    assert "‘ana’ was proposed for you. It opens once the Director has confirmed it." in answer.text
    event = newest(world, Action.PERSON_ADD)
    assert (event.actor, event.detail["role"], event.detail["confirmed"]) == ("system:oidc", "it", "no")
    assert "waits for the Director" in browser.sign_in().text
    assert newest(world, Action.PERSON_ADD) == event


def test_a_confirmed_account_is_opened_and_leads_on(world: World) -> None:
    browser = known(world, "ben")
    answer = browser.sign_in("/cameras?x=1")
    assert (answer.status_code, onward(answer)) == (200, "/cameras?x=1")
    assert browser.get("/cameras").status_code == 200
    event = newest(world, Action.SESSION_OPEN)
    assert (event.actor_name, event.detail["how"]) == ("ben", "oidc")


@pytest.mark.parametrize("door", ["/login/oidc", "/switch/oidc"])
def test_who_comes_from_the_provider_takes_the_place_of_who_was_signed_in_here_whatever_that_one_proved_meanwhile(
    world: World, door: str
) -> None:
    """A new proof goes on under another token, which the browser that is at the provider has by then."""
    name = f"ines {door.split('/')[1]}"
    coming = known(world, name)
    before = with_password(world, f"{name} before")
    coming.cookies[COOKIE] = before.cookies[COOKIE]
    back = coming.at_provider(coming.post(door))
    with world.site.central.writing() as session:
        person = done(session_for_token(session, before.cookies[COOKIE], at=world.clock.now())).person
        coming.cookies[COOKIE] = prove_session(session, person, Proof.TOTP, at=world.clock.now()).token
    proved = coming.cookies[COOKIE]
    coming.come_back(back)
    assert newest(world, Action.SESSION_OPEN).actor_name == name
    assert isinstance(world.site.signed_in(proved, Use.BY_PAGE), Refused)
    assert newest(world, Action.SESSION_CLOSE).actor_name == f"{name} before by hand"


def test_a_link_begun_before_a_new_proof_is_of_the_same_session(world: World) -> None:
    browser = with_password(world, "iris")
    back = browser.at_provider(browser.post("/account/oidc"))
    with world.site.central.writing() as session:
        person = done(session_for_token(session, browser.cookies[COOKIE], at=world.clock.now())).person
        browser.cookies[COOKIE] = prove_session(session, person, Proof.TOTP, at=world.clock.now()).token
    assert onward(browser.come_back(back)) == "/account?done=linked"


def _set_up(world: World, browser: Browser) -> pyotp.TOTP:
    """Set up an authenticator for who is signed in."""
    browser.post("/account/authenticator")
    shown = re.search(r'class="mono">([A-Z2-7 ]+)<', browser.get("/account/authenticator").text)
    assert shown is not None
    totp = pyotp.TOTP(shown[1].replace(" ", ""))
    assert browser.post("/account/authenticator/code", code=totp.at(world.clock.now())).status_code == 200
    return totp


def test_one_factor_at_the_provider_asks_for_a_second_one_here(world: World) -> None:
    browser = known(world, "cleo", amr="pwd")
    browser.sign_in()
    assert browser.get("/cameras").headers["location"] == "/account/authenticator"
    totp = _set_up(world, browser)

    again = Browser(world, "cleo", "cameras-it", "pwd")
    world.clock.step(timedelta(minutes=1))
    assert 'name="code"' in again.sign_in("/cameras").text
    assert COOKIE not in again.cookies
    assert "That code is wrong." in again.post("/login/oidc/code", code="000000").text
    assert onward(again.post("/login/oidc/code", code=totp.at(world.clock.now()))) == "/cameras"
    assert again.get("/cameras").status_code == 200
    assert newest(world, Action.SESSION_OPEN).detail["how"] == "oidc+totp"


def test_codes_are_not_to_be_guessed(world: World) -> None:
    browser = known(world, "dora", amr="pwd")
    browser.sign_in()
    _set_up(world, browser)
    guesser = Browser(world, "dora", "cameras-it", "pwd")
    guesser.sign_in()
    answers = [guesser.post("/login/oidc/code", code="000000") for _ in range(6)]
    assert "One more thing" not in answers[4].text
    assert "Begin again" in answers[5].text
    guesser.sign_in()
    assert guesser.post("/login/oidc/code", code="000000").status_code == 429


def test_an_empty_code_is_a_try_that_failed(world: World) -> None:
    """Asked on without one, a guesser's wrong codes would be forgiven."""
    browser = known(world, "faye", amr="pwd")
    browser.sign_in()
    _set_up(world, browser)
    guesser = Browser(world, "faye", "cameras-it", "pwd")
    guesser.sign_in()
    for code in ("000000", "000000", "000000", ""):
        assert guesser.post("/login/oidc/code", code=code).status_code == 401
    guesser.sign_in()
    assert [guesser.post("/login/oidc/code", code="000000").status_code for _ in range(2)] == [401, 429]


def test_who_is_in_no_mapped_group_is_refused_and_not_proposed(world: World) -> None:
    before = world.events(Action.PERSON_ADD)
    assert "None of your groups at the district stands for a role here." in Browser(world, "eve", "readers").sign_in().text
    assert world.events(Action.PERSON_ADD) == before
    assert newest(world, Action.SESSION_REFUSE).detail["how"] == "oidc"


def test_a_group_may_stand_for_a_branch(world: World) -> None:
    Browser(world, "finn", "cameras-desk").sign_in()
    assert "‘Nowhere’, which is not known here" in Browser(world, "gil", "cameras-lost").sign_in().text
    with world.site.central.reading() as session:
        (finn,) = [one for one in people.find(session) if one.name == "finn"]
    assert (finn.role, finn.branches) == (Role.DESK, frozenset({world.branch.id}))


def test_who_left_the_group_is_refused_and_whoever_joins_another_keeps_the_role(world: World) -> None:
    browser = known(world, "hana", "cameras-desk")
    browser.groups = "cameras-it"
    browser.provider.clear()
    assert "None of your groups stands for your role here (desk) any more." in browser.sign_in().text
    browser.groups = "cameras-it,cameras-desk"
    browser.provider.clear()
    browser.sign_in()
    assert browser.get("/live").status_code == 200
    assert browser.get("/cameras").status_code == 403
    assert newest(world, Action.SESSION_OPEN).role == "desk"


def test_the_director_sees_which_accounts_the_provider_proposed_and_confirms_them(world: World) -> None:
    Browser(world, "yves", "cameras-desk").sign_in()
    with world.client(Role.DIRECTOR, page=True) as director:
        row = re.search(r"<b>yves</b>.*?</tr>", director.get("/people").text, re.DOTALL)
        assert row is not None
        assert "by the district" in row[0]
        confirm = re.search(r'action="(/people/\d+/confirm)"', row[0])
        assert confirm is not None
        assert director.post(confirm[1]).status_code == 303
    assert onward(Browser(world, "yves", "cameras-desk").sign_in("/live")) == "/live"


def test_a_name_that_is_taken_gets_a_number(world: World) -> None:
    with world.site.central.writing() as session:
        an_account(session, Role.DESK, name="Ivan")
    assert "‘ivan 2’ was proposed" in Browser(world, "ivan", "cameras-it").sign_in().text


def test_an_account_is_linked_and_opened_either_way_until_the_link_is_taken_away(world: World) -> None:
    browser = linked(world, "jo")
    assert "Linked." in browser.get("/account?done=linked").text
    browser.cookies.clear()
    assert onward(browser.sign_in("/cameras")) == "/cameras"
    assert newest(world, Action.SESSION_OPEN).actor_name == "jo by hand"
    assert browser.post("/account/oidc/remove").headers["location"] == "/account?done=unlinked"
    browser.cookies.clear()
    assert "None of your groups" in browser.sign_in().text
    assert newest(world, Action.IDENTITY_UNLINK).actor_name == "jo by hand"


def test_linking_wants_a_fresh_proof(world: World) -> None:
    browser = with_password(world, "kim")
    world.clock.step(PROOF_LASTS)
    assert browser.post("/account/oidc").headers["location"].startswith("/prove")


def test_an_identity_opens_one_account_only(world: World) -> None:
    linked(world, "lena")
    other = with_password(world, "mona")
    other.account = "lena"
    answer = other.come_back(other.at_provider(other.post("/account/oidc")))
    assert "That sign-in opens the account ‘lena by hand’." in answer.text


def test_a_link_of_a_session_that_ended_meanwhile_links_nothing(world: World) -> None:
    browser = with_password(world, "nils")
    back = browser.at_provider(browser.post("/account/oidc"))
    browser.post("/logout")
    assert browser.come_back(back).status_code == 401
    assert newest(world, Action.SESSION_CLOSE).actor_name == "nils by hand"
    assert [event for event in world.events(Action.IDENTITY_LINK) if event.actor_name == "nils by hand"] == []


def test_an_account_without_a_password_keeps_its_link_and_takes_no_invitation(world: World) -> None:
    browser = known(world, "olga")
    browser.sign_in()
    assert browser.post("/account/oidc/remove").status_code == 403
    with world.site.central.reading() as session:
        (olga,) = [one for one in people.find(session) if one.name == "olga"]
    it = with_password(world, "otto")
    assert it.post(f"/people/{olga.id}/invite").status_code == 403


def test_a_proof_by_the_provider_opens_what_wants_a_fresh_one(world: World) -> None:
    browser = known(world, "pia")
    browser.sign_in()
    world.clock.step(PROOF_LASTS)
    before = browser.cookies[COOKIE]
    assert 'name="password"' not in browser.get("/prove?next=/people/new").text
    there = browser.post("/prove/oidc", next="/people/new")
    asked = parse_qs(urlsplit(onward(there)).query)
    assert (asked["prompt"], asked["max_age"], asked["code_challenge_method"]) == (["login"], ["0"], ["S256"])
    world.clock.at = datetime.now(UTC)
    assert onward(browser.come_back(browser.at_provider(there))) == "/people/new"
    assert browser.cookies[COOKIE] != before
    assert (newest(world, Action.SESSION_PROVE).actor_name, newest(world, Action.SESSION_PROVE).detail["how"]) == ("pia", "oidc")


def test_who_takes_anothers_place_proves_it_to_the_provider_anew_and_who_signs_in_need_not(world: World) -> None:
    browser = with_password(world, "rhea")
    asked = {door: parse_qs(urlsplit(onward(browser.post(door))).query) for door in ("/switch/oidc", "/login/oidc")}
    assert {door: (query.get("prompt"), query.get("max_age")) for door, query in asked.items()} == {
        "/switch/oidc": (["login"], ["0"]),
        "/login/oidc": (None, None),
    }


def test_a_sign_in_of_ten_minutes_ago_is_no_fresh_proof(world: World) -> None:
    browser = known(world, "quin")
    browser.sign_in()
    back = browser.at_provider(browser.post("/prove/oidc", next="/people"))
    world.clock.at += PROOF_LASTS + timedelta(seconds=30)
    answer = browser.come_back(back)
    assert (answer.status_code, "did not ask you anew" in answer.text) == (401, True)


def test_a_proof_by_somebody_else_is_none(world: World) -> None:
    known(world, "rosa")
    browser = known(world, "sam")
    browser.sign_in()
    browser.account = "rosa"
    browser.provider.clear()
    answer = browser.come_back(browser.at_provider(browser.post("/prove/oidc", next="/people")))
    assert (answer.status_code, "as somebody else" in answer.text) == (401, True)


def test_a_return_counts_once(world: World) -> None:
    browser = known(world, "tara")
    back = browser.at_provider(browser.post("/login/oidc"))
    handle = browser.cookies[FLOW_COOKIE]
    browser.come_back(back)
    assert FLOW_COOKIE not in browser.cookies
    browser.cookies = {FLOW_COOKIE: handle}
    assert "was not begun in this browser" in browser.come_back(back).text


def test_the_return_of_another_browser_opens_nothing(world: World) -> None:
    """Who sends his own return to somebody would have them work under his name; the other way round, under theirs."""
    attacker, victim = known(world, "ulf"), Browser(world, "vera")
    back = attacker.at_provider(attacker.post("/login/oidc"))
    assert victim.come_back(back).status_code == 401
    own = victim.post("/login/oidc")
    handle = victim.cookies[FLOW_COOKIE]
    assert "was not begun in this browser" in victim.come_back(back).text
    assert COOKIE not in victim.cookies
    victim.cookies = {FLOW_COOKIE: handle}
    assert "None of your groups" in victim.come_back(victim.at_provider(own)).text
    attacker.come_back(back)
    assert COOKIE in attacker.cookies


def test_a_return_from_another_provider_opens_nothing(world: World) -> None:
    browser = known(world, "wim")
    back = browser.at_provider(browser.post("/login/oidc"))
    assert "iss=" in back
    mixed = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    assert "nothing that can be believed" in browser.come_back(mixed).text
    assert COOKIE not in browser.cookies
    browser.post("/login/oidc")
    assert (
        "nothing that can be believed"
        in browser.come_back(re.sub(r"&iss=[^&]+", "", browser.at_provider(browser.post("/login/oidc")))).text
    )


def test_a_sign_in_that_takes_longer_than_ten_minutes_begins_again(world: World) -> None:
    browser = known(world, "xara")
    back = browser.at_provider(browser.post("/login/oidc"))
    world.clock.seconds += 600
    assert "Begin again" in browser.come_back(back).text


def test_another_site_begins_no_sign_in(world: World) -> None:
    headers = {"sec-fetch-site": "cross-site", "accept": "text/html"}
    assert httpx.post(f"{world.address}/login/oidc", headers=headers).status_code == 403


def test_the_button_stands_on_the_sign_in_page_beside_the_password(world: World) -> None:
    page = Browser(world, "nobody").get("/login").text
    assert "District sign-in" in page
    assert 'name="password"' in page


def test_while_nothing_is_set_there_is_no_button_and_nothing_at_the_addresses(shared_world: World) -> None:
    with shared_world.client(page=True) as client:
        assert "oidc" not in client.get("/login").text
        assert client.get(CALLBACK, params={"code": "x", "state": "y"}).status_code == 404


def test_a_provider_that_is_away_is_said_in_a_sentence_and_passwords_go_on(tmp_path: Path, migrated_sqlite: Migrated) -> None:
    sock, gone = loopback_socket(), loopback_socket()
    issuer = f"http://127.0.0.1:{gone.getsockname()[1]}"
    gone.close()
    address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    with a_world(oidc_settings(tmp_path, migrated_sqlite, address, issuer), sock) as world:
        with world.site.central.writing() as session:
            an_account(session, Role.DESK, name="d.nakamura")
        browser = Browser(world, "anybody")
        answer = browser.post("/login/oidc")
        assert (answer.status_code, "The district&#39;s sign-in doesn&#39;t answer." in answer.text) == (503, True)
        form = {"name": "d.nakamura", "password": PASSWORD}
        assert httpx.post(f"{address}/login", data=form, headers=OWN_PAGE | {"accept": "text/html"}).status_code == 303

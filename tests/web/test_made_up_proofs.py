"""T16: nothing made up proves anybody: random tokens and codes by the thousand, magic ones, and cookies that say more than one thing."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pyotp
import pytest
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from tests.factories import CONSOLE, FACTOR_KEY, NOW, PASSWORD, a_branch, a_screen, after, an_account, done, quick_hash
from tests.fakes.authenticator import Authenticator
from tests.fakes.hostile_openid import CLIENT, hostile_provider
from tests.web import proofs
from tests.web.conftest import Migrated
from tests.web.payloads import PAYLOADS
from tests.web.world import OWN_PAGE, World, a_world, cookie
from tests.web.world_clock import DrivenClock
from vms.cli.context import Cli
from vms.config import Settings
from vms.domain.camera import Branch
from vms.domain.identity import Identity
from vms.domain.people import Ceremony, Person, Proof, Role
from vms.domain.screens import ScreenKind
from vms.services import screens
from vms.services.passkeys import add_passkey, ask_to_sign_in, browser_holder, offer_passkey, sign_in_by_passkey
from vms.services.passwords import NO_PASSWORD, fits
from vms.services.second_factor import STEP_SECONDS, enrol_totp, offer_totp, take_code
from vms.services.sessions import SignedIn, digest, open_session, screen_of_browser, session_for_token
from vms.services.webauthn import RelyingParty
from vms.store import passkeys, people
from vms.store.database import Engines
from vms.store.migrate import Which
from web.oidc_flows import Flow, Flows, For, new_secrets
from web.screen_cookie import SCREEN_COOKIE, screen_sha256
from web.security import COOKIE

RANDOM = 5_000
FEWER = {"command line": 500, "assertion": 500}
"""Where each takes a file or two signatures; the command line's token is looked up as any session's is."""
MAGIC = (
    *("", " ", "constructor", "__proto__", "toString", "null", "undefined", "None", "true", "0", "-1", "NaN", "[]", "{}", "admin"),
    *PAYLOADS,
)
ORIGIN = "https://cameras.library.example"
RP = RelyingParty("cameras.library.example", frozenset({ORIGIN}))
CHOSEN = "a" * 43
"""What somebody planted in a browser before its owner came."""


@dataclass(frozen=True)
class Somebody:
    """A person who has one of everything that can be guessed at, each genuine and in force."""

    person: Person
    genuine: Mapping[str, str]
    """Way → what opens it."""
    codes: frozenset[str]
    """Of the authenticator, right now."""
    passkey: Authenticator
    flows: Flows
    cli: Cli
    token_file: Path


Way = Callable[[Session, Somebody, str], bool]
"""Says whether a text was taken for a proof of somebody."""


def _session(session: Session, _somebody: Somebody, told: str) -> bool:
    return isinstance(getattr(session_for_token(session, told, at=NOW), "person", None), Person)


def _command_line(session: Session, somebody: Somebody, told: str) -> bool:
    somebody.token_file.write_bytes(told.encode(errors="surrogatepass"))
    return somebody.cli.person_if_any(session) is not None


def _screen(session: Session, _somebody: Somebody, told: str) -> bool:
    header = f"{SCREEN_COOKIE}={told}".encode(errors="replace")
    return screen_of_browser(session, screen_sha256(HTTPConnection({"type": "http", "headers": [(b"cookie", header)]}))) is not None


def _enrolment_code(session: Session, _somebody: Somebody, told: str) -> bool:
    return isinstance(screens.enrol_screen(session, told, at=NOW), screens.Enrolled)


def _invitation(session: Session, somebody: Somebody, told: str) -> bool:
    return people.take_invitation(session, somebody.person.id, digest(told), NOW)


def _password(_session: Session, _somebody: Somebody, told: str) -> bool:
    return fits(_HASH, told)


def _code(session: Session, somebody: Somebody, told: str) -> bool:
    """An authenticator's code or one on paper; a random one of six digits may be right, so the right ones are left out."""
    return take_code(session, somebody.person.id, told, key=FACTOR_KEY, at=NOW) is not None


def _challenge(session: Session, _somebody: Somebody, told: str) -> bool:
    """The browser's cookie that a passkey's challenge waits for."""
    return passkeys.take_challenge(session, browser_holder(told), Ceremony.SIGN_IN, NOW) is not None


def _assertion(session: Session, somebody: Somebody, told: str) -> bool:
    """What a passkey answers, for a challenge that waits: told alone, or as the signature of the genuine passkey."""
    holder = browser_holder("the cookie")
    answer = json.loads(somebody.passkey.get(ask_to_sign_in(session, RP, holder, at=NOW)))
    answer["response"]["signature"] = told
    first = sign_in_by_passkey(session, RP, holder, json.dumps(answer), at=NOW)
    ask_to_sign_in(session, RP, holder, at=NOW)
    return SignedIn in (type(first), type(sign_in_by_passkey(session, RP, holder, told, at=NOW)))


def _handle(_session: Session, somebody: Somebody, told: str) -> bool:
    return somebody.flows.take_returned(told, somebody.genuine["state"]) is not None


def _waiting_handle(_session: Session, somebody: Somebody, told: str) -> bool:
    return somebody.flows.take_waiting(told) is not None


def _state(_session: Session, somebody: Somebody, told: str) -> bool:
    return somebody.flows.take_returned(somebody.genuine["handle"], told) is not None


WAYS: Mapping[str, Way] = {
    "session": _session,
    "command line": _command_line,
    "screen": _screen,
    "enrolment code": _enrolment_code,
    "invitation": _invitation,
    "password": _password,
    "code": _code,
    "paper": _code,
    "challenge": _challenge,
    "assertion": _assertion,
    "handle": _handle,
    "waiting handle": _waiting_handle,
    "state": _state,
}
_HASH = quick_hash()
SHAPES: Mapping[str, Callable[[], str]] = {
    "code": lambda: f"{secrets.randbelow(10**6):06}",
    **dict.fromkeys(("paper", "enrolment code", "invitation"), lambda: secrets.token_hex(10)),
}
"""What made-up ones look like; tokens of 256 bits where nothing else is said."""


@pytest.fixture
def somebody(central_sqlite: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Somebody:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    passkey, flows, cli = Authenticator(ORIGIN), Flows(DrivenClock()), Cli(tmp_path, DrivenClock())
    with central_sqlite.writing() as session:
        account = an_account(session, Role.DESK)
        opened: SignedIn = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=NOW))
        secret = done(offer_totp(session, opened.person, key=FACTOR_KEY)).secret
        codes = [pyotp.TOTP(secret).at(after(step * STEP_SECONDS)) for step in (-1, 0, 1)]
        enrolled = done(enrol_totp(session, opened.person, codes[0], key=FACTOR_KEY, at=NOW))
        options = done(offer_passkey(session, enrolled.signed_in.person, RP, title="District", at=NOW))
        proved = done(add_passkey(session, enrolled.signed_in.person, RP, passkey.create(options), label="Phone", at=NOW)).signed_in
        people.invite(session, account.id, digest("invited"), NOW.replace(year=NOW.year + 1))
        ask_to_sign_in(session, RP, browser_holder("the browser's"), at=NOW)
        branch = a_branch(session)
        screen, waits = a_screen(session, branch), _a_code(session, branch)
    cli.keep_token(proved.token)
    flow = Flow(For.SIGN_IN, new_secrets(), "/")
    genuine = {
        "session": proved.token,
        "command line": proved.token,
        "screen": screen.token,
        "enrolment code": waits,
        "invitation": "invited",
        "password": PASSWORD,
        "code": codes[1],
        "paper": enrolled.recovery_codes[0],
        "challenge": "the browser's",
        "handle": flows.keep(flow),
        "waiting handle": flows.keep(replace(flow, identity=Identity("https://provider", "ana", "ana", frozenset(), True, NOW))),
        "state": flow.secrets.state,
    }
    token_file = next((tmp_path / "state").rglob("*.session"))
    return Somebody(proved.person, genuine, frozenset(codes), passkey, flows, cli, token_file)


def _a_code(session: Session, branch: Branch) -> str:
    """Return the code of a screen that waits for its browser."""
    return done(screens.add_screen(session, CONSOLE, name="Waits", branch=branch.id, kind=ScreenKind.WALL, at=NOW)).code


def test_every_place_of_a_proof_is_entered_and_every_way_is_tried() -> None:
    entered = [place for places in proofs.WAYS.values() for place in places]
    assert proofs.found() == {*entered} | proofs.NO_PROOF.keys()
    assert len({*entered}) == len(entered)
    assert WAYS.keys() == proofs.WAYS.keys()


@pytest.mark.parametrize("part", [pytest.param(10, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_made_up_is_taken_and_the_genuine_one_is(central_sqlite: Engines, somebody: Somebody, way: str, part: int) -> None:
    """Everyday a tenth of them, and every magic one."""
    shape = SHAPES.get(way, lambda: secrets.token_urlsafe(32))
    with central_sqlite.writing() as session:
        made_up = [told for told in (*(shape() for _ in range(FEWER.get(way, RANDOM) // part)), *MAGIC) if told not in somebody.codes]
        taken = [told for told in made_up if WAYS[way](session, somebody, told)]
        assert taken == []
        assert _takes_the_genuine_one(session, somebody, way)


def _takes_the_genuine_one(session: Session, somebody: Somebody, way: str) -> bool:
    """Try what is genuine; an assertion is made for the challenge that waits."""
    if way != "assertion":
        return WAYS[way](session, somebody, somebody.genuine[way])
    holder = browser_holder("the cookie")
    answer = somebody.passkey.get(ask_to_sign_in(session, RP, holder, at=NOW))
    return isinstance(sign_in_by_passkey(session, RP, holder, answer, at=NOW), SignedIn)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["session", "screen", "enrolment code", "invitation", "paper", "challenge", "handle", "state"])
def test_the_genuine_one_cut_short_or_drawn_out_is_not_taken(central_sqlite: Engines, somebody: Somebody, way: str) -> None:
    genuine = somebody.genuine[way]
    crooked = [genuine[:-1], genuine[1:], genuine + "A", genuine.swapcase() + "0", digest(genuine).hex(), genuine[::-1]]
    with central_sqlite.writing() as session:
        assert [told for told in crooked if WAYS[way](session, somebody, told)] == []


def test_codes_of_two_steps_away_and_used_ones_are_not_taken(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session, Role.DESK)
        opened = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=NOW))
        authenticator = pyotp.TOTP(done(offer_totp(session, opened.person, key=FACTOR_KEY)).secret)
        done(enrol_totp(session, opened.person, authenticator.at(NOW), key=FACTOR_KEY, at=NOW))
        told = [authenticator.at(after(step * STEP_SECONDS)) for step in (-2, 2, -1, 0)]
        assert [take_code(session, account.id, code, key=FACTOR_KEY, at=NOW) for code in told] == [None] * 4
        assert take_code(session, account.id, authenticator.at(after(STEP_SECONDS)), key=FACTOR_KEY, at=NOW) is Proof.TOTP
        assert take_code(session, account.id, authenticator.at(after(STEP_SECONDS)), key=FACTOR_KEY, at=NOW) is None


COOKIES = {
    "another name": "vms={token}",
    "another case": "__host-vms={token}",
    "a prefix more": "x__Host-vms={token}",
    "the passkey's": "__Host-vms-passkey={token}",
    "the provider's": "__Host-oidc={token}",
    "cut short": "__Host-vms={cut}",
    "one more": "__Host-vms={token}A",
    "its digest": "__Host-vms={digest}",
    "without a name": "{token}",
    "after a wrong one of no name": "=none {token}",
}


@pytest.mark.slow
def test_a_cookie_that_is_not_quite_it_opens_nothing(shared_world: World) -> None:
    token = shared_world.token(Role.DESK)
    with shared_world.client() as browser:
        for name, cookie in COOKIES.items():
            told = cookie.format(token=token, cut=token[:-1], digest=digest(token).hex())
            assert browser.get("/api/v1/me", headers={"cookie": told}).status_code == 401, name
        assert browser.get("/api/v1/me", headers={"cookie": f"{COOKIE}={token}"}).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/login", "/api/v1/session", "/join", "/switch"])
def test_signing_in_takes_over_no_token_that_the_browser_brought(world: World, path: str) -> None:
    """Fixation: who plants a session's cookie, one of their own or one that nobody has, gets nothing by the sign-in that follows."""
    with world.site.central.writing() as session:
        account = an_account(session, Role.DESK, name="d.nakamura", password_hash=NO_PASSWORD if path == "/join" else None)
        people.invite(session, account.id, digest("invited"), NOW.replace(year=NOW.year + 1))
    entries = {"name": account.name, "password": PASSWORD} | ({"invitation": "invited"} if path == "/join" else {})
    planted = world.token(Role.DESK) if path in ("/switch", "/join") else CHOSEN
    with world.client() as browser:
        answer = _post(browser, path, entries, planted)
        given = answer.cookies[COOKIE]
        assert given not in (planted, "")
        assert browser.get("/api/v1/me", headers=cookie(given)).json()["name"] == account.name
        assert browser.get("/api/v1/me", headers=cookie(planted)).json().get("name") != account.name


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/prove", "/api/v1/session/proof"])
def test_a_new_proof_ends_the_token_that_was_there_before(world: World, path: str) -> None:
    """Step-up: who has read or planted the cookie of somebody's session is out of it once they prove anew who they are."""
    planted = world.token(Role.DESK)
    with world.client() as browser:
        answer = _post(browser, path, {"password": PASSWORD}, planted)
        given = answer.cookies[COOKIE]
        assert given not in (planted, "")
        assert browser.get("/api/v1/me", headers=cookie(given)).status_code == 200
        assert browser.get("/api/v1/me", headers=cookie(planted)).status_code == 401


def _post(browser: httpx.Client, path: str, entries: dict[str, str], token: str) -> httpx.Response:
    headers, is_json = {**OWN_PAGE, **cookie(token)}, path.startswith("/api/")
    answer = browser.post(path, json=entries if is_json else None, data=None if is_json else entries, headers=headers)
    assert answer.status_code in (200, 303), answer.text
    return answer


@pytest.mark.slow
def test_no_cookie_is_the_one_that_the_browser_brought(tmp_path: Path, migrated_sqlite: Migrated) -> None:
    """Whatever the web sets it has drawn itself: every cookie there is, asked for by a browser that has one of that name already."""
    given: dict[str, str] = {}
    with hostile_provider() as provider:
        settings = Settings(data_dir=tmp_path, public_url="http://localhost", oidc_issuer=provider.issuer, oidc_client_id=CLIENT)
        migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
        settings.secrets_dir.mkdir()
        settings.oidc_secret_path.write_text("the client's secret")
        settings.oidc_secret_path.chmod(0o600)
        with a_world(settings) as world, world.client() as browser:
            with world.site.central.writing() as session:
                name, code = an_account(session, Role.DESK, name="d.nakamura").name, _a_code(session, world.branch)
            brought = "; ".join(f"{one}={CHOSEN}" for one in sorted(proofs.cookies_set()))
            for path, entries in {
                "/login": {"name": name, "password": PASSWORD},
                "/login/oidc": {"next": ""},
                "/screens/enrol": {"code": code},
                "/api/v1/passkeys/sign-in": {},
            }.items():
                host = {"host": f"localhost:{world.address.rpartition(':')[2]}"}
                answer = browser.post(path, data=entries, headers=OWN_PAGE | host | {"cookie": brought})
                assert answer.is_success or answer.is_redirect, answer.text
                given |= {one: value for one, value in answer.cookies.items() if one != SCREEN_COOKIE or path == "/screens/enrol"}
            assert given.keys() == proofs.cookies_set()
            assert CHOSEN not in given.values()
            with world.site.central.reading() as session:
                assert session_for_token(session, CHOSEN, at=NOW) == session_for_token(session, "", at=NOW)
                assert screen_of_browser(session, digest(CHOSEN)) is None

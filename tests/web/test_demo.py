"""The demo's sign-in and bar, and that nothing but the demo can reach them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from tests.factories import a_camera, an_account
from tests.web.fake_node import FakeNode
from tests.web.serving import loopback_socket, plainly, served, unix_socket
from tests.web.world import OWN_PAGE, World
from vms.clock import SystemClock
from vms.config import Settings
from vms.crypto import new_signing_key, verifying_key
from vms.domain.access import Action
from vms.domain.people import Role
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, migrate
from web.certificate import ServedCertificate
from web.demo import OneTimeCode, _is_here, create_demo_app
from web.security import COOKIE
from web.server import configuration

ROOT = Path(__file__).parents[2]
CODE = "a code of one start"


@dataclass
class Demo:
    address: str
    central: Engines

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, headers=OWN_PAGE, trust_env=False, timeout=20)


@pytest.fixture
def demo(settings: Settings) -> Iterator[Demo]:
    for folder in (settings.secrets_dir, settings.run_dir):
        folder.mkdir()
    settings.grant_key_path.write_bytes(new_signing_key())
    node = FakeNode(verifying_key(settings.grant_key_path.read_bytes()), SystemClock())
    central = make_engines(settings.central_path)
    migrate(central, Which.CENTRAL)
    with central.writing() as session:
        a_camera(session)
        at = SystemClock().now()
        # Real people with every role stand before the demo's own: by name and by age they come first.
        for role in Role:
            an_account(session, role, name=f"a real {role.value}", at=at)
        made = {an_account(session, role, name=f"the demo's {role.value}", at=at).id for role in Role}
    sock = loopback_socket()
    app = create_demo_app(settings, SystemClock(), code=OneTimeCode(hashlib.sha256(CODE.encode()).digest()), made=made)
    with served(plainly(node.app()), unix_socket(settings.node_socket)), served(configuration(app, ServedCertificate(None)), sock):
        yield Demo(f"http://127.0.0.1:{sock.getsockname()[1]}", central)
    central.dispose()


@contextmanager
def _signed_in(demo: Demo) -> Iterator[httpx.Client]:
    with demo.browser() as client:
        answer = client.post("/demo/session", json={"code": CODE})
        assert answer.status_code == 204, answer.text
        client.headers["cookie"] = f"{COOKIE}={answer.cookies[COOKIE]}"
        yield client


def test_the_code_signs_in_once(demo: Demo) -> None:
    with _signed_in(demo) as client:
        assert client.get("/api/v1/me").json()["name"] == "the demo's desk"
        again = client.post("/demo/session", json={"code": CODE})
    assert again.status_code == 401
    assert "set-cookie" not in again.headers


def test_a_wrong_code_opens_nothing_and_spends_nothing(demo: Demo) -> None:
    with demo.browser() as client:
        assert client.post("/demo/session", json={"code": "guess"}).status_code == 401
    with _signed_in(demo):
        pass


def test_the_bar_switches_between_all_roles(demo: Demo) -> None:
    with _signed_in(demo) as client:
        for role in Role:
            answer = client.post("/demo/switch", data={"role": role.value})
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            client.headers["cookie"] = f"{COOKIE}={answer.cookies[COOKIE]}"
            me = client.get("/api/v1/me").json()
            assert (me["role"], me["name"]) == (role, f"the demo's {role.value}")
            page = client.get(client.get("/", headers={"accept": "text/html"}).headers["location"], headers={"accept": "text/html"})
            assert page.text.count('aria-pressed="true"') == 1


def test_switching_ends_the_session_before(demo: Demo) -> None:
    with _signed_in(demo) as client:
        client.post("/demo/switch", data={"role": "it"})
        assert client.get("/api/v1/me").status_code == 401


def test_who_is_to_prove_who_they_are_goes_on_by_one_button_to_where_they_were(demo: Demo) -> None:
    with _signed_in(demo) as client:
        page = client.get("/prove?next=/requests/7", headers={"accept": "text/html"}).text
        form = page[page.index("no password") :].partition("</form>")[0]
        assert 'name="next" value="/requests/7"' in form
        assert 'value="desk">Go on as Desk<' in form
        answer = client.post("/demo/switch", data={"role": "desk", "next": "/requests/7"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/requests/7")
        client.headers["cookie"] = f"{COOKIE}={answer.cookies[COOKIE]}"
        elsewhere = client.post("/demo/switch", data={"role": "desk", "next": "//elsewhere.example/"})
        assert elsewhere.headers["location"] == "/"


def test_a_role_that_is_none_is_refused(demo: Demo) -> None:
    with _signed_in(demo) as client:
        assert client.post("/demo/switch", data={"role": "owner"}).status_code == 422


def test_the_bar_asks_for_a_session(demo: Demo) -> None:
    with demo.browser() as client:
        assert client.post("/demo/switch", data={"role": "it"}, headers={"accept": "text/html"}).status_code == 303


@pytest.mark.parametrize(("host", "here"), [("127.0.0.1", True), ("::1", True), ("10.0.0.5", False), ("testclient", False)])
def test_only_this_machine_may_use_it(host: str, here: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    assert _is_here(Request({"type": "http", "headers": [], "client": (host, 1)})) is here


def test_a_code_is_used_up_by_the_first_of_two_at_once() -> None:
    code = OneTimeCode(hashlib.sha256(CODE.encode()).digest())
    assert [code.use("other"), code.use(CODE), code.use(CODE)] == [False, True, False]


def test_a_used_code_stays_used_when_the_web_process_starts_again(tmp_path: Path) -> None:
    kept = tmp_path / "demo-code"
    kept.write_text(hashlib.sha256(CODE.encode()).hexdigest())
    assert [OneTimeCode.kept_in(kept).use(code) for code in ("other", CODE, CODE, "")] == [False, True, False, False]


@pytest.mark.parametrize("path", ["/demo/session", "/demo/switch"])
def test_the_product_itself_has_no_such_address(shared_world: World, path: str) -> None:
    with shared_world.client(Role.DIRECTOR) as client:
        assert client.post(path, json={"code": CODE}).status_code == 404
    assert all(event.detail.get("how") != "demo" for event in shared_world.events(Action.SESSION_OPEN))


def test_no_module_but_the_demos_command_imports_it() -> None:
    importers = {
        path.relative_to(ROOT).as_posix()
        for package in ("vms", "web", "recorder", "retention")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if "web.demo" in _imported(node)
    }
    assert importers <= {"vms/cli/demo.py"}


def _imported(node: ast.AST) -> set[str]:
    match node:
        case ast.Import(names):
            return {name.name for name in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {module} | {f"{module}.{name.name}" for name in names}
        case _:
            return set()

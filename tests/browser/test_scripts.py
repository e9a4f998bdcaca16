"""T8: names, reasons and what a camera says of itself that try to be scripts, on every page, in a real browser: nothing of it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy.orm import Session

from tests.browser.structure import faults_of
from tests.factories import CONSOLE, a_branch, a_camera, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.vms.services.requesting import SCAN, a_request
from tests.web.conftest import Migrated
from tests.web.payloads import SCRIPTS
from tests.web.test_permissions import _bare
from tests.web.world import World, a_world, cookie, stream_of
from vms.config import Settings
from vms.domain.camera import CameraDetails, Pause, StreamRole
from vms.domain.ids import SessionId
from vms.domain.instrument_rules import RulesVersion, text_of
from vms.domain.instruments import SHIPPED
from vms.domain.legal_hold import LegalHold
from vms.domain.people import Person, Proof, Role
from vms.domain.request import DenyReason, ExportRequest, Requester
from vms.domain.timespan import Timespan
from vms.services import complaints, inquiries, instrument_rules
from vms.services.complaints import NewComplaint
from vms.services.district import District, save_district
from vms.services.hold_release import propose_release
from vms.services.inquiries import NewInquiry
from vms.services.pauses import pause_camera
from vms.services.request_acts import deny
from vms.services.request_papers import add_paper, advise
from vms.services.sessions import open_session
from vms.store import people
from vms.store.migrate import Which
from web.permissions import declared_permissions
from web.security import HEADERS

SHORT = [text for text in SCRIPTS if len(text) <= 60]
"""Names have room for 120 characters."""
EVERY = pytest.mark.parametrize("every", [pytest.param(12, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)])
"""Each sixth text in `make test`, all of them in `make test-long`."""
PAGES = {
    "/", "/login", "/live", "/playback", "/cameras", "/cameras/new", "/cameras/{camera}", "/log", "/healthz", "/ca", "/ca.crt",
    "/static/{path:path}", "/nothing", "/join", "/prove", "/account", "/account/authenticator", "/account/passkeys/new", "/people",
    "/people/new", "/people/{number}/delegation", "/waiting", "/rules", "/reviews", "/login/oidc/callback",
    "/switch", "/switch/done", "/screens", "/screens/enrol", "/wall", "/download",
    "/emergency", "/emergency/new", "/emergency/reviews", "/emergency/{number}/review",
    "/keep", "/holds", "/holds/new", "/holds/report", "/holds/{number}", "/holds/{number}/sheet", "/holds/{number}/release",
    "/requests", "/requests/new", "/requests/stills", "/requests/{number}", "/requests/{number}/letter", "/requests/{number}/scope",
    "/requests/{number}/advice", "/requests/{number}/papers/{paper}", "/requests/{number}/receipt", "/requests/{number}/receipt.pdf",
    "/requests/{number}/redaction", "/requests/{number}/redaction/sheets/{sheet}",
    "/policy", "/policy/new", "/rules/document", "/rules/versions/{version}",
    "/door", "/door/{number}", "/deputies",
    "/notice", "/register", "/privacy-reviews", "/training", "/cards",
    "/inquiry", "/inquiries", "/inquiries/{number}",
    "/complaints", "/complaints/new", "/complaints/{number}", "/complaints/{number}/receipt", "/complaints/{number}/letter",
    "/complaints/{number}/watched",
    "/spot-checks", "/spot-checks/{number}",
    "/deletion-certificates/{month}.json", "/deletion-certificates/{month}.note", "/deletion-certificates/{month}.pdf",
}  # fmt: skip


class Planted:
    """A world in which everything that has a text has a script."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cameras: list[CameraDetails] = []
        clock, whole = world.clock, SHORT[0]
        with world.site.central.writing() as session:
            save_district(session, CONSOLE, District(whole, "America/Los_Angeles", 14, whole), at=clock.now())
            for number, text in enumerate(SHORT):
                branch = a_branch(session, f"{text}{number}")
                camera = a_camera(session, branch, f"{text}{number}")
                self.cameras.append(camera)
                until = Pause(clock.now() + timedelta(hours=2), f"because {text}")
                if number % 2:
                    pause_camera(session, CONSOLE, camera.camera.id, until, at=clock.now())
            account = an_account(session, Role.DELEGATE, name="places holds")
            by = Person(account.id, account.name, account.role, SessionId(1))
            self.requests = [self._request(session, by, camera, text) for camera, text in zip(self.cameras, SHORT, strict=True)]
            about = an_account(session, Role.DESK, name=SHORT[0])
            told = NewComplaint(
                "paper", "staff", SHORT[0], about.name, SHORT[0], SHORT[0], cameras=frozenset({self.cameras[0].camera.id}),
                time=Timespan(clock.now() - timedelta(hours=1), clock.now()),
            )  # fmt: skip
            self.complaint = done(complaints.enter(session, world.site.settings, by, told, at=clock.now()))
            done(complaints.answer(session, by, self.complaint.id, SHORT[0], at=clock.now()))
            asked = NewInquiry("other", SHORT[0], SHORT[0], SHORT[0], SHORT[0], SHORT[0], SHORT[0])
            public = world.site.settings.model_copy(update={"public_inquiry": "on"})
            self.inquiry = done(inquiries.submit(session, public, asked, at=clock.now()))
            done(inquiries.set_aside(session, by, self.inquiry.id, SHORT[0], at=clock.now()))
            self.rules = [self._rules(session, by, text) for text in SHORT]
            self.holds = [self._hold(session, by, camera, text) for camera, text in zip(self.cameras, SHORT, strict=True)]
        world.node.states = [self._state(camera, text) for camera, text in zip(self.cameras, SHORT, strict=True)]
        world.node.verdicts = {f"/{number}": {**self._verdict(text)} for number, text in enumerate(SHORT)}

    def _hold(self, session: Session, by: Person, camera: CameraDetails, text: str) -> LegalHold:
        """Place a hold of which every text is a script, and propose its release for another."""
        at = self.world.clock.now()
        hold = a_hold(session, by, a_new_hold(of_cameras(camera.camera.id), matter=text, reason=text, authority=text), at=at)
        done(propose_release(session, by, hold.id, text, at=at))
        return hold

    def _rules(self, session: Session, by: Person, text: str) -> RulesVersion:
        """Propose rules whose reason and whose letter are scripts."""
        document = json.loads(text_of(1, SHIPPED.of))
        document["instruments"]["insurer"]["letter"] = text
        return done(instrument_rules.propose(session, by, json.dumps(document), text, at=self.world.clock.now()))

    def _request(self, session: Session, by: Person, camera: CameraDetails, text: str) -> ExportRequest:
        """Enter a request of which every text is a script, refused with another."""
        at, settings = self.world.clock.now(), self.world.site.settings
        told: dict[str, Any] = dict.fromkeys(("purpose", "verified", "court", "docket", "local_time", "report_number"), text)
        told["requester"] = Requester(text, text, text, text)
        request = a_request(session, settings, by, camera=camera.camera.id, at=at, **told)
        done(add_paper(session, settings, by, request.id, text.replace("/", "-"), SCAN, at=at))
        done(advise(session, settings, by, request.id, text, at=at))
        return done(deny(session, settings, by, request.id, DenyReason.OTHER, text, at=at))

    def _state(self, camera: CameraDetails, text: str) -> dict[str, object]:
        """Return the state of a stream with words that a camera chose."""
        stream = {"stream_id": stream_of(camera, StreamRole.MAIN), "camera_id": camera.camera.id, "role": "main"}
        return stream | {"state": "refused", "since": self.world.clock.now().isoformat(), "detail": text}

    def _verdict(self, text: str) -> dict[str, object]:
        return {
            "ok": False, "kind": "refused", "sentence": f"It answers {text}", "codec": text, "width": 1920, "height": 1080, "fps": 15.0,
            "gop_seconds": 2.0, "bitrate": 1, "clock_offset_ms": 1, "jitter_ms": 1.0, "server": text, "warnings": [text],
        }  # fmt: skip

    def token(self, role: Role) -> str:
        """Return a new session of somebody with `role`, whose name is a script as well."""
        name, at = f"{SHORT[1]}{role}", self.world.clock.now()
        with self.world.site.central.writing() as session:
            known = next((one for one in people.find(session) if one.name == name), None)
            account = known or an_account(session, role, name=name)
            people.confirm(session, account.id, at)
            return done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=at)).token


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[Planted]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("scripts"))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings) as world:
        yield Planted(world)


def test_every_page_is_looked_at() -> None:
    """Whoever adds a page adds it to those that this test opens."""
    pages = {route.path for route in declared_permissions(_bare()) if "GET" in route.methods and not route.path.startswith("/api/")}
    assert pages == PAGES - {"/nothing"}


def _addresses(planted: Planted, every: int) -> Iterator[str]:
    yield from sorted(
        PAGES - {"/cameras/{camera}", "/static/{path:path}", "/ca.crt", "/requests/{number}/papers/{paper}", "/rules/document"}
    )
    yield from (f"/rules/versions/{one.version}" for one in planted.rules[::every])
    yield from (f"/cameras/{camera.camera.id}" for camera in planted.cameras[::every])
    yield from (
        f"/requests/{one.id}{end}" for one in planted.requests[::every] for end in ("", "/letter", "/scope", "/advice", "/redaction")
    )
    yield f"/inquiries/{planted.inquiry.id}"
    yield from (f"/complaints/{planted.complaint.id}{end}" for end in ("", "/receipt", "/letter", "/watched"))
    yield from (f"/holds/{hold.id}{end}" for hold in planted.holds[::every] for end in ("", "/sheet", "/release"))


QUERIES = (
    "/login?next={}",
    "/cameras?q={}",
    "/cameras?state={}&branch={}",
    "/log?person={}&day={}&kind={}",
    "/playback?t={}",
    "/join?name={}",
    "/prove?next={}",
    "/switch?next={}",
    "/screens?done={}",
    "/people?done={}",
    "/log?since={}&until={}",
    "/{}",
    "/static/{}",
)


def _signed_in(browser: Browser, planted: Planted, role: Role) -> BrowserContext:
    """Return a browser whose pages remember what broke the policy, with somebody of `role` signed in."""
    context = browser.new_context()
    context.add_init_script("document.addEventListener('securitypolicyviolation', event => { window.broken = event.violatedDirective })")
    context.set_extra_http_headers(dict(cookie(planted.token(role))))
    return context


TOUCH = """document.querySelectorAll('a, input, button, details').forEach(one => {
    one.focus?.(); one.dispatchEvent(new MouseEvent('mouseover'))
})"""
RAN = "[window.hit ?? null, window.broken ?? null]"


def _ran(page: Page, address: str) -> object:
    """Open a page, focus and hover what it has, and return what ran or broke the policy."""
    page.goto(address, wait_until="load")
    page.evaluate(TOUCH)
    return page.evaluate(RAN)


@EVERY
@pytest.mark.parametrize("role", Role)
def test_no_text_runs_on_any_page(browser: Browser, planted: Planted, role: Role, every: int) -> None:
    context = _signed_in(browser, planted, role)
    try:
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        texts = SHORT[::every]
        addresses = [*_addresses(planted, every), *(query.replace("{}", quote(text, safe="")) for query in QUERIES for text in texts)]
        for address in addresses:
            assert _ran(page, f"{planted.world.address}{address}") == [None, None], address
        if role is Role.IT:
            page.goto(f"{planted.world.address}/cameras")
            shown = page.locator("main").inner_text()
            assert [text for number, text in enumerate(SHORT) if f"{text}{number}" not in shown] == []
        assert [text for text in heard if "Content Security Policy" in text] == []
    finally:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.DESK, Role.DIRECTOR, Role.IT])
def test_every_page_is_told_by_its_heads_its_labels_and_its_parts(browser: Browser, planted: Planted, role: Role) -> None:
    context = _signed_in(browser, planted, role)
    try:
        page = context.new_page()
        faults = {}
        for address in _addresses(planted, 12):
            answer = page.goto(f"{planted.world.address}{address}", wait_until="load")
            if answer is not None and "text/html" in answer.headers.get("content-type", ""):
                faults[address] = faults_of(page)
        assert {address: found for address, found in faults.items() if found} == {}
        assert len(faults) > len(PAGES) / 2
    finally:
        context.close()


@EVERY
def test_no_entry_of_a_form_and_no_word_of_a_camera_runs(browser: Browser, planted: Planted, every: int) -> None:
    context = _signed_in(browser, planted, Role.IT)
    try:
        page = context.new_page()
        for number, text in list(enumerate(SHORT))[::every]:
            for field, value in (("name", text), ("host", text), ("username", text), ("main_path", f"/{number}")):
                page.goto(f"{planted.world.address}/cameras/new")
                if field == "main_path":
                    page.locator("[name=host]").fill("10.20.1.99")
                    page.locator("[name=name]").fill("A")
                page.locator(f"[name={field}]").fill(value)
                with page.expect_response(lambda answer: "/cameras" in answer.url and answer.request.method == "POST"):
                    page.locator("button[value=test]").click()
                page.wait_for_load_state()
                if field == "main_path":
                    page.get_by_text(f"It answers {text}").first.wait_for()
                assert page.evaluate(RAN) == [None, None], (field, text)
    finally:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["<script>window.hit=1</script>", "<img src=x onerror=window.hit=1>", "<link rel=stylesheet href=//evil.example>"]
)
def test_what_is_not_escaped_would_be_noticed(browser: Browser, planted: Planted, text: str) -> None:
    """With the policy of our pages as a broken policy, without it as what ran."""
    context = _signed_in(browser, planted, Role.DESK)
    try:
        page = context.new_page()
        page.route("**/torn", lambda route: route.fulfill(body=f"<body>{text}", content_type="text/html", headers=HEADERS))
        assert _ran(page, f"{planted.world.address}/torn") != [None, None]
    finally:
        context.close()

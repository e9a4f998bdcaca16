"""Enrolled screens in a real browser on the running demo: two people at one desk, its lock, and a wall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.browser.conftest import Demo, Watched, keep_picture, watching
from tests.factories import CONSOLE, PASSWORD, an_account, done
from tests.waiting import wait_until
from vms.clock import SystemClock
from vms.config import load_settings
from vms.domain.access import AccessEvent, Action
from vms.domain.people import Proof, Role
from vms.domain.screens import ScreenKind
from vms.services.access_log import DISTRICT
from vms.services.branches import list_branches
from vms.services.screens import add_screen
from vms.services.second_factor import enrol_totp, offer_totp, read_factor_key
from vms.services.sessions import open_session
from vms.store import access_log, people
from vms.store.database import make_engines

pytestmark = pytest.mark.slow
CLOCK = SystemClock()
SHOWN = {"live", "late"}
"""A picture is there; late is one that a busy machine painted two seconds ago."""
STATES = """() => {
  window.seen = new Set();
  window.looking = setInterval(() => { for (const tile of document.querySelectorAll('vms-tile')) seen.add(tile.dataset.state) }, 20);
}"""


@contextmanager
def _central(demo: Demo) -> Iterator[Session]:
    engines = make_engines(load_settings(demo.product.data).central_path)
    try:
        with engines.writing() as session:
            yield session
    finally:
        engines.dispose()


def _events(demo: Demo, *actions: Action, after: int) -> list[AccessEvent]:
    """Return the entries behind number `after`, oldest first."""
    with _central(demo) as session:
        return list(access_log.following(session, DISTRICT, frozenset(actions), after=after))


def _newest(demo: Demo) -> int:
    with _central(demo) as session:
        return access_log.newest(session, DISTRICT)


@dataclass
class Colleague:
    """Somebody who works at the demo's desk, with a password and codes on paper."""

    demo: Demo
    name: str
    codes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        key, at = read_factor_key(load_settings(self.demo.product.data)), CLOCK.now()
        with _central(self.demo) as session:
            account = an_account(session, Role.SUPERVISOR, name=self.name, at=at)
            people.confirm(session, account.id, at)
            person = done(open_session(session, person_id=account.id, proof=Proof.PASSWORD, at=at)).person
            secret = done(offer_totp(session, person, key=key)).secret
            self.codes += done(enrol_totp(session, person, pyotp.TOTP(secret).at(at), key=key, at=at)).recovery_codes

    def enter(self, page: Page, *, prefix: str = "", password: str = PASSWORD) -> None:
        page.locator(f"#{prefix}name").fill(self.name)
        page.locator(f"#{prefix}password").fill(password)
        page.locator(f"#{prefix}code").fill(self.codes.pop() if password == PASSWORD else "000000")

    def sign_in(self, page: Page) -> None:
        """Sign in on the live page, and wait for its pictures."""
        page.goto(f"{self.demo.origin}/login?next=/live")
        self.enter(page)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/live")
        expect(page.locator("vms-tile[data-state=live]")).to_have_count(4, timeout=30_000)


@pytest.fixture(scope="module")
def ruiz(demo: Demo) -> Colleague:
    return Colleague(demo, "s.ruiz")


@pytest.fixture(scope="module")
def ito(demo: Demo) -> Colleague:
    return Colleague(demo, "m.ito")


def test_the_next_person_takes_the_desk_over_and_the_pictures_go_on(watched: Watched, demo: Demo, ruiz: Colleague, ito: Colleague) -> None:
    page = watched.page
    ito.sign_in(page)
    begun = _newest(demo)
    page.evaluate(STATES)
    page.locator("details.person summary").click()
    page.get_by_role("link", name="Switch user").click()
    dialog = page.get_by_role("dialog", name="Switch user")
    ruiz.enter(page, prefix="switch-", password="not the password")
    keep_picture(page, "switch-user")
    watched.foresee(401)
    dialog.get_by_role("button", name="Switch", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("Name, password or code is wrong.")
    expect(page.locator("details.person summary")).to_contain_text(ito.name)
    assert _events(demo, Action.SESSION_CLOSE, after=begun) == []
    ruiz.enter(page, prefix="switch-")
    dialog.get_by_role("button", name="Switch", exact=True).click()
    expect(page.locator("details.person summary")).to_contain_text(ruiz.name)
    expect(dialog).to_have_count(0)
    closed = wait_until(lambda: found if len(found := _events(demo, Action.VIEW_CLOSE, after=begun)) >= 4 else None)
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4)
    assert set(page.evaluate("clearInterval(looking), [...seen]")) <= SHOWN
    cameras = {event.camera_id for event in closed}
    wait_until(lambda: {one.camera_id for one in _events(demo, Action.VIEW_OPEN, after=begun) if one.actor_name == ruiz.name} == cameras)
    assert {event.actor_name for event in closed} == {ito.name}
    assert all("/" in event.detail["streamed"] for event in closed)
    (switched,) = _events(demo, Action.SESSION_CLOSE, after=begun)
    assert (switched.actor_name, switched.detail) == (ito.name, {"why": "switched"})
    keep_picture(page, "switched")


def test_a_desk_that_nobody_touches_locks_and_its_pictures_go_on(watched: Watched, demo: Demo, ruiz: Colleague) -> None:
    page = watched.page
    ruiz.sign_in(page)
    with _central(demo) as session:
        session.execute(text("UPDATE session SET acted_at = acted_at - 3600000000 WHERE ended_at IS NULL"))
    line = page.locator("#lock")
    expect(line).to_contain_text("Live pictures go on.", timeout=15_000)
    expect(page.get_by_role("navigation", name="Sections").get_by_role("link")).to_have_text(["Live"])
    keep_picture(page, "locked")
    page.evaluate(STATES)
    line.get_by_role("link", name="Unlock").click()
    dialog = page.get_by_role("dialog", name="Show that it is you")
    page.locator("#password").fill(PASSWORD)
    page.locator("#code").fill(ruiz.codes.pop())
    dialog.get_by_role("button", name="Go on", exact=True).click()
    expect(line).to_be_empty()
    expect(page.get_by_role("navigation", name="Sections").get_by_role("link")).to_have_text(["Live", "Playback", "Keep", "Requests"])
    expect(page.locator("vms-tile[data-state=live]")).to_have_count(4)
    assert set(page.evaluate("clearInterval(looking), [...seen]")) <= SHOWN


def test_a_wall_shows_live_pictures_and_leads_nowhere(browser: Browser, demo: Demo, ruiz: Colleague) -> None:
    with _central(demo) as session:
        branch = list_branches(session, CONSOLE)[0]
        new = done(add_screen(session, CONSOLE, name="Hall", branch=branch.id, kind=ScreenKind.WALL, at=CLOCK.now()))
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    with watching(context) as watched:
        page = watched.page
        page.goto(f"{demo.origin}/screens/enrol")
        page.locator("#code").fill(new.code)
        keep_picture(page, "enrol")
        page.get_by_role("button", name="Enrol").click()
        page.get_by_role("link", name="Sign in").click()
        ruiz.enter(page)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Show the wall here").click()
        page.wait_for_url("**/wall")
        expect(page.locator("vms-tile[data-state=live]")).not_to_have_count(0, timeout=30_000)
        expect(page.locator(".wall-line")).to_contain_text(branch.name)
        assert page.locator("nav").count() == 0
        keep_picture(page, "wall")
        page.goto(f"{demo.origin}/account")
        page.wait_for_url("**/login?next=%2Faccount")
    context.close()
